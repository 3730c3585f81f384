"""What was seen of an object on a film's frame, small enough that hours of it lie in a file."""

from __future__ import annotations

import struct
import tempfile
import weakref
import zlib
from array import array
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import IO, Protocol

import numpy as np
from numpy.typing import NDArray

from streamtrack.errors import CapacityError
from streamtrack.frame import BoolMask, ObjectMask, ObjectState, measure_crop
from streamtrack.tracking.claims import contested

_HEAD = struct.Struct("<IffB6iII")
_COUNT = struct.Struct("<I")


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """One object on one frame, before anything is said of its state."""

    object_score: float
    """Probability that it is visible, 0 to 1."""
    iou_score: float
    """The network's estimate of the mask's IoU, 0 to 1."""
    finite: bool
    """False: the network's numbers were not finite; the mask is the frame's before, the scores are 0."""
    crop: BoolMask
    """(y1 - y0, x1 - x0) bool."""
    box: tuple[int, int, int, int]
    """x0, y0, x1, y1 in pixels of the frame."""
    frame_size: tuple[int, int] = (0, 0)
    """H, W of the frame in pixels."""
    believed: bool = True
    """False: the mask is too large to be the object's."""
    whole: bool = True
    """False: the frame came damaged."""
    logits: NDArray[np.float32] | None = None
    """(h, w) low-res mask logits, where they are asked for."""
    confirmed: bool = True
    """False: it was hidden, and what shows now may be another."""
    rival: float = 1.0
    """As `Found` has it; for who judges the frame, it is not kept."""
    appearance: NDArray[np.float32] | None = None
    """The same of its look."""


NOTHING = Seen(0.0, 0.0, False, np.zeros((0, 0), np.bool_), (0, 0, 0, 0))
"""Where the network's first numbers of an object were not finite."""


def mask_of(object_id: int, label: str, seen: Seen, state: ObjectState) -> ObjectMask:
    """What was seen of an object as its result."""
    area_px, centroid = measure_crop(seen.crop, seen.box)
    return ObjectMask(
        object_id=object_id,
        label=label,
        state=state,
        object_score=seen.object_score,
        iou_score=seen.iou_score,
        box=seen.box,
        area_px=area_px,
        centroid=centroid,
        crop=seen.crop,
        frame_size=seen.frame_size,
    )


def contested_of(seen: Mapping[int, Seen]) -> set[int]:
    """Of a frame's objects by id, those whose place another one claims with a better mask."""
    return contested({key: mask_of(key, "", one, ObjectState.TRACKING) for key, one in seen.items()})


def pack(seen: Mapping[int, Seen]) -> bytes:
    """Objects by id as bytes."""
    parts = [_COUNT.pack(len(seen))]
    for object_id, one in seen.items():
        crop = zlib.compress(np.packbits(one.crop).tobytes(), 1)
        logits = b""
        if one.logits is not None:
            logits = struct.pack("<2I", *one.logits.shape) + zlib.compress(one.logits.tobytes(), 1)
        # Turned about, so that what was kept before there was such a thing reads as confirmed.
        flags = one.finite | one.believed << 1 | one.whole << 2 | (not one.confirmed) << 3
        head = object_id, one.object_score, one.iou_score, flags, *one.box, *one.frame_size
        parts += [_HEAD.pack(*head, len(crop), len(logits)), crop, logits]
    return b"".join(parts)


def unpack(data: bytes) -> dict[int, Seen]:
    """What was packed; scores as float32 has them."""
    (count,) = _COUNT.unpack_from(data)
    at = _COUNT.size
    seen: dict[int, Seen] = {}
    for _ in range(count):
        object_id, object_score, iou_score, flags, *numbers = _HEAD.unpack_from(data, at)
        (x0, y0, x1, y1), (height, width), sizes = numbers[:4], numbers[4:6], numbers[6:]
        at += _HEAD.size
        packed, logits = data[at : at + sizes[0]], data[at + sizes[0] : at + sum(sizes)]
        at += sum(sizes)
        shape = y1 - y0, x1 - x0
        bits = np.frombuffer(zlib.decompress(packed), np.uint8)
        crop = np.unpackbits(bits, count=shape[0] * shape[1]).view(np.bool_).reshape(shape)
        low_res = None
        if logits:
            low_res_size = struct.unpack_from("<2I", logits)
            low_res = np.frombuffer(zlib.decompress(logits[8:]), np.float32).reshape(low_res_size)
        seen[object_id] = Seen(
            object_score,
            iou_score,
            bool(flags & 1),
            crop,
            (x0, y0, x1, y1),
            (height, width),
            bool(flags & 2),
            bool(flags & 4),
            low_res,
            not flags & 8,
        )
    return seen


class SeenStore(Protocol):
    """Keeps what the passes of a run have seen, by position. One pass is forward, one backward."""

    def put(self, position: int, seen: Mapping[int, Seen], *, reverse: bool) -> None:
        """Keep a frame.

        Raises:
            CapacityError: the disk is full.
        """

    def has(self, position: int, *, reverse: bool) -> bool:
        """Whether a frame is kept."""

    def get(self, position: int, *, reverse: bool) -> Mapping[int, Seen] | None:
        """What was kept of it."""

    def save_memory(self, position: int, memory: Callable[[], bytes], *, reverse: bool) -> None:
        """Keep what a pass remembers after a frame, so that it can go on behind it; asked now and then."""

    def saved_memory(self, *, reverse: bool) -> tuple[int, bytes] | None:
        """What was kept last, with its position."""


class TemporarySeen:
    """Backward passes in a temporary file without a name, which goes with the process; of forward ones,
    whose frames are told at once, nothing is kept."""

    def __init__(self) -> None:
        self._file: IO[bytes] | None = None
        self._places: array[int] = array("q")

    @property
    def num_bytes(self) -> int:
        """Of the file."""
        return 0 if self._file is None else self._file.seek(0, 2)

    def put(self, position: int, seen: Mapping[int, Seen], *, reverse: bool) -> None:
        """See `SeenStore.put`."""
        if not reverse:
            return
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="streamtrack-")  # noqa: SIM115
            weakref.finalize(self, self._file.close)
        if position >= len(self._places):
            self._places.extend(-1 for _ in range(position + 1 - len(self._places)))
        data = pack(seen)
        try:
            self._places[position] = self._file.seek(0, 2)
            self._file.write(_COUNT.pack(len(data)) + data)
        except OSError as error:
            raise CapacityError(
                f"temporary file in {tempfile.gettempdir()}: {error.strerror}, expected room for "
                f"{len(data)} bytes (TMPDIR names another folder)"
            ) from error

    def has(self, position: int, *, reverse: bool) -> bool:
        """See `SeenStore.has`."""
        return reverse and position < len(self._places) and self._places[position] >= 0

    def get(self, position: int, *, reverse: bool) -> Mapping[int, Seen] | None:
        """See `SeenStore.get`."""
        if self._file is None or not self.has(position, reverse=reverse):
            return None
        self._file.seek(self._places[position])
        (size,) = _COUNT.unpack(self._file.read(_COUNT.size))
        return unpack(self._file.read(size))

    def save_memory(self, position: int, memory: Callable[[], bytes], *, reverse: bool) -> None:
        """Nothing: this run is not gone on with."""

    def saved_memory(self, *, reverse: bool) -> tuple[int, bytes] | None:
        """None."""
        return None

    def close(self) -> None:
        """Give the file back."""
        if self._file is not None:
            self._file.close()
            self._file = None
