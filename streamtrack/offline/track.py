"""A recording through the same session as a live stream: every frame, in order."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from streamtrack.config import SourceConfig, TrackingConfig
from streamtrack.consumer import Consumer
from streamtrack.errors import PromptError, SourceError
from streamtrack.frame import Event, EventKind, Update
from streamtrack.ingest import FrameReader, StreamInfo, identify_source, with_next
from streamtrack.prompt import Prompt
from streamtrack.tracking import Session
from streamtrack.tracking.film_source import step_prompted
from streamtrack.tracking.prompts import check_prompt

ANY_SIZE = (2**31, 2**31)
"""A frame that every point and box fits: their form is checked before their own frame is there."""
MAX_CONDITIONING_FRAMES = 32
"""What the config allows; an object with more prompts than this forgets one at a time, as told by events."""
TOLD_EVENTS = {
    EventKind.LOST: "lost",
    EventKind.FOUND: "found again",
    EventKind.CONDITIONING_EVICTED: "prompts forgotten",
    EventKind.NOT_FINITE: "frames without a finite mask",
    EventKind.IDENTITY_CLASH: "objects with one mask",
    EventKind.SCENE_CUT: "scene cuts",
    EventKind.GAP: "gaps",
}
"""Events that the last line counts, in its words."""
MAX_NUMBERS_SHOWN = 8


@dataclass(frozen=True, slots=True)
class TrackSummary:
    """What became of a recording."""

    num_frames: int
    seconds: float
    """Everything: decoding, tracking, writing."""
    num_objects: int
    dropped: Mapping[str, int] = field(default_factory=dict)
    """Pictures that could not be decoded, by reason."""
    damaged_frames: tuple[int, ...] = ()
    """Frames that came damaged: shown, and kept out of memory."""
    dropped_before: tuple[int, ...] = ()
    """Frames in front of which pictures were dropped; the number of frames where that was at the end."""
    unfound: tuple[int, ...] = ()
    """Objects at whose first prompt nothing was found."""
    events: Mapping[EventKind, int] = field(default_factory=dict)
    """How often each kind happened."""
    stopped: bool = False
    """True where `should_stop` ended the run before the recording did."""

    def as_json(self) -> dict[str, Any]:
        """For scripts."""
        return {
            "frames": self.num_frames,
            "objects": self.num_objects,
            "seconds": round(self.seconds, 3),
            "fps": round(self.fps, 3),
            "stopped": self.stopped,
            "events": {str(kind): count for kind, count in sorted(self.events.items())},
            "dropped": dict(self.dropped),
            "damaged_frames": list(self.damaged_frames),
            "dropped_before": list(self.dropped_before),
            "unfound": list(self.unfound),
        }

    @property
    def fps(self) -> float:
        """Frames a second."""
        return self.num_frames / self.seconds if self.seconds else 0.0

    def line(self) -> str:
        """One line for people."""
        speed = f"{self.seconds:.1f} s ({self.fps:.1f} fps)"
        parts = [f"{self.num_frames} frames, {self.num_objects} objects in {speed}"]
        parts += [
            f"{self.events[kind]} {words}" for kind, words in TOLD_EVENTS.items() if self.events.get(kind)
        ]
        if self.unfound:
            parts.append(f"nothing found at the prompt of object {_shown(self.unfound)}")
        if self.damaged_frames:
            parts.append(f"{len(self.damaged_frames)} damaged (frame {_shown(self.damaged_frames)})")
        if dropped := [f"{count} as {reason}" for reason, count in sorted(self.dropped.items()) if count]:
            where = f" (before frame {_shown(self.dropped_before)})" if self.dropped_before else ""
            parts.append(f"dropped {', '.join(dropped)}{where}")
        return ", ".join(parts)


def open_recording(config: SourceConfig) -> FrameReader:
    """A recording, open for reading.

    Raises:
        SourceError: it cannot be read, or is a live source that has no end.
    """
    spec = identify_source(config)
    if spec.live:
        raise SourceError(f"source {spec.redacted_url} is live, expected a recording; `serve` takes it")
    return FrameReader(config)


def check_prompts(
    prompts: Sequence[Prompt], config: SourceConfig, info: StreamInfo, *, decode: bool = True
) -> None:
    """Refuse what can be seen to be wrong before anything is tracked.

    Containers miscount, so where a prompt is for a later frame than the first, the recording is decoded up to
    it: that takes a small part of what tracking takes.

    Args:
        decode: False leaves that to those who read the prompts' frames anyway.
    Raises:
        PromptError: a prompt that says nothing, an empty box, or one for a frame that never comes.
    """
    started: set[int] = set()
    for prompt in sorted(prompts, key=frame_of):
        if prompt.mask is None:
            check_prompt(prompt, ANY_SIZE, starts_object=prompt.object_id not in started)
        started.add(prompt.object_id)
    last = max(map(frame_of, prompts), default=0)
    if last > 0 and (decode or info.counted):
        counted = info.num_frames if info.counted else None
        _refuse_late(prompts, _count_frames(config, last + 1) if counted is None else counted)


def with_capacity(config: TrackingConfig, prompts: Sequence[Prompt], known: int = 0) -> TrackingConfig:
    """The config with room for all objects and, as far as may be, for all prompts of each.

    Args:
        known: objects that come without a prompt.
    """
    a_prompt_each = Counter(prompt.object_id for prompt in prompts)
    most = min(max(a_prompt_each.values(), default=0), MAX_CONDITIONING_FRAMES)
    return config.model_copy(
        update={
            "max_objects": max(config.max_objects, len(a_prompt_each) + known),
            "max_conditioning_frames": max(config.max_conditioning_frames, most),
        }
    )


def follow(
    session: Session, reader: FrameReader, prompts: Sequence[Prompt], *, name: str = "recording"
) -> Iterator[Update]:
    """Each frame's result with its events, prompts applied on the frames that their `at_frame` names.

    An object's first prompt starts it; a later one corrects it on that frame and from there on.

    Args:
        name: the stream of the updates.
    Raises:
        PromptError, ShapeError, CapacityError: a prompt does not fit its frame, or names one that never
        comes. SourceError: there is not one frame, or the recording breaks off.
    """
    waiting = sorted(prompts, key=frame_of)
    num_frames = 0
    counted = Counter(reader.dropped)
    dropped = Counter(reader.dropped)
    for frame, upcoming in with_next(reader):
        if upcoming is not None:
            session.encode_ahead(upcoming)
        now = [prompt for prompt in waiting if frame_of(prompt) == num_frames]
        waiting = waiting[len(now) :]
        result = step_prompted(session, frame, now)
        events = (*damage_events(num_frames, dropped, shown=frame.damaged), *result.events)
        yield Update(name, replace(result, events=events), events=events)
        num_frames += 1
        # Reading the frame ahead dropped them, so they lie before it.
        dropped, counted = reader.dropped - counted, Counter(reader.dropped)
    if num_frames and dropped:
        yield Update(name, None, events=damage_events(num_frames, dropped, shown=False))
    if num_frames == 0:
        raise SourceError(f"source {reader.spec.redacted_url}: no picture in it can be decoded")
    _refuse_late(waiting, num_frames)


def track_recording(
    session: Session,
    reader: FrameReader,
    prompts: Sequence[Prompt],
    consumers: Sequence[Consumer],
    *,
    should_stop: Callable[[], bool] = lambda: False,
    stepped: Callable[[], None] = lambda: None,
) -> TrackSummary:
    """Give every update to every consumer, in turn.

    Args:
        should_stop: asked after each frame; True ends the run as if the recording ended there.
        stepped: called after each.
    Raises:
        StreamTrackError: as `follow`, and what the consumers raise.
    """
    updates = follow(session, reader, prompts)
    num_objects = len({prompt.object_id for prompt in prompts})
    return consume(
        updates, consumers, num_objects, lambda: reader.dropped, should_stop=should_stop, stepped=stepped
    )


def consume(
    updates: Iterable[Update | None],
    consumers: Sequence[Consumer],
    num_objects: int,
    dropped: Callable[[], Mapping[str, int]],
    *,
    should_stop: Callable[[], bool] = lambda: False,
    stepped: Callable[[], None] = lambda: None,
) -> TrackSummary:
    """Give every update to every consumer, in turn.

    Args:
        updates: None stands for work whose results come later.
        dropped: asked at the end for the pictures that could not be decoded, by reason.
        should_stop: asked after each update; True ends the run as if the recording ended there.
        stepped: called after each.
    Raises:
        StreamTrackError: what the updates and the consumers raise.
    """
    started_s = time.monotonic()
    num_frames, stopped = 0, False
    damaged: list[int] = []
    dropped_before: list[int] = []
    unfound: list[int] = []
    events: Counter[EventKind] = Counter()
    for update in updates:
        if update is not None:
            for consumer in consumers:
                consumer.take(update)
            for event in update.events:
                events[event.kind] += 1
                if event.kind is EventKind.ADDED and event.detail.get("area_px") == 0:
                    unfound.append(event.object_id or 0)
                if event.kind is EventKind.DAMAGED:
                    (damaged if event.detail["shown"] else dropped_before).append(event.frame_idx)
            num_frames += update.result is not None
        stepped()
        if stopped := should_stop():
            break
    return TrackSummary(
        num_frames,
        time.monotonic() - started_s,
        num_objects,
        dict(dropped()),
        tuple(damaged),
        tuple(dropped_before),
        tuple(unfound),
        dict(events),
        stopped,
    )


def frame_of(prompt: Prompt) -> int:
    """The frame that a prompt is for."""
    return prompt.at_frame or 0


def damage_events(frame_idx: int, dropped: Mapping[str, int], *, shown: bool) -> tuple[Event, ...]:
    """The event of a frame that is damaged, or has a gap of dropped pictures before it."""
    if not (shown or dropped):
        return ()
    return (Event(EventKind.DAMAGED, frame_idx, detail={"shown": shown, "dropped": dict(dropped)}),)


def _shown(numbers: Sequence[int]) -> str:
    more = ", ..." if len(numbers) > MAX_NUMBERS_SHOWN else ""
    return ", ".join(map(str, numbers[:MAX_NUMBERS_SHOWN])) + more


def _count_frames(config: SourceConfig, enough: int) -> int:
    """Frames that can be decoded, `enough` at most."""
    with FrameReader(config) as reader:
        return sum(1 for _ in zip(range(enough), reader, strict=False))


def _refuse_late(prompts: Sequence[Prompt], num_frames: int) -> None:
    late = [prompt for prompt in prompts if frame_of(prompt) >= num_frames]
    if late:
        raise PromptError(
            f"object {late[0].object_id}: the prompt is for frame {frame_of(late[0])}, "
            f"expected one of the {num_frames} frames (0 to {max(num_frames, 1) - 1})"
        )
