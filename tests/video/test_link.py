"""What a viewer's network carries, by what it tells."""

from __future__ import annotations

from streamtrack.clock import NS_PER_S
from streamtrack.video.link import (
    KEYFRAME_REFILL_NS,
    KEYFRAMES_AT_ONCE,
    MIN_THIN_NS,
    KeyframeBudget,
    Link,
    ThinStay,
    middle_of,
    shared_rate,
)

CEILING, FLOOR = 2_000_000, 300_000


def sending(link: Link, bps: int, seconds: float, start_ns: int = 0) -> int:
    """Ten pictures a second of that rate; the time afterwards."""
    now_ns = start_ns
    for _ in range(int(seconds * 10)):
        now_ns += NS_PER_S // 10
        link.sent(bps // 80, now_ns)
    return now_ns


def test_limit_above_what_is_sent_says_nothing_of_the_network() -> None:
    link = Link(CEILING, FLOOR)
    now_ns = sending(link, 400_000, 2)
    link.told_limit(600_000, now_ns)  # as receivers tell of a still scene: hardly more than what comes
    assert link.capacity_bps == CEILING


def test_low_guess_that_rises_is_no_limit() -> None:
    link = Link(CEILING, FLOOR)
    now_ns = sending(link, 1_500_000, 2)
    for limit_bps in (300_000, 300_000, 324_000, 350_000):  # as browsers begin
        link.told_limit(limit_bps, now_ns)
    assert link.capacity_bps == CEILING


def test_limit_that_falls_below_what_is_sent_is_taken_and_grows_again() -> None:
    link = Link(CEILING, FLOOR)
    now_ns = sending(link, 1_500_000, 2)
    link.told_limit(1_600_000, now_ns)
    link.told_limit(800_000, now_ns)
    assert link.capacity_bps == 800_000
    for second in range(1, 40):
        link.told_limit(5_000_000, now_ns + second * NS_PER_S)
    assert link.capacity_bps == CEILING


def test_losses_lower_the_estimate_and_small_ones_leave_it() -> None:
    link = Link(CEILING, FLOOR)
    now_ns = sending(link, 1_000_000, 2)
    link.told_loss(0.05, now_ns)
    assert link.capacity_bps == CEILING
    for _ in range(3):
        link.told_loss(0.4, now_ns)
    assert link.capacity_bps == 0.8 * CEILING, "told three times, it is one loss"
    for second in range(1, 50):
        link.told_loss(0.9, now_ns + second * NS_PER_S)
    assert link.capacity_bps == FLOOR / 2, "never nothing: it could not grow again"


def test_encode_follows_the_slowest_that_is_followed_within_bounds() -> None:
    assert shared_rate([1_900_000, 1_100_000], CEILING, CEILING, FLOOR) == 1_100_000
    assert shared_rate([1_900_000, 900_000], CEILING, CEILING, FLOOR) == 1_900_000
    assert shared_rate([], CEILING, CEILING, FLOOR) == FLOOR
    assert shared_rate([10_000.0], 10_000, CEILING, FLOOR) == FLOOR
    assert middle_of([3.0, 1.0]) == 3.0
    assert middle_of([]) == 0.0


def test_far_slower_viewer_is_left_behind_for_longer_each_time() -> None:
    stay = ThinStay()
    sent = 1_500_000
    assert not stay.judge(1_100_000, CEILING, sent, 0)
    assert not stay.judge(900_000, CEILING, 400_000, 0), "it carries what is sent, if not what could be"
    assert stay.judge(900_000, CEILING, sent, 0)
    assert stay.judge(CEILING, CEILING, sent, MIN_THIN_NS), (
        "twice the time: it had not been followed for long"
    )
    assert not stay.judge(CEILING, CEILING, sent, 2 * MIN_THIN_NS)
    assert stay.judge(900_000, CEILING, sent, 2 * MIN_THIN_NS)
    assert stay.judge(CEILING, CEILING, sent, 5 * MIN_THIN_NS)
    assert not stay.judge(900_000, CEILING, 600_000, 6 * MIN_THIN_NS)


def test_viewer_gets_so_many_keyframes_and_then_one_at_a_time() -> None:
    budget = KeyframeBudget()
    assert sum(budget.spend(0) for _ in range(50)) == KEYFRAMES_AT_ONCE
    assert sum(budget.spend(KEYFRAME_REFILL_NS) for _ in range(50)) == 1
    assert sum(budget.spend(100 * KEYFRAME_REFILL_NS) for _ in range(50)) == KEYFRAMES_AT_ONCE
