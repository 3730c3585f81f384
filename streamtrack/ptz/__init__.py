"""A camera that turns after the chosen object: what to do (pure), and how a camera is told."""
