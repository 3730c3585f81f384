"""Windows of several objects that become one."""

from __future__ import annotations

from streamtrack.engine.view import View
from streamtrack.tracking.shared_windows import share


def test_windows_that_all_but_coincide_are_one_and_others_stay() -> None:
    near, nearer, far = View(100, 100, 80, 80), View(106, 102, 84, 84), View(150, 100, 80, 80)
    shared = share([near, None, far, nearer])
    assert shared[1] is None
    assert shared[2] == far
    assert shared[0] == shared[3]
    assert shared[0] is not None
    assert shared[0].holds((100, 100, 190, 186))
    assert share([near, far]) == [near, far]
    assert share([]) == []
