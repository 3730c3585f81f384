"""Nobody looks at every frame for what was not found a moment ago."""

from __future__ import annotations

from streamtrack.tracking.looks_in_vain import MORE, REST, LooksInVain


def test_behind_a_look_in_vain_come_frames_without_one() -> None:
    vain = LooksInVain(history=8)
    looked = []
    for key in range(3 * (REST + 1)):
        if not vain.rests(key):
            looked.append(key)
            vain.note(key)
    assert looked == [0, REST + 1, 2 * (REST + 1)]


def test_when_more_shows_it_is_looked_at_at_once() -> None:
    vain = LooksInVain(history=8)
    vain.note(4, 100.0)
    assert vain.rests(5, 120.0)
    assert not vain.rests(5, MORE * 100.0)


def test_frames_that_are_looked_at_anew_are_forgotten_and_old_ones_too() -> None:
    vain = LooksInVain(history=8)
    vain.note(4)
    vain.restart(4)
    assert not vain.rests(5)
    for key in range(0, 300, 3):
        vain.note(key)
    assert len(vain._shown) <= (8 + REST) // 3 + 1
    assert vain.rests(298)
