from __future__ import annotations

import pytest

from streamtrack.ingest.damage import (
    HEALED_WITHOUT_KEYFRAME_NS,
    MAX_REORDER,
    DamageRecord,
    VerdictQueue,
)


def record_of(num_coded: int, *keyframes: int, disposable: tuple[int, ...] = ()) -> DamageRecord:
    """A record that has seen so many coded pictures."""
    record = DamageRecord()
    for number in range(num_coded):
        record.coded(number, keyframe=number in keyframes, reference=number not in disposable)
    return record


def sound(record: DamageRecord, *numbers: int) -> list[bool]:
    return [record.is_sound(number, 0) for number in numbers]


def test_damage_lasts_until_the_next_keyframe_was_shown() -> None:
    record = record_of(12, 0, 10)
    record.damaged(4, 0)

    assert sound(record, 3, 4, 5, 9) == [True, False, False, False]
    assert sound(record, 10, 11) == [True, True]


def test_pictures_shown_before_the_keyframe_they_follow_stay_damaged() -> None:
    record = record_of(14, 0, 10)
    record.damaged(9, 0)

    # Decoded after 10 and shown before it: predicted from both sides.
    assert sound(record, 11, 12, 10, 13) == [False, False, True, True]


def test_damage_of_a_picture_that_none_is_predicted_from_stays_in_it() -> None:
    record = record_of(8, 0, disposable=(4,))
    record.damaged(4, 0)

    assert sound(record, 3, 4, 5, 6) == [True, False, True, True]


def test_missing_picture_spoils_those_after_it_and_not_those_before() -> None:
    record = record_of(8, 0)
    record.lost_before(5, 0)

    assert sound(record, 4, 5, 6) == [True, False, False]


def test_recovery_point_heals_after_its_pictures() -> None:
    record = record_of(4, 0)
    record.damaged(2, 0)
    record.coded(4, keyframe=True, reference=True, recovery_frames=3)

    assert sound(record, 4, 5, 6) == [False, False, False]
    assert sound(record, 7, 8) == [True, True]


def test_damage_inside_a_recovery_is_not_healed_by_it() -> None:
    record = record_of(4, 0)
    record.coded(4, keyframe=True, reference=True, recovery_frames=3)
    record.damaged(5, 0)

    assert sound(record, 7, 8) == [False, False]


def test_stream_without_keyframes_is_believed_again_after_a_while() -> None:
    record = record_of(4, 0)
    record.damaged(2, 0)

    assert not record.is_sound(3, HEALED_WITHOUT_KEYFRAME_NS)
    assert record.is_sound(4, HEALED_WITHOUT_KEYFRAME_NS + 1)


def test_picture_waits_for_what_was_decoded_before_it() -> None:
    queue = VerdictQueue[str]()
    for number in (0, 1):
        queue.coded(number)
    queue.shown(0, "I")
    assert queue.release() == [(0, "I")]

    queue.shown(2, "B")  # shown before 1, from which it is predicted
    assert queue.release() == []
    queue.shown(1, "P")

    assert queue.release() == [(2, "B"), (1, "P")]


@pytest.mark.parametrize("everything", [True, False])
def test_wait_for_a_verdict_that_never_comes_is_bounded(everything: bool) -> None:
    queue = VerdictQueue[str]()
    queue.coded(0)
    for number in range(1, 3 if everything else MAX_REORDER + 2):
        queue.shown(number, "B")

    assert (1, "B") in queue.release(everything=everything)
