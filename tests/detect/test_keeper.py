"""A real session that a keeper holds: spoilt on purpose, mended; left alone, byte for byte as without."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pytest

from streamtrack.clock import NS_PER_S
from streamtrack.config import DetectorAutoprompt, MendConfig, MotionAutoprompt, TrackingConfig
from streamtrack.detect import Box, Detection, box_iou
from streamtrack.detect.keeper import Keeper
from streamtrack.detect.session_hands import SessionHands
from streamtrack.frame import BoolMask, Event, EventKind, FrameResult, Image
from streamtrack.prompt import Prompt
from streamtrack.scenes.scene import Scene, SceneOptions
from streamtrack.tracking import Session, Tracker

FPS, EVERY = 10, 4
FRAMES = 18
SPOILT_AT = 10
Drawn = Sequence[tuple[Image, dict[int, BoolMask]]]


@pytest.fixture(scope="module")
def drawn() -> Drawn:
    scene = Scene(SceneOptions("demo", 480, 270, FPS))
    return [scene.render(index) for index in range(FRAMES)]


@pytest.fixture(scope="module")
def nano() -> Tracker:
    return Tracker.from_checkpoint("nano", device="cpu")


def finds_of(masks: dict[int, BoolMask]) -> list[Detection]:
    """What a detector that makes no mistakes finds."""
    return [Detection("ball", 0.9, box_of(mask)) for mask in masks.values() if mask.sum() > 200]


def box_of(mask: BoolMask) -> Box:
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)


def follow(
    tracker: Tracker, drawn: Drawn, mend: MendConfig | None, *, window: str, spoil: bool
) -> tuple[Session, list[FrameResult], list[Event]]:
    """Objects started by the finds; one of them is spoilt; everything that was told."""
    session = tracker.new_session(TrackingConfig(window=window))
    keeper = Keeper(DetectorAutoprompt(detector="python:a:b", classes=("ball",), mend=mend))
    hands, results, events = SessionHands(session, itertools.count(1)), [], list[Event]()
    for index, (image, masks) in enumerate(drawn):
        result = session.step(image)
        events += result.events
        if spoil and index == SPOILT_AT:
            session.start_over(Prompt(1, mask=every(masks)))
        if index % EVERY == 0:
            known = session.result()
            keeper.look(finds_of(masks), known.objects, index, index * NS_PER_S // FPS, hands)
        events += session.take_events()
        results.append(session.result())
    return session, results, events


def every(masks: dict[int, BoolMask]) -> BoolMask:
    """All things at once."""
    return np.asarray(np.logical_or.reduce(list(masks.values())), np.bool_)


def iou(first: BoolMask, second: BoolMask) -> float:
    return float((first & second).sum() / max(1, (first | second).sum()))


@pytest.mark.parametrize("window", ["off", "auto"])
def test_object_spoilt_on_purpose_is_mended_within_two_detections(
    nano: Tracker, drawn: Drawn, window: str
) -> None:
    session, results, events = follow(nano, drawn, MendConfig(), window=window, spoil=True)
    first = results[SPOILT_AT - 1].objects[1]
    truth = max(drawn[SPOILT_AT - 1][1].items(), key=lambda one: iou(first.mask, one[1]))[0]
    assert iou(first.mask, drawn[SPOILT_AT - 1][1][truth]) > 0.5
    spoilt = results[SPOILT_AT + 1].objects[1]
    assert iou(spoilt.mask, drawn[SPOILT_AT + 1][1][truth]) < 0.7, "it is two things"
    [mended] = [event for event in events if event.kind is EventKind.MENDED]
    looks = [index for index in range(SPOILT_AT, FRAMES) if index % EVERY == 0][:2]
    assert mended.object_id == 1
    assert mended.frame_idx in looks
    assert mended.detail["by"] == "detector"
    assert mended.detail["class"] == "ball"
    assert mended.detail["disagrees"] in ("too_large", "several", "uncertain")
    for index in (looks[-1], FRAMES - 1):
        assert iou(results[index].objects[1].mask, drawn[index][1][truth]) > 0.5
    assert session.object_ids == tuple(results[SPOILT_AT].objects), "nothing ended, nothing new started"


def test_masks_that_nothing_disagrees_with_are_byte_for_byte_those_without_mending(
    nano: Tracker, drawn: Drawn
) -> None:
    _, plain, _ = follow(nano, drawn[:10], None, window="off", spoil=False)
    _, held, events = follow(nano, drawn[:10], MendConfig(), window="off", spoil=False)
    assert not any(event.kind is EventKind.MENDED for event in events)
    for one, other in zip(plain, held, strict=True):
        assert one.objects.keys() == other.objects.keys()
        for object_id, mask in one.objects.items():
            same = other.objects[object_id]
            assert mask.crop.tobytes() == same.crop.tobytes()
            assert (mask.box, mask.iou_score) == (same.box, same.iou_score)


def test_keeper_that_starts_nothing_still_mends(nano: Tracker, drawn: Drawn) -> None:
    session = nano.new_session(TrackingConfig(window="off"))
    config = DetectorAutoprompt(detector="python:a:b", classes=("ball",), start=False)
    keeper, hands = Keeper(config), SessionHands(session, itertools.count(1))
    truth = next(iter(drawn[0][1]))
    session.add(7, box=box_of(drawn[0][1][truth]))
    kinds: list[EventKind] = []
    for index, (image, masks) in enumerate(drawn):
        session.step(image)
        if index == SPOILT_AT:
            session.start_over(Prompt(7, mask=every(masks)))
        if index % EVERY == 0:
            objects = session.result().objects
            keeper.look(finds_of(masks), objects, index, index * NS_PER_S // FPS, hands)
        kinds += [event.kind for event in session.take_events()]
    assert session.object_ids == (7,)
    assert EventKind.MENDED in kinds


def coming_in(index: int) -> tuple[Image, Box]:
    """A car seen from above that comes in from below, with a bonnet unlike the rest; and what shows."""
    picture = np.full((240, 320, 3), 110, np.uint8)
    top = 180 - 25 * index
    picture[top : top + 120, 120:190] = 190, 30, 40
    picture[top : top + 36, 120:190] = 235, 235, 230
    return picture, (120.0, float(top), 190.0, float(min(240, top + 120)))


def test_car_that_is_followed_by_its_bonnet_while_it_comes_in_is_followed_whole(nano: Tracker) -> None:
    session = nano.new_session(TrackingConfig(window="off"))
    keeper = Keeper(MotionAutoprompt(confirmations=1))
    hands = SessionHands(session, itertools.count(1))

    def look(index: int, shown: Box) -> float:
        """IoU of the mask's box with what shows of the car, once the keeper looked."""
        finds = [Detection("moving", 0.9, shown)]
        keeper.look(finds, session.result().objects, index, index * NS_PER_S // FPS, hands)
        x0, y0, x1, y1 = session.result().objects[1].box
        return box_iou((x0, y0, x1, y1), shown)

    session.step(coming_in(0)[0])
    look(0, coming_in(0)[1])
    image, shown = coming_in(2)
    session.step(image)
    bonnet = np.zeros(image.shape[:2], np.bool_)
    bonnet[132:164, 124:186] = True
    session.start_over(Prompt(1, mask=bonnet))
    assert box_iou(box_of(session.result().objects[1].mask), shown) < 0.5
    assert look(1, shown) > 0.8
    [mended] = [event for event in session.take_events() if event.kind is EventKind.MENDED]
    assert (mended.object_id, mended.detail["disagrees"]) == (1, "too_small")
