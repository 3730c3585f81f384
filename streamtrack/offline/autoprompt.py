"""Objects of a film that are found by themselves, before it is followed: `track --autoprompt`."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

from streamtrack.clock import NS_PER_MS, NS_PER_S
from streamtrack.config import (
    DetectorAutoprompt,
    FindingAutoprompt,
    MotionAutoprompt,
    Override,
    SceneAutoprompt,
    StreamConfig,
)
from streamtrack.detect import Detection, box_iou
from streamtrack.detect.choose import open_detector
from streamtrack.detect.start_policy import SAME_THING_IOU, is_asked_for
from streamtrack.errors import ConfigError, PromptError
from streamtrack.frame import Frame
from streamtrack.ingest import FilmReader, prompts_from_masks
from streamtrack.offline.prompts import FIRST_OBJECT_ID, PromptSet
from streamtrack.offline.scout import scout
from streamtrack.offline.track import open_recording
from streamtrack.prompt import Prompt
from streamtrack.tracking.film_source import goes_through_session
from streamtrack.tracking.film_span import FilmSpan

Autoprompt = SceneAutoprompt | FindingAutoprompt
WITHOUT_CLASSES = ("motion", "grid", "scene")
"""Who looks without being told what for, as `--autoprompt` names them."""


def autoprompt_override(text: str) -> Override:
    """What `--autoprompt` says of the config; what that says of the same kind stays in force.

    Args:
        text: classes with commas between them, or `scene`, `motion` or `grid`.
    Raises:
        ConfigError: no class is named, or one beside what looks without.
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    alone = any(name in WITHOUT_CLASSES for name in names)
    if not names or (alone and len(names) > 1):
        raise ConfigError(
            f"--autoprompt is {text!r}, expected {', '.join(WITHOUT_CLASSES)}, or classes of COCO"
        )
    value = {"kind": names[0]} if alone else {"kind": "detector", "classes": names}
    return Override(("autoprompt",), value, "--autoprompt", same="kind")


def find_objects(
    autoprompt: Autoprompt, stream: StreamConfig, span: FilmSpan, taken: Collection[int] = ()
) -> PromptSet:
    """Prompts for what is found in a film.

    Args:
        span: the frames that are looked at; a detector looks at one every `interval_ms` of the film.
        taken: ids that are in use.
    Raises:
        PromptError: nothing of that kind is in the film. SourceError: it cannot be read.
        ConfigError, CheckpointError: as of `open_detector`.
    """
    open_recording(stream.source).close()  # refuses what has no end
    film = FilmReader(stream.source)
    if isinstance(autoprompt, SceneAutoprompt):
        return _of_scene(film, span, taken)
    detector = open_detector(autoprompt)
    if autoprompt.film_starts == "all":
        found = scout(autoprompt, detector, film, span, free_ids(taken))
        if not found.prompts:
            raise PromptError(_nothing(autoprompt))
        # Of a film that is followed as a stream is, no object ends before it does.
        return replace(found, lifetimes={}) if goes_through_session(stream.tracking) else found
    for frame in _looked_at(film, span, autoprompt.interval_ms):
        finds = wanted(autoprompt, detector.detect(frame.image))
        if finds:
            ids = free_ids(taken)
            prompts = [
                Prompt(next(ids), box=one.box, label=autoprompt.label or one.class_name, at_frame=frame.seq)
                for one in finds
            ]
            return PromptSet(tuple(prompts))
    raise PromptError(_nothing(autoprompt))


def wanted(autoprompt: FindingAutoprompt, found: list[Detection]) -> list[Detection]:
    """Of a picture's finds those of the right class, sure and large enough, each thing once."""
    finds: list[Detection] = []
    for find in found:
        x0, y0, x1, y1 = find.box
        fits = is_asked_for(find, autoprompt)
        large = min(x1 - x0, y1 - y0) >= autoprompt.min_box_px
        if fits and large and not any(box_iou(find.box, one.box) > SAME_THING_IOU for one in finds):
            finds.append(find)
    return finds[: autoprompt.max_objects]


def _of_scene(film: FilmReader, span: FilmSpan, taken: Collection[int]) -> PromptSet:
    frame = film.read(span.first)
    truth = None if frame is None else frame.ground_truth
    if frame is None or not truth:
        raise PromptError("--autoprompt scene wants a synthetic: source, whose objects are known")
    prompts = [
        Prompt(one.object_id, one.points or None, one.labels, one.box, None, one.label, frame.seq)
        for one in prompts_from_masks(truth)
        if one.object_id not in taken
    ]
    return PromptSet(tuple(prompts))


def _looked_at(film: FilmReader, span: FilmSpan, interval_ms: int) -> Iterator[Frame]:
    """A frame every so often, by the film's own time."""
    due_s: float | None = None
    for frame in film.frames(span.numbers(range(span.num_positions(None)))):
        now_s = frame.time_s or 0.0
        if not frame.damaged and (due_s is None or now_s >= due_s):
            due_s = now_s + interval_ms * NS_PER_MS / NS_PER_S
            yield frame


def _nothing(autoprompt: FindingAutoprompt) -> str:
    what = "thing"
    if isinstance(autoprompt, DetectorAutoprompt):
        what = " or ".join(autoprompt.classes)
    verb = "moves" if isinstance(autoprompt, MotionAutoprompt) else "is found"
    return f"--autoprompt: no {what} {verb} in the film"


def free_ids(taken: Collection[int]) -> Iterator[int]:
    """Ids that are not in use, one after the other."""
    number = FIRST_OBJECT_ID
    while True:
        if number not in taken:
            yield number
        number += 1
