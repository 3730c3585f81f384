"""What can go wrong, as one tree.

    StreamTrackError
    ├── ConfigError       a config file or option that cannot be used as written
    ├── SourceError       a video source that cannot be opened or read
    ├── CheckpointError   weights that are missing, damaged or of another model
    │   └── CompileError        a network that could not be compiled; it runs uncompiled
    ├── PromptError       a prompt or object id that does not fit the stream
    │   └── FrameExpiredError   `at_frame` names a frame that is no longer kept
    ├── ShapeError        an array whose shape or dtype is not the documented one
    ├── CapacityError     a bound that was reached: objects, viewers
    └── PublishError      an output that cannot be opened or a message that cannot be read

A message says where, what, got and expected, in one line. Facts that a program may need are attributes.
"""

from __future__ import annotations


class StreamTrackError(Exception):
    """Root of every error that streamtrack raises on purpose."""


class ConfigError(StreamTrackError):
    """A config file or option that cannot be used as written."""


class SourceError(StreamTrackError):
    """A video source that cannot be opened or read. The message never carries credentials."""


class CheckpointError(StreamTrackError):
    """Weights that are missing, damaged, or belong to another model."""


class CompileError(CheckpointError):
    """A network that could not be compiled."""


class PromptError(StreamTrackError):
    """A prompt, or an object id, that does not fit the stream."""


class FrameExpiredError(PromptError):
    """The frame that `at_frame` names is no longer kept."""

    def __init__(self, at_frame: int, oldest_frame_idx: int, newest_frame_idx: int) -> None:
        super().__init__(
            f"at_frame is {at_frame}, expected a kept frame from {oldest_frame_idx} to {newest_frame_idx}"
        )
        self.at_frame = at_frame
        self.oldest_frame_idx = oldest_frame_idx
        self.newest_frame_idx = newest_frame_idx


class ShapeError(StreamTrackError):
    """An array whose shape or dtype is not the documented one."""


class CapacityError(StreamTrackError):
    """A bound that was reached."""


class PublishError(StreamTrackError):
    """An output that cannot be opened, or a message that cannot be read."""
