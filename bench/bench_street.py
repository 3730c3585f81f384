"""Streets: who is started by a detector, and who stays who, beside what is really there.

    streamtrack bench street --clips FOLDER
    streamtrack bench street --clips FOLDER --mend off,on --memory recent,motion_aware --pictures PICTURES

FOLDER holds vtest.avi (OpenCV's samples; Debian's opencv-doc has it), car-detection.mp4 and
one-by-one-person-detection.mp4 (intel-iot-devkit/sample-videos, CC BY 4.0); who is on them was written down
by eye (tests/data/street_*.json). Every frame is followed, a detector looks every `interval_ms` of the clip,
with the product's defaults; cars seen from straight above are started by their motion. Back: of those who
were gone for one to ten seconds and came back, how many are followed by the object that followed them before.
With --resume rows that --out has already are kept, so that a long run may be made in parts.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from bench.environment import describe_measurement
from bench.identity_scores import IdentityFrame, box_similarity, score_identities
from bench.models import make_tracker
from bench.report import make_parser, progress, refuse, save_result, some_of, table, write_result
from bench.street_truth import Box, StreetTruth, all_truths, find_clip, read_clip
from streamtrack.clock import NS_PER_MS, NS_PER_S
from streamtrack.config import (
    DetectorAutoprompt,
    FindingAutoprompt,
    MendConfig,
    MotionAutoprompt,
    TrackingConfig,
)
from streamtrack.detect import Detector, box_iou
from streamtrack.detect.choose import open_detector
from streamtrack.detect.keeper import Keeper
from streamtrack.detect.session_hands import SessionHands
from streamtrack.errors import StreamTrackError
from streamtrack.frame import EventKind, Frame, Image, ObjectMask, ObjectState
from streamtrack.tracking import Tracker

SECONDS, QUICK_SECONDS = 30, 5
MEMORIES = ("default", "recent", "motion_aware", "distractor_aware")
CLIPS = tuple(truth.name for truth in all_truths())
MEETS = 0.4
"""IoU of a mask's box with somebody's from which on it is a mask of them."""
OVER = 2.0
"""Times the box of whom it meets best: a larger mask's box covers more than one."""
HELD = 0.5
"""Share of somebody's box that a mask's box covers to cover them."""
GONE_S = 1.0, 10.0
"""For so long at least and at most somebody was away who comes back."""
SETTLED = 3
"""Looks after that at which whoever follows them has to be known."""
SHOWN_EVERY_S = 2
VISIBLE = (ObjectState.TRACKING, ObjectState.UNCERTAIN)
COLOURS = ((240, 60, 60), (60, 200, 60), (70, 110, 255), (250, 200, 40), (220, 80, 230), (60, 220, 220))
"""RGB, one object after the other."""


@dataclass(slots=True)
class Run:
    """What one way of following a clip gave."""

    started: set[int] = field(default_factory=set)
    mended: dict[str, int] = field(default_factory=dict)
    """By what the finds disagreed with."""
    frames: list[IdentityFrame] = field(default_factory=list)
    met: dict[int, list[int]] = field(default_factory=dict)
    """Whom an object's masks were of, one look after the other."""
    followed: dict[int, list[tuple[int, int | None]]] = field(default_factory=dict)
    """By who is there: on which frames, and the object whose mask is best of them then; None: none is."""
    foreign: int = 0
    """Looks at an object that is told `tracking` on somebody else than whom it began on."""
    looks: int = 0
    """Visible masks on frames whose truth is known."""
    over: int = 0
    """Of them those that cover more than one."""
    seconds: float = 0.0

    def note(self, index: int, objects: Mapping[int, ObjectMask], truth: Mapping[int, Box]) -> None:
        """Take up one frame whose truth is known."""
        seen = {key: one for key, one in objects.items() if one.area_px and one.state in VISIBLE}
        boxes = {key: _box(one) for key, one in seen.items()}
        who, found = list(truth), list(seen)
        similarity = box_similarity(
            np.array([truth[one] for one in who], np.float64).reshape(-1, 4),
            np.array([boxes[one] for one in found], np.float64).reshape(-1, 4),
        )
        self.frames.append(IdentityFrame(who, found, similarity))
        for column, key in enumerate(found):
            self.looks += 1
            self.over += _covers_more(boxes[key], truth)
            if who and similarity[:, column].max() >= MEETS:
                met = self.met.setdefault(key, [])
                met.append(who[int(similarity[:, column].argmax())])
                self.foreign += met[-1] != met[0] and seen[key].state is ObjectState.TRACKING
        for row, one in enumerate(who):
            best = found[int(similarity[row].argmax())] if found and similarity[row].max() >= MEETS else None
            self.followed.setdefault(one, []).append((index, best))

    def result(self, truth: StreetTruth) -> dict[str, Any]:
        """Plain numbers."""
        others = {key: len(set(met)) for key, met in self.met.items()}
        known = {one for met in self.met.values() for one in met}
        return {
            "there": len(truth.who),
            "started": len(self.started),
            "met": len(known),
            "of_nobody": len(self.started - self.met.keys()),
            "of_several": sum(count > 1 for count in others.values()),
            "foreign": self.foreign,
            "mended": self.mended,
            "back": [one for seen in self.followed.values() for one in _came_back(seen, truth.fps)],
            "over": self.over / max(1, self.looks),
            "looks": self.looks,
            "seconds": self.seconds,
            **score_identities(self.frames).as_json(),
        }


def autoprompt_of(truth: StreetTruth, mend: bool) -> FindingAutoprompt:
    """A start by class with the defaults; before a camera that looks straight down, by motion."""
    how = MendConfig() if mend else None
    if truth.class_name == "car":
        return MotionAutoprompt(label="car", mend=how)
    return DetectorAutoprompt(classes=(truth.class_name,), mend=how)


def follow(
    tracker: Tracker,
    tracking: TrackingConfig,
    autoprompt: FindingAutoprompt,
    detector: Detector,
    truth: StreetTruth,
    frames: Iterable[Image],
    pictures: Path | None = None,
) -> Run:
    """Follow a clip; every `SHOWN_EVERY_S` a PNG of what is known goes to `pictures`."""
    run, session, keeper = Run(), tracker.new_session(tracking), Keeper(autoprompt)
    hands = SessionHands(session, itertools.count(1))
    due_ns, started_s = 0, time.monotonic()
    base = Fraction(1, 1000)
    for index, image in enumerate(frames):
        now_ns = round(index / truth.fps * NS_PER_S)
        frame = Frame(image, index, round(index * 1000 / truth.fps), base, now_ns, now_ns)
        objects = session.step(frame).objects
        if index in truth.boxes:
            run.note(index, objects, truth.boxes[index])
        if pictures is not None and index % round(SHOWN_EVERY_S * truth.fps) == 0:
            _show(image, objects, truth.boxes.get(index, {}), pictures / f"{truth.name}_{index:05d}.png")
        if now_ns >= due_ns:
            due_ns = now_ns + autoprompt.interval_ms * NS_PER_MS
            keeper.look(detector.detect(image), objects, index, now_ns, hands)
        for event in session.take_events():
            if event.kind is EventKind.MENDED:
                reason = str(event.detail["disagrees"])
                run.mended[reason] = run.mended.get(reason, 0) + 1
        run.started |= set(session.object_ids)
    run.seconds = time.monotonic() - started_s
    return run


def _came_back(seen: Sequence[tuple[int, int | None]], fps: float) -> list[bool]:
    """For each time that somebody was away and came back, whether the same object follows them again."""
    known = []
    for place in range(1, len(seen)):
        if not GONE_S[0] <= (seen[place][0] - seen[place - 1][0]) / fps <= GONE_S[1]:
            continue
        before = [one for _, one in seen[:place][-SETTLED:] if one is not None]
        after = [one for _, one in seen[place:][: 2 * SETTLED] if one is not None]
        known.append(bool(before) and before[-1] in after)
    return known


def _covers_more(box: Box, truth: Mapping[int, Box]) -> bool:
    """Whether a mask's box covers more than one of those who are there, or is twice the box of the one."""
    best = max(truth.values(), key=lambda one: box_iou(box, one), default=None)
    if best is None or box_iou(box, best) == 0:
        return False
    return _area(box) > OVER * _area(best) or sum(_share(one, box) > HELD for one in _apart(truth)) > 1


def _apart(truth: Mapping[int, Box]) -> list[Box]:
    """Those who do not stand before each other."""
    boxes = list(truth.values())
    return [one for one in boxes if not any(other is not one and _share(one, other) > 0.3 for other in boxes)]


def _share(inner: Box, outer: Box) -> float:
    width = min(inner[2], outer[2]) - max(inner[0], outer[0])
    height = min(inner[3], outer[3]) - max(inner[1], outer[1])
    return max(0.0, width) * max(0.0, height) / max(1.0, _area(inner))


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _box(mask: ObjectMask) -> Box:
    x0, y0, x1, y1 = map(float, mask.box)
    return x0, y0, x1, y1


def _show(image: Image, objects: Mapping[int, ObjectMask], truth: Mapping[int, Box], path: Path) -> None:
    picture = image.astype(np.float32)
    for key, one in objects.items():
        picture[one.mask] = 0.5 * picture[one.mask] + 0.5 * np.array(COLOURS[key % len(COLOURS)])
    drawn = np.ascontiguousarray(picture[..., ::-1], np.uint8)
    for who, (x0, y0, x1, y1) in truth.items():
        cv2.rectangle(drawn, (round(x0), round(y0)), (round(x1), round(y1)), (255, 255, 255), 1)
        cv2.putText(drawn, str(who), (round(x0), round(y1) + 12), 0, 0.4, (255, 255, 255), 1)
    for key, one in objects.items():
        if one.area_px:
            place = one.box[0], max(12, one.box[1] - 3)
            text = f"{key} {one.state}" if one.state is not ObjectState.TRACKING else str(key)
            cv2.putText(drawn, text, place, 0, 0.5, COLOURS[key % len(COLOURS)][::-1], 2)
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), drawn)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Each clip each way."""
    wanted = options.only.split(",") if options.only else None
    truths = [one for one in all_truths() if wanted is None or one.name in wanted]
    clips = [(one, find_clip(one, options.clips)) for one in truths]
    tracker = _tracker(options)
    rows, weights = _known(options), str(options.weights or "the catalog's")
    result = {"model": options.model, "weights": weights, "rows": rows}
    for truth, path in clips:
        seconds = QUICK_SECONDS if options.quick else options.seconds
        part = truth.until(seconds)
        ways = itertools.product(options.memory.split(","), _mends(options.mend))
        for memory, mend in ways:
            autoprompt = autoprompt_of(part, mend)
            row = {"clip": truth.name, "start": autoprompt.kind, "memory": memory, "mend": mend}
            row["clip_seconds"] = seconds
            if any(row.items() <= one.items() for one in rows):
                continue
            pictures = options.pictures and options.pictures / f"{memory}_{'mend' if mend else 'plain'}"
            run = follow(
                tracker,
                TrackingConfig.model_validate({} if memory == "default" else {"memory": memory}),
                autoprompt,
                open_detector(autoprompt),
                part,
                read_clip(path, round(seconds * truth.fps)),
                pictures,
            )
            rows.append({**row, **run.result(part)})
            save_result("street", result, render, options.out)
            progress(f"{truth.name} {memory} mend {mend}: {rows[-1]}")
    return result


def _known(options: argparse.Namespace) -> list[dict[str, Any]]:
    """The rows that there are already."""
    path = options.out / "street.json"
    if not options.resume or not path.is_file():
        return []
    rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["rows"]
    return rows


def _mends(text: str) -> Sequence[bool]:
    return [{"off": False, "on": True}[word] for word in text.split(",")]


def _tracker(options: argparse.Namespace) -> Tracker:
    if options.weights is not None:
        return Tracker.from_checkpoint(options.weights, device="cpu", threads=options.threads)
    tracker, _ = make_tracker(options.model, threads=options.threads, device="cpu", compile="off")
    return tracker


def render(result: dict[str, Any]) -> str:
    """A row for each clip and way."""
    head = [
        "clip",
        "seconds",
        "start",
        "memory",
        "mend",
        "there",
        "started",
        "met",
        "of nobody",
        "of several",
        "tracking another",
    ]
    head += ["back", "mended", "switches", "HOTA", "AssA", "IDF1", "masks over more than one"]
    rows = [
        [
            row["clip"],
            f"{row['clip_seconds']:g}",
            row["start"],
            row["memory"],
            "on" if row["mend"] else "off",
            *(row[key] for key in ("there", "started", "met", "of_nobody", "of_several", "foreign")),
            f"{sum(row['back'])} of {len(row['back'])}" if row["back"] else "-",
            sum(row["mended"].values()),
            row["switches"],
            *(f"{100 * row[key]:.1f}" for key in ("hota", "association", "idf1")),
            f"{100 * row['over']:.1f} %",
        ]
        for row in sorted(result["rows"], key=_place)
    ]
    told = f"{result['model']} ({result['weights']}), every frame, product defaults."
    return "\n\n".join((describe_measurement(result), told, table(head, rows)))


def _place(row: Mapping[str, Any]) -> tuple[str, float, bool, str]:
    """Where a row stands in the table: a clip's ways stay together."""
    return row["clip"], row["clip_seconds"], row["mend"], row["memory"] != "recent"


def main() -> None:
    """Measure, write street.{json,md}, print the table."""
    parser = make_parser(__doc__)
    parser.add_argument("--clips", type=Path, required=True, help="folder with the clips")
    parser.add_argument("--model", default="nano")
    parser.add_argument("--weights", type=Path, help="weights of nano to use instead of the catalog's")
    parser.add_argument("--mend", type=some_of("off", "on"), default="off,on", help="mending: one or both")
    parser.add_argument("--memory", type=some_of(*MEMORIES), default="default", help=", ".join(MEMORIES))
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each clip")
    parser.add_argument("--resume", action="store_true", help="keep the rows that --out has already")
    parser.add_argument("--only", type=some_of(*CLIPS), help=f"with commas: {', '.join(CLIPS)}")
    parser.add_argument("--pictures", type=Path, help="folder for a PNG every two seconds")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    try:
        write_result("street", measure(options), render, options.out)
    except (StreamTrackError, ValueError, KeyError) as error:
        refuse(str(error))


if __name__ == "__main__":
    main()
