"""Another choice of what is read is another plan, handed to the tracker: nothing inside is edited."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from streamtrack.config import TrackingConfig
from streamtrack.engine.read_plan import Evidence, FeatureRead, PointerRead, Reading, RecentMemory, Stored
from streamtrack.errors import ConfigError
from streamtrack.frame import BoolMask, EventKind, Image
from streamtrack.scenes.scene import make_scene
from streamtrack.tracking import Tracker

pytestmark = pytest.mark.tracks


@dataclass
class EverySecondFrame:
    """Reads frames of even age only, and notes what it was shown."""

    feature_reach: int = 12
    pointer_reach: int = 30
    max_features: int = 6
    max_pointers: int = 15
    readings: list[tuple[int, Reading]] = field(default_factory=list)
    evidence: dict[int, Evidence] = field(default_factory=dict)

    def plan(self, stored: Stored) -> Reading:
        now, past = stored.frame_idx, [index for index in stored.conditioning if index < stored.frame_idx]
        recent = [now - age for age in range(2, 13, 2) if now - age in stored.features]
        pointers = [now - age for age in range(2, 31, 2) if now - age in stored.pointers]
        reading = Reading(
            features=(
                *(FeatureRead(index, None) for index in past),
                *(FeatureRead(index, (now - index) // 2) for index in recent if index not in past),
            ),
            pointers=tuple(PointerRead(index, now - index) for index in {*past, *pointers}),
            num_conditioning=len(past),
        )
        self.readings.append((now, reading))
        self.evidence |= stored.evidence
        return reading

    def give_up(self, stored: Sequence[int], evidence: Mapping[int, Evidence]) -> int:
        return stored[0]


def test_a_plan_of_ones_own_reads_every_second_frame(nano: Tracker) -> None:
    scene = make_scene("demo?width=320&height=180")
    plan = EverySecondFrame()
    session = nano.new_session(TrackingConfig(history_frames=4), memory_plan=plan)
    session.add(1, points=[(197.5, 126.5)])
    for index in range(24):
        image, masks = scene.render(index)
        result = session.step(image)
    found: BoolMask = result.objects[1].mask
    assert (found & masks[1]).sum() / (found | masks[1]).sum() > 0.7
    newest, reading = plan.readings[-1]
    assert newest == 23
    assert [read.frame_idx for read in reading.features] == [0, 21, 19, 17, 15, 13, 11]
    assert [read.age for read in reading.features] == [None, 1, 2, 3, 4, 5, 6]
    # What it is fed with is what was found.
    seen = plan.evidence[22]
    assert seen.object_score > 0.5
    assert 0 < seen.iou_score <= 1
    assert seen.box is not None
    x0, y0, x1, y1 = seen.box
    box = session.result(22).objects[1].box
    assert (x0 * 320, y0 * 180) == pytest.approx(box[:2], abs=6)  # a pixel of the network's masks is 5 x 3
    assert (x1 * 320, y1 * 180) == pytest.approx(box[2:], abs=6)


class KeepsTheBest(RecentMemory):
    """Makes room by giving up the frame with the lowest estimate: what distractor-aware memory needs."""

    def give_up(self, stored: Sequence[int], evidence: Mapping[int, Evidence]) -> int:
        return min(stored[:-2], key=lambda index: evidence[index].iou_score)


def test_a_plan_may_choose_what_makes_room(nano: Tracker, images: Sequence[Image]) -> None:
    session = nano.new_session(TrackingConfig(history_frames=2), memory_plan=KeepsTheBest(3, 5))
    session.add(1, points=[(100, 80)])
    scores = {}
    for index, image in enumerate(images[:12]):
        scores[index] = session.step(image).objects[1].iou_score
    kept = session._tracks.by_id[1].slot.features
    assert len(kept) == 5
    assert list(kept)[-2:] == [10, 11]
    gone = set(scores) - set(kept)
    assert max(scores[index] for index in gone) <= max(scores[index] for index in list(kept)[:3])


class ReadsTooMuch(RecentMemory):
    def plan(self, stored: Stored) -> Reading:
        return Reading((FeatureRead(stored.frame_idx - 99, 1),), (), 0)


def test_a_plan_that_names_a_frame_which_is_not_stored_is_refused(
    nano: Tracker, images: Sequence[Image]
) -> None:
    session = nano.new_session(memory_plan=ReadsTooMuch(6, 15))
    session.add(1, points=[(100, 80)])
    session.step(images[0])
    with pytest.raises(ConfigError, match="memory plan reads frame -98, expected one that is stored"):
        session.step(images[1])


def test_an_eviction_is_an_event_in_a_replay_as_well(nano: Tracker, images: Sequence[Image]) -> None:
    session = nano.new_session(TrackingConfig(max_conditioning_frames=3))
    session.add(1, points=[(100, 80)])
    for index, image in enumerate(images[:10]):
        session.step(image)
        if index in (4, 8):
            session.correct(1, points=[(100 + 2 * index, 80)])
    session.take_events()
    # With a prompt before both, the replay of the later one finds no room.
    session.correct(1, points=[(104, 80)], at_frame=2)
    evicted = [event for event in session.take_events() if event.kind is EventKind.CONDITIONING_EVICTED]
    assert [(event.frame_idx, event.detail["evicted_frame_idx"]) for event in evicted] == [(8, 2)]
    assert list(session._tracks.by_id[1].slot.conditioning) == [0, 4, 8]
