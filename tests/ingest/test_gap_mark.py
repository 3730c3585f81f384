from __future__ import annotations

from streamtrack.ingest.gap_mark import GapMark


def test_mark_is_repeated_until_a_marked_frame_was_taken() -> None:
    mark = GapMark()
    assert not mark.next_is_marked(last_was_taken=True)
    mark.set()

    assert mark.next_is_marked(last_was_taken=True)  # what was taken came before the gap
    assert mark.next_is_marked(last_was_taken=False)
    assert not mark.next_is_marked(last_was_taken=True)


def test_gap_after_a_gap_is_marked_anew() -> None:
    mark = GapMark()
    mark.set()
    mark.next_is_marked(last_was_taken=True)
    mark.set()

    assert mark.next_is_marked(last_was_taken=True)
