"""Checkpoints by name: what there is, where it lies, how it is downloaded and verified. No torch."""
