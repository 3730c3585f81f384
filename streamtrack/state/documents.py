"""What the files of the state folder say, each number with its bounds: JSON, read by nothing but this."""

from __future__ import annotations

from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from streamtrack import __version__
from streamtrack.alerts.snoozes import Snooze
from streamtrack.frame import ObjectState
from streamtrack.object_record import MAX_MEMORY_BYTES, ObjectId, Pixels, Share
from streamtrack.rules.kept import KeptRules
from streamtrack.state.folder import StateError
from streamtrack.state.when import Moment

STREAM_FORMAT, SERVER_FORMAT, VERSION = "streamtrack-stream-state", "streamtrack-server-state", 1
MAX_BYTES = 32 << 20
"""Of a document; a stream with 64 objects has some hundred thousand."""
MAX_OBJECTS = 4096
MAX_LABELS = 1024
"""Labels of objects that are gone; the oldest make room."""

Text = Annotated[str, Meta(max_length=512)]
Name = Annotated[str, Meta(max_length=128)]
Side = Annotated[int, Meta(ge=1, le=1 << 16)]


class KeptMemory(msgspec.Struct, frozen=True):
    """The file beside the document that holds an object's memory."""

    file: Annotated[str, Meta(pattern=r"^[0-9]{1,10}-[0-9]{1,18}\.memory$", max_length=64)]
    num_bytes: Annotated[int, Meta(ge=1, le=MAX_MEMORY_BYTES)]
    crc32: Annotated[int, Meta(ge=0, le=2**32 - 1)]


class KeptObject(msgspec.Struct, frozen=True):
    """An object as it was last seen."""

    object_id: ObjectId
    label: Name
    state: ObjectState
    object_score: Share
    iou_score: Share
    box: tuple[Pixels, Pixels, Pixels, Pixels]
    frame_size: tuple[Side, Side]
    counts: Annotated[str, Meta(max_length=4 << 20)]
    """Its last mask over the whole frame, as COCO's compressed counts."""
    by: Name = ""
    """What started it by itself, such as `detector`; empty: somebody did."""
    class_name: Name = ""
    score: Share = 0.0
    """Of what was found, where it started by itself."""
    memory: KeptMemory | None = None
    """None: it came a moment before the end."""


class Fits(msgspec.Struct, frozen=True):
    """What the memories fit."""

    model: Name
    weights_sha256: Name
    input_size: tuple[Side, Side]
    precision: Name


class StreamDocument(msgspec.Struct, frozen=True):
    """One stream."""

    stream: Name
    saved: Moment
    """The server ran then."""
    source: Text
    """Where frames came from, without credentials."""
    frame_idx: Annotated[int, Meta(ge=-1, le=2**53)]
    highest_id: Annotated[int, Meta(ge=0, le=2**31 - 1)]
    fits: Fits | None = None
    prompted: Annotated[list[ObjectId], Meta(max_length=MAX_OBJECTS)] = []
    """Ids of the config's own prompts that were applied."""
    paused: bool = False
    ptz_object: ObjectId | None = None
    """Whom a camera that turns follows."""
    objects: Annotated[list[KeptObject], Meta(max_length=MAX_OBJECTS)] = []
    labels: Annotated[list[tuple[ObjectId, Name]], Meta(max_length=MAX_LABELS)] = []
    """Of objects that are gone, oldest first."""
    rules: KeptRules = KeptRules()
    format: str = STREAM_FORMAT
    version: int = VERSION
    product: Name = __version__


class ServerDocument(msgspec.Struct, frozen=True):
    """What belongs to no stream."""

    saved: Moment
    snoozes: Annotated[list[Snooze], Meta(max_length=4096)] = []
    format: str = SERVER_FORMAT
    version: int = VERSION
    product: Name = __version__


class _Head(msgspec.Struct):
    """What every version has."""

    format: str
    version: int


DocumentT = TypeVar("DocumentT", StreamDocument, ServerDocument)


def encode(document: StreamDocument | ServerDocument) -> bytes:
    """The bytes of a document."""
    return msgspec.json.encode(document)


def decode(data: bytes, kind: type[DocumentT]) -> DocumentT:
    """What bytes say.

    Raises:
        StateError: they are damaged, of something else, or of a newer version; its text says which.
    """
    if len(data) > MAX_BYTES:
        raise StateError(f"has more than {MAX_BYTES} bytes")
    try:
        head = msgspec.json.decode(data, type=_Head)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        raise StateError("is damaged") from None
    expected = STREAM_FORMAT if kind is StreamDocument else SERVER_FORMAT
    if head.format != expected:
        raise StateError(f"is of something else, expected {expected}")
    if head.version != VERSION:
        older = "an older" if head.version < VERSION else "a newer"
        raise StateError(f"is of {older} version ({head.version}), expected {VERSION}")
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        raise StateError(f"is damaged: {str(error)[:200]}") from None
