"""A page counts as closed once it was open and has been away for a while."""

from __future__ import annotations

from streamtrack.pick.presence import Presence


def test_page_is_gone_after_the_grace_and_not_before_it_came_or_while_another_is_open() -> None:
    now = [0.0]
    presence = Presence(lambda: now[0], grace_s=5)
    now[0] = 100
    assert not presence.gone, "nobody came yet"
    with presence.here():
        with presence.here():
            now[0] = 200
            assert not presence.gone
        now[0] = 300
        assert not presence.gone, "the other is there"
    now[0] = 304
    assert not presence.gone, "it may be loaded anew"
    with presence.here():
        now[0] = 400
        assert not presence.gone
    now[0] = 405
    assert presence.gone
