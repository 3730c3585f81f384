from __future__ import annotations

import pytest

from streamtrack.access import sessions as module
from streamtrack.access.principal import TOKEN, Principal
from streamtrack.access.roles import Role
from streamtrack.access.sessions import Sessions


def test_session_ends_when_it_is_idle_and_at_the_latest_after_its_longest() -> None:
    sessions = Sessions(idle_s=10, longest_s=25)
    session_id = sessions.begin(TOKEN, None, 0.0)
    assert sessions.find(session_id, 9.9) is not None
    assert sessions.find(session_id, 19.0) is not None
    assert sessions.find(session_id, 24.9) is not None
    assert sessions.find(session_id, 25.0) is None
    idle = sessions.begin(TOKEN, None, 30.0)
    assert sessions.find(idle, 40.0) is None
    sessions.tidy(40.0)
    assert len(sessions) == 0


def test_ids_are_random_and_not_kept() -> None:
    sessions = Sessions(10, 10)
    ids = {sessions.begin(TOKEN, None, 0.0) for _ in range(10)}
    assert len(ids) == 10
    assert all(len(session_id) >= 43 for session_id in ids)
    assert not any(session_id in repr(vars(sessions)) for session_id in ids)
    assert sessions.find("", 0.0) is None


def test_who_logs_out_is_out() -> None:
    sessions = Sessions(10, 10)
    session_id = sessions.begin(TOKEN, None, 0.0)
    session = sessions.find(session_id, 0.0)
    assert session is not None
    sessions.end(session)
    assert sessions.find(session_id, 0.0) is None
    assert not sessions.lives(session, 0.0)
    sessions.use(session, 0.0)
    assert len(sessions) == 0


def test_number_is_bounded_for_each_and_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_SESSIONS", 4)
    monkeypatch.setattr(module, "MAX_SESSIONS_PER_KEY", 2)
    sessions = Sessions(10, 10)
    mine = [sessions.begin(TOKEN, None, float(at)) for at in range(3)]
    assert [sessions.find(one, 3.0) is not None for one in mine] == [False, True, True]
    for index in range(3):
        sessions.begin(Principal(f"key-{index}", Role.VIEW, "key"), None, 4.0)
    assert len(sessions) == 4
    assert sessions.find(mine[1], 4.0) is None
