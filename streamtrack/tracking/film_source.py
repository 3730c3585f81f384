"""What can be followed as a film: files, addresses, folders, scenes, and frames that lie in memory."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from torch import Tensor

from streamtrack.clock import SYSTEM_CLOCK
from streamtrack.config import SourceConfig, TrackingConfig
from streamtrack.engine.preprocess import as_image
from streamtrack.errors import ConfigError, PromptError, ShapeError
from streamtrack.frame import Frame, FrameResult
from streamtrack.prompt import Prompt
from streamtrack.tracking.session import Session

if TYPE_CHECKING:
    from streamtrack.ingest import FilmReader

FRAME_RATE = Fraction(30)
"""Of frames that lie in memory."""


class Frames:
    """A film whose frames the caller holds."""

    def __init__(self, frames: Any) -> None:
        """Take frames over as they are, (N, H, W, 3) uint8 RGB.

        Raises:
            ShapeError: there are none, or the first is no such picture.
        """
        if len(frames) == 0:
            raise ShapeError("film has no frames, expected (N, H, W, 3) uint8 RGB")
        as_image(frames[0])
        self._frames = frames

    def frames(self, numbers: range) -> Iterator[Frame]:
        """The frames of these numbers, as far as the film goes; their times are those of 30 a second."""
        for number in numbers:
            if not 0 <= number < len(self._frames):
                return
            clock = SYSTEM_CLOCK
            yield Frame(
                as_image(self._frames[number]),
                number,
                number,
                1 / FRAME_RATE,
                clock.monotonic_ns(),
                clock.wall_ns(),
            )

    def count(self, enough: int | None = None) -> int:
        """The number of frames, or `enough`."""
        return len(self._frames) if enough is None else min(enough, len(self._frames))


def open_source(source: object, max_width: int | None = None) -> FilmReader | Frames:
    """Look at a film.

    Args:
        max_width: wider pictures are scaled down while decoding, in px.
    Raises:
        ConfigError: neither a path nor frames. SourceError: it cannot be read. ShapeError: frames that are
            none.
    """
    if _are_frames(source):
        return Frames(source)
    from streamtrack.ingest import FilmReader  # PyAV loads only for those who read video

    url = path_text(source, "source", "a path, a URL or synthetic:NAME")
    return FilmReader(SourceConfig(url=url, pace="every_frame", max_width_px=max_width))


def follows_live(
    film: FilmReader | Frames, config: TrackingConfig, *, is_plain: bool, memories: bool = False
) -> bool:
    """Whether a session follows it, as it follows a stream.

    Args:
        is_plain: forward, every frame, every object to the end.
        memories: objects of which a memory is there come as well.
    Raises:
        ConfigError: it must be followed so, and is not plain.
    """
    if memories and not is_plain:
        raise ConfigError(
            "memories are given, expected no other direction, frames or lifetimes than a stream's"
        )
    is_live = not isinstance(film, Frames) and film.spec.live
    if memories or not is_plain:
        return memories
    return is_live or goes_through_session(config)


def goes_through_session(config: TrackingConfig) -> bool:
    """Whether a film is followed as a live stream is: where flow carries masks, or memory has a stride."""
    return config.keyframe_interval > 1 or config.memory_stride > 1 or config.objects_per_step != "all"


def follow_live(
    session: Session,
    film: FilmReader | Frames,
    prompts: Sequence[Prompt],
    memories: Mapping[int, bytes] = MappingProxyType({}),
) -> Iterator[FrameResult]:
    """Each frame's result, prompts applied on the frames that they name.

    Args:
        memories: of objects that are looked for from the first frame on, by id.
    Raises:
        ObjectMemoryError: a memory does not fit.
        PromptError, ShapeError, CapacityError: a prompt does not fit its frame, or no frame has its
            `at_frame`. SourceError: the source breaks off.
    """
    from streamtrack.ingest import with_next

    for object_id, memory in memories.items():
        session.add(object_id, memory=memory, anywhere=True)
    waiting = list(prompts)
    for frame, upcoming in with_next(film.frames(range(1 << 40))):
        # A prompt for the frame that comes next spares the session the way back to it.
        due = [prompt for prompt in waiting if (prompt.at_frame or 0) == session.newest_frame_idx + 1]
        waiting = [prompt for prompt in waiting if prompt not in due]
        if upcoming is not None:
            session.encode_ahead(upcoming)
        yield step_prompted(session, frame, due)
    if waiting:
        raise PromptError(
            f"object {waiting[0].object_id}: at_frame is {waiting[0].at_frame}, expected one of the "
            f"source's {session.newest_frame_idx + 1} frames"
        )


def step_prompted(session: Session, frame: Frame, prompts: Sequence[Prompt]) -> FrameResult:
    """Follow everything onto a frame and apply the prompts for it; the result holds all their events.

    An object's first prompt starts it, any further one corrects it.
    """
    corrections = []
    for prompt in prompts:
        if prompt.object_id in session.object_ids:
            corrections.append(prompt)
        else:
            session.start(replace(prompt, at_frame=None))
    result = session.step(frame)
    events = result.events
    for prompt in corrections:
        result = session.refine(prompt)
    return replace(result, events=events + session.take_events()) if corrections else result


def path_text(value: object, name: str, expected: str) -> str:
    """A path or an address as text.

    Raises:
        ConfigError: neither, or empty.
    """
    text = os.fspath(value) if isinstance(value, str | os.PathLike) else None
    if not isinstance(text, str) or not text.strip():
        found = "empty" if isinstance(text, str) else type(value).__name__
        raise ConfigError(f"{name} is {found}, expected {expected}")
    return text


def _are_frames(source: object) -> bool:
    """Whether these are pictures: an array or a tensor of four dimensions, or a list of pictures."""
    if isinstance(source, list | tuple):
        return bool(source) and hasattr(source[0], "shape")
    return (isinstance(source, Tensor) or hasattr(source, "__array__")) and getattr(source, "ndim", 0) == 4
