"""Numbers and tensors only: memory, step, runner."""
