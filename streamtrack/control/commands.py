"""The commands of every endpoint (HTTP, ZeroMQ) and their answers, as values.

An endpoint parses bytes into a command, gives it to `Executor.execute`, and serialises the answer. What a
command means is decided once, in the pipeline.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from streamtrack.config.faults import describe_validation_error
from streamtrack.control.command_values import Command, Coordinate, FrameIdx, NotBool, ObjectId, Pixels, Point
from streamtrack.control.memory_commands import (
    AddFromCommand,
    AddMemoryCommand,
    ExportCommand,
    ProposeCommand,
)
from streamtrack.control.untrusted import MAX_REQUEST_BYTES, one_line
from streamtrack.errors import PromptError, PublishError, ShapeError
from streamtrack.frame import BoolMask
from streamtrack.object_record import CandidateInfo, ObjectInfo
from streamtrack.prompt import Prompt
from streamtrack.publish.mask_codec import decode_rle

Told = Annotated[str, Field(max_length=256)] | float | tuple[float, ...] | None
"""A plain value that an event may carry."""
MAX_POINTS = 64
"""Points in one prompt; more than any person clicks."""


class RleMask(BaseModel):
    """A mask as COCO run-length encoding, as pycocotools writes it."""

    model_config = ConfigDict(extra="forbid")

    size: tuple[Annotated[int, Field(ge=1, le=16384)], Annotated[int, Field(ge=1, le=16384)]]
    """H, W in pixels."""
    counts: str = Field(max_length=MAX_REQUEST_BYTES)
    """COCO's compressed counts."""


class PromptCommand(Command):
    """A prompt in pixels of the frame: points, a box, box and points, or a mask."""

    points: tuple[Point, ...] = Field((), max_length=MAX_POINTS)
    """x, y in pixels."""
    labels: tuple[Annotated[Literal[0, 1], NotBool], ...] | None = Field(None, max_length=MAX_POINTS)
    """1 on the object, 0 off it; all 1 where left out."""
    box: tuple[Pixels, Pixels, Pixels, Pixels] | None = None
    """x0, y0, x1, y1 in pixels."""
    mask: RleMask | None = None
    at_frame: FrameIdx | None = None
    """Tracked frame that the prompt belongs to; None: the newest."""

    def prompt(self, object_id: int, frame_size: tuple[int, int], at_frame: int) -> Prompt:
        """What the session takes.

        Args:
            frame_size: H, W in pixels; a mask of another size is refused before it is decoded, because a
                claim of 16384 x 16384 would cost 268 MB.
            at_frame: the frame that it is for, where the command names none.
        Raises:
            PromptError: the labels do not match the points.
            ShapeError: the mask has another size than the frame, or is damaged.
        """
        return Prompt(
            object_id,
            points=self.points,
            labels=self.labels,
            box=self.box,
            mask=None if self.mask is None else _decoded(self.mask, frame_size),
            label=self.label or "" if isinstance(self, AddCommand | StartOverCommand) else "",
            at_frame=at_frame if self.at_frame is None else self.at_frame,
        )


class AddCommand(PromptCommand):
    """Start to follow an object."""

    op: Literal["add"] = "add"
    object_id: ObjectId | None = None
    """None takes the next free one."""
    label: str = Field("", max_length=128)


class CorrectCommand(PromptCommand):
    """Correct the mask of an object that is followed."""

    op: Literal["correct"] = "correct"
    object_id: ObjectId


class MendCommand(PromptCommand):
    """Follow an object by what was found, whatever its mask was: told as `mended`, where a person's
    correction is `corrected`, and not taken back by `undo`."""

    op: Literal["mend"] = "mend"
    object_id: ObjectId
    in_doubt_from: FrameIdx | None = None
    """The first tracked frame on which the object may have been something else: what was remembered of it
    from there on is forgotten. None: nothing is."""
    detail: dict[Annotated[str, Field(max_length=64)], Told] = Field(default_factory=dict, max_length=16)
    """Told in the event: who mends, and why."""
    cut: bool = False
    """Nothing is looked for: what of the mask lies outside the box is somebody else, and goes. No event."""


class LikenessCommand(Command):
    """Say how much what boxes show looks like an object; `answer.likeness` holds a number a box."""

    op: Literal["likeness"] = "likeness"
    object_id: ObjectId
    boxes: tuple[tuple[Pixels, Pixels, Pixels, Pixels], ...] = Field((), max_length=MAX_POINTS)
    """x0, y0, x1, y1 in pixels."""
    at_frame: FrameIdx | None = None
    """A kept frame; None: the newest."""
    keep: bool = False
    """Keep how the object itself looks on that frame, to compare with later; before that nothing is known."""


class StartOverCommand(PromptCommand):
    """Forget all of an object but its id and its label, and follow what the prompt shows."""

    op: Literal["start_over"] = "start_over"
    object_id: ObjectId
    label: str | None = Field(None, max_length=128)
    """None keeps the label that it has."""


class UndoCommand(Command):
    """Take the last prompt of an object back, or the last one of the stream; `answer.undone` says what it
    was: start (the object is gone), correct, clear, choose, start_over or merge."""

    op: Literal["undo"] = "undo"
    object_id: ObjectId | None = None
    """None: whichever object had the last one."""


class ClearCommand(Command):
    """Take all prompts of an object on one frame back."""

    op: Literal["clear"] = "clear"
    object_id: ObjectId
    at_frame: FrameIdx | None = None
    """A kept frame; None: that of the object's newest prompt."""


class CandidatesCommand(Command):
    """Show the masks that an object's newest click may mean; `answer.candidates` holds them, the largest
    first."""

    op: Literal["candidates"] = "candidates"
    object_id: ObjectId


class ChooseCommand(Command):
    """Give an object another of its candidates."""

    op: Literal["choose"] = "choose"
    object_id: ObjectId
    index: Annotated[int, NotBool, Field(ge=0)]
    """As in `candidates`."""


class MergeCommand(Command):
    """Make one object of two; the other one is removed."""

    op: Literal["merge"] = "merge"
    object_id: ObjectId
    """The one that lives on."""
    other_id: ObjectId


class RemoveCommand(Command):
    """Stop following an object."""

    op: Literal["remove"] = "remove"
    object_id: ObjectId


class LabelCommand(Command):
    """Call an object something."""

    op: Literal["label"] = "label"
    object_id: ObjectId
    label: str = Field(max_length=128)


class ListCommand(Command):
    """Name the objects that are followed."""

    op: Literal["list"] = "list"


class FindCommand(Command):
    """Name the object under a point; `answer.object_id` is null where there is none."""

    op: Literal["find"] = "find"
    point: tuple[Coordinate, Coordinate]
    """x, y in pixels of the frame; outside of it there is no object."""
    at_frame: FrameIdx | None = None
    """A kept frame; None: the newest."""


class PauseCommand(Command):
    """Stop tracking; frames are dropped as `paused` until `resume`."""

    op: Literal["pause"] = "pause"


class ResumeCommand(Command):
    """Go on tracking."""

    op: Literal["resume"] = "resume"


class RestartCommand(Command):
    """Give the stream's session up, also one that hangs, and start its objects again from what was last seen
    of them."""

    op: Literal["restart"] = "restart"


class RetryCommand(Command):
    """Ask a camera that is offline at once, and not when the next try is due."""

    op: Literal["retry"] = "retry"


class ReplayCommand(Command):
    """Play a file that ended again from its beginning; its objects are kept."""

    op: Literal["replay"] = "replay"


AnyCommand = Annotated[
    AddCommand
    | AddMemoryCommand
    | ProposeCommand
    | AddFromCommand
    | ExportCommand
    | CorrectCommand
    | LikenessCommand
    | MendCommand
    | StartOverCommand
    | UndoCommand
    | ClearCommand
    | CandidatesCommand
    | ChooseCommand
    | MergeCommand
    | RemoveCommand
    | LabelCommand
    | ListCommand
    | FindCommand
    | PauseCommand
    | ResumeCommand
    | RestartCommand
    | RetryCommand
    | ReplayCommand,
    Field(discriminator="op"),
]
_COMMAND: TypeAdapter[AnyCommand] = TypeAdapter(AnyCommand)


class Answer(BaseModel):
    """What a command did."""

    stream: str
    op: str
    frame_idx: int
    """The tracked frame it applied to; for commands without a frame the newest; -1 before the first."""
    object_id: int | None = None
    objects: tuple[ObjectInfo, ...] = ()
    """Filled by list."""
    paused: bool = False
    candidates: tuple[CandidateInfo, ...] = ()
    """Filled by candidates."""
    likeness: tuple[float | None, ...] = ()
    """Filled by likeness: cosines, -1 to 1; null where nothing was kept of the object or nothing is there."""
    undone: str | None = None
    """Filled by undo: start, correct, clear, choose, start_over or merge."""


class ExportAnswer(Answer):
    """The answer to `export`, and what is sent beside it."""

    memory: bytes = Field(exclude=True, repr=False)


class Executor(Protocol):
    """Whoever can carry out commands: the server, for all its streams."""

    async def execute(self, command: AnyCommand) -> Answer:
        """Carry out one command.

        Raises:
            UnknownStreamError: no such stream.
            UnknownObjectError: the stream follows no such object.
            StreamOfflineError: the stream has no frame to apply it to, or has failed.
            PromptError, ShapeError, CapacityError: the prompt or object id does not fit.
        """
        ...

    def stream_names(self) -> Sequence[str]:
        """The streams there are."""
        ...


def _decoded(mask: RleMask, frame_size: tuple[int, int]) -> BoolMask:
    if mask.size != frame_size:
        raise ShapeError(f"mask has size {list(mask.size)}, expected {list(frame_size)}")
    try:
        return decode_rle(mask.counts.encode(), frame_size)
    except PublishError as error:
        raise ShapeError(f"mask.counts: {error}") from error


def parse_command(raw: Any) -> AnyCommand:
    """Check a decoded JSON or msgpack object.

    Raises:
        PromptError: it is not a command; the message names the key, what was found and what was expected.
    """
    if not isinstance(raw, dict):
        raise PromptError(f"command is {type(raw).__name__}, expected a mapping with the key 'op'")
    try:
        return _COMMAND.validate_python(raw)
    except ValidationError as error:
        raise PromptError(f"command: {one_line(describe_validation_error(error))}") from None
