"""A recording through the same session as a live stream: every frame, in order."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from streamtrack.config import SourceConfig
from streamtrack.errors import PromptError, SourceError
from streamtrack.frame import FrameResult
from streamtrack.ingest import FrameReader, resolve_source, with_next
from streamtrack.offline.prompts import FramePrompt
from streamtrack.tracking import Session


@dataclass(frozen=True, slots=True)
class TrackSummary:
    """What became of a recording."""

    num_frames: int
    seconds: float
    """Everything: decoding, tracking, writing."""
    num_objects: int
    dropped: Mapping[str, int] = field(default_factory=dict)
    """Pictures that could not be decoded, by reason."""

    @property
    def fps(self) -> float:
        """Frames a second."""
        return self.num_frames / self.seconds if self.seconds else 0.0


def open_recording(config: SourceConfig) -> FrameReader:
    """A recording, open for reading.

    Raises:
        SourceError: it cannot be read, or is a live source that has no end.
    """
    spec = resolve_source(config)
    if spec.live:
        raise SourceError(f"source {spec.redacted_url} is live, expected a recording; `serve` takes it")
    return FrameReader(config)


def follow(
    session: Session,
    reader: FrameReader,
    prompts: Sequence[FramePrompt],
    labels: Mapping[int, str] | None = None,
) -> Iterator[FrameResult]:
    """Each frame's result, prompts applied on the frames they name.

    An object's first prompt starts it; a later one corrects it on that frame and from there on.

    Raises:
        PromptError, ShapeError, CapacityError: a prompt does not fit its frame, or names one that never
        comes. SourceLostError: the recording breaks off.
    """
    labels = labels or {}
    waiting = sorted(prompts, key=lambda prompt: prompt.frame_idx)
    _check_frames(waiting, reader.info.num_frames)
    num_frames = 0
    for frame, upcoming in with_next(reader):
        if upcoming is not None:
            session.encode_ahead(upcoming)
        now = [prompt for prompt in waiting if prompt.frame_idx == num_frames]
        waiting = waiting[len(now) :]
        corrections = [prompt for prompt in now if prompt.object_id in session.object_ids]
        for prompt in now:
            if prompt not in corrections:
                _add(session, prompt, labels.get(prompt.object_id, ""))
        result = session.step(frame)
        for prompt in corrections:
            result = _correct(session, prompt)
        yield result
        num_frames += 1
    _check_frames(waiting, num_frames)


def track_recording(
    session: Session,
    reader: FrameReader,
    prompts: Sequence[FramePrompt],
    labels: Mapping[int, str],
    on_result: Callable[[FrameResult], None],
) -> TrackSummary:
    """Give every frame's result to `on_result`; raises as `follow`."""
    started_s = time.monotonic()
    num_frames = 0
    for result in follow(session, reader, prompts, labels):
        on_result(result)
        num_frames += 1
    return TrackSummary(
        num_frames, time.monotonic() - started_s, len(session.object_ids), dict(reader.dropped)
    )


def _add(session: Session, prompt: FramePrompt, label: str) -> None:
    session.add(
        prompt.object_id,
        points=prompt.points or None,
        labels=prompt.labels or None,
        box=prompt.box,
        mask=prompt.mask,
        label=label,
    )


def _correct(session: Session, prompt: FramePrompt) -> FrameResult:
    return session.correct(
        prompt.object_id,
        points=prompt.points or None,
        labels=prompt.labels or None,
        box=prompt.box,
        mask=prompt.mask,
    )


def _check_frames(prompts: Sequence[FramePrompt], num_frames: int | None) -> None:
    late = [prompt for prompt in prompts if num_frames is not None and prompt.frame_idx >= num_frames]
    if late:
        raise PromptError(
            f"object {late[0].object_id}: the prompt is for frame {late[0].frame_idx}, "
            f"expected one of the {num_frames} frames (0 to {(num_frames or 1) - 1})"
        )
