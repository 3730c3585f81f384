"""What can go wrong, as one tree.

    StreamTrackError
    ├── ConfigError           a config file or option that cannot be used as written
    ├── SourceError           a video source that cannot be opened or read
    │   ├── ForbiddenSourceError  a source that whoever gave it may not open
    │   └── SourceLostError       a source that was open and is gone
    │       └── SourceRefusedError    a camera that refuses user or password
    ├── CheckpointError       weights that are missing, damaged or of another model
    │   └── CompileError          a network that could not be compiled; it runs uncompiled
    ├── PromptError           a prompt or object id that does not fit the stream
    │   ├── FrameExpiredError     `at_frame` names a frame that is no longer kept
    │   ├── UnknownStreamError    a command names a stream that does not exist
    │   ├── DuplicateStreamError  a stream whose name is another's, or is being made or removed
    │   ├── FixedStreamError      a stream of the config file, which is changed there only
    │   ├── UnknownObjectError    a command names an object that is not followed
    │   ├── NothingFoundError     a prompt under which the network finds no object
    │   ├── DuplicateObjectError  a prompt whose object is followed already
    │   ├── UnknownRuleError      a zone or line that does not exist
    │   ├── DuplicateRuleError    a zone or line whose name is another's
    │   ├── UnknownJobError       a film's job that does not exist
    │   ├── UnknownSnoozeError    a snooze that is not in force
    │   ├── FixedRuleError        a zone or line of the config file, which is changed there only
    │   ├── UnknownRecordingError a recording, clip or picture that does not exist
    │   ├── ObjectMemoryError     an object's memory that is damaged, or of another model
    │   └── BadRequestError       bytes that are no request
    │       ├── TooLargeError         a request that is longer than any needs to be
    │       ├── WrongTypeError        a body of another content type
    │       ├── UnknownSessionError   a viewer's session that does not exist
    │       └── UnknownViewError      a kind of picture that does not exist
    ├── ShapeError            an array whose shape or dtype is not the documented one
    ├── ArchiveError          an archive that is not kept, or cannot give what is asked for
    ├── CapacityError         a bound that was reached: objects, viewers
    │   └── BusyError             too many requests at once; ask again
    ├── StreamOfflineError    a stream that cannot carry out a command now
    ├── PtzError              a camera that does not turn
    ├── StateError            state.folder: a file of the state folder that cannot be used
    ├── UnauthorizedError     access.refusals: a request without a key that holds
    │   └── TooManyGuessesError   access.refusals: a token that is not looked at, after wrong ones
    ├── ForbiddenError        access.refusals: a request whose role is too small
    └── PublishError          an output that cannot be opened or a message that cannot be read
        └── NoCommonCodecError    a viewer's offer without a codec that is spoken here

A message says where, what, got and expected, in one line. Facts that a program may need are attributes.
`kind` names an error on ZeroMQ and in HTTP's JSON alike; `http_status` is its HTTP status.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Self


class StreamTrackError(Exception):
    """Root of every error that streamtrack raises on purpose."""

    kind: ClassVar[str] = "failed"
    """Names the error to machines; the same on every endpoint."""
    http_status: ClassVar[int] = 400
    """The HTTP status that an answer with this error has."""

    @classmethod
    def from_message(cls, message: str) -> Self:
        """An error that another process raised, from the text that it sent."""
        error = cls.__new__(cls)
        error.args = (message,)
        return error


class ConfigError(StreamTrackError):
    """A config file or option that cannot be used as written."""

    kind = "config"
    http_status = 422


class SourceError(StreamTrackError):
    """A video source that cannot be opened or read. The message never carries credentials."""

    kind = "source"
    http_status = 409


class ForbiddenSourceError(SourceError):
    """A source that whoever gave it may not open."""

    kind = "forbidden_source"
    http_status = 403


class SourceLostError(SourceError):
    """A source that was open and is gone: try again."""

    kind = "source_lost"


class SourceRefusedError(SourceLostError):
    """A camera that refuses user or password: asked again, but seldom, so that it locks no account."""

    kind = "source_refused"


class CheckpointError(StreamTrackError):
    """Weights that are missing, damaged, or belong to another model."""

    kind = "checkpoint"
    http_status = 409


class CompileError(CheckpointError):
    """A network that could not be compiled."""

    kind = "compile"


class PromptError(StreamTrackError):
    """A prompt, or an object id, that does not fit the stream."""

    kind = "prompt"
    http_status = 422


class FrameExpiredError(PromptError):
    """The frame that `at_frame` names is no longer kept."""

    kind = "frame_expired"
    http_status = 409

    def __init__(self, at_frame: int, oldest_frame_idx: int, newest_frame_idx: int) -> None:
        super().__init__(
            f"at_frame is {at_frame}, expected a kept frame from {oldest_frame_idx} to {newest_frame_idx}"
        )
        self.at_frame = at_frame
        self.oldest_frame_idx = oldest_frame_idx
        self.newest_frame_idx = newest_frame_idx


class UnknownStreamError(PromptError):
    """A command named a stream that does not exist."""

    kind = "unknown_stream"
    http_status = 404

    def __init__(self, stream: str, known: Sequence[str]) -> None:
        super().__init__(f"stream is {stream!r}, expected one of: {', '.join(known) or 'none'}")
        self.stream = stream


class DuplicateStreamError(PromptError):
    """A stream whose name is another's, or is being made or removed at this moment."""

    kind = "duplicate_stream"
    http_status = 409


class FixedStreamError(PromptError):
    """A stream of the config file, which is changed there only."""

    kind = "fixed_stream"
    http_status = 409


class UnknownObjectError(PromptError):
    """A command named an object that the stream does not follow."""

    kind = "unknown_object"
    http_status = 404

    def __init__(self, stream: str, object_id: int, known: Sequence[int]) -> None:
        ids = ", ".join(str(known_id) for known_id in known) or "none"
        super().__init__(f"{stream}: object_id is {object_id}, expected one that is followed: {ids}")
        self.object_id = object_id


class NothingFoundError(PromptError):
    """A prompt for a new object under which the network finds none: its mask is empty."""

    kind = "nothing_found"


class DuplicateObjectError(PromptError):
    """A prompt for a new object whose mask is that of an object that is followed already."""

    kind = "duplicate"
    http_status = 409

    def __init__(self, stream: str, object_id: int) -> None:
        super().__init__(f"{stream}: object {object_id} is followed there already, expected another place")
        self.object_id = object_id


class UnknownRuleError(PromptError):
    """A zone or line that the stream does not have."""

    kind = "unknown_rule"
    http_status = 404

    def __init__(self, stream: str, name: str, known: Sequence[str]) -> None:
        names = ", ".join(known) or "none"
        super().__init__(f"{stream}: rule is {name!r}, expected one of: {names}")
        self.name = name


class DuplicateRuleError(PromptError):
    """A zone or line whose name is another's."""

    kind = "duplicate_rule"
    http_status = 409


class FixedRuleError(PromptError):
    """A zone or line of the config file, which is changed there only."""

    kind = "fixed_rule"
    http_status = 409


class UnknownJobError(PromptError):
    """A film's job that does not exist, any more."""

    kind = "unknown_job"
    http_status = 404

    def __init__(self, job_id: str) -> None:
        super().__init__(f"job is {job_id!r}, expected one that GET /jobs lists")
        self.job_id = job_id


class UnknownSnoozeError(PromptError):
    """A snooze that is not in force."""

    kind = "unknown_snooze"
    http_status = 404


class UnknownRecordingError(PromptError):
    """A recording, a clip or an event's picture that is not there, or not any more."""

    kind = "unknown_recording"
    http_status = 404


class ObjectMemoryError(PromptError):
    """An object's memory as a file that is damaged, of another model, or does not fit what it is for."""

    kind = "object_memory"


class BadRequestError(PromptError):
    """Bytes that are no request."""

    kind = "bad_request"
    http_status = 400


class TooLargeError(BadRequestError):
    """A request that is longer than any needs to be."""

    kind = "too_large"
    http_status = 413


class WrongTypeError(BadRequestError):
    """A body of another content type."""

    kind = "wrong_type"
    http_status = 415


class UnknownSessionError(BadRequestError):
    """A viewer's session, or a picture of it, that does not exist."""

    kind = "unknown_session"
    http_status = 404


class UnknownViewError(BadRequestError):
    """A kind of picture of a stream that does not exist."""

    kind = "unknown_view"
    http_status = 404

    def __init__(self, view: str, known: Sequence[str]) -> None:
        super().__init__(f"view is {view!r}, expected one of: {', '.join(known)}")


class ShapeError(StreamTrackError):
    """An array whose shape or dtype is not the documented one."""

    kind = "shape"
    http_status = 422


class ArchiveError(StreamTrackError):
    """Recordings and history that are not kept here, or not of that time."""

    kind = "archive"
    http_status = 409


class CapacityError(StreamTrackError):
    """A bound that was reached."""

    kind = "capacity"
    http_status = 503


class BusyError(CapacityError):
    """Too many requests at once; ask again."""

    kind = "busy"


class StreamOfflineError(StreamTrackError):
    """A stream that cannot carry out a command now: no frame yet, its camera away, failed, or stopped."""

    kind = "offline"
    http_status = 409


class PtzError(StreamTrackError):
    """A camera that does not turn."""

    kind = "ptz"
    http_status = 409


class PublishError(StreamTrackError):
    """An output that cannot be opened, or a message that cannot be read."""

    kind = "publish"
    http_status = 400


class NoCommonCodecError(PublishError):
    """A viewer's offer without a codec that is spoken here."""

    kind = "no_common_codec"
    http_status = 406
