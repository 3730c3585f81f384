"""The tracker: prompts, the bounded memory, one step a frame."""
