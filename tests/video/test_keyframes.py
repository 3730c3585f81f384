"""When a keyframe is made."""

from __future__ import annotations

from streamtrack.clock import NS_PER_S
from streamtrack.video.keyframes import MIN_SPACING_NS, KeyframeGate


def test_many_requests_make_one_keyframe() -> None:
    gate = KeyframeGate(interval_s=4)
    assert gate.due(0)
    gate.made(0)
    for _ in range(5):
        gate.request()
    assert not gate.due(MIN_SPACING_NS - 1), "the last keyframe may still be on its way"
    assert gate.due(MIN_SPACING_NS)
    gate.made(MIN_SPACING_NS)
    assert not gate.due(3 * MIN_SPACING_NS)


def test_keyframe_is_due_after_its_interval() -> None:
    gate = KeyframeGate(interval_s=4)
    gate.made(0)
    assert not gate.due(4 * NS_PER_S - 1)
    assert gate.due(4 * NS_PER_S)
