"""Who has logged in with a browser: random ids in cookies, what they stand for here, in memory alone."""

from __future__ import annotations

import hashlib
import secrets
from collections import OrderedDict
from dataclasses import dataclass

from streamtrack.access.key import Key
from streamtrack.access.principal import Principal

ID_BYTES = 32
MAX_SESSIONS = 256
"""At one time. Of more, the one that was used longest ago ends."""
MAX_SESSIONS_PER_KEY = 32


@dataclass(slots=True, eq=False)
class Session:
    """One who has logged in."""

    digest: bytes
    principal: Principal
    key: Key | None
    """By which key; None: by the config's token."""
    began_s: float
    used_s: float


class Sessions:
    """Those who have logged in. Times are of one monotonic clock, in seconds."""

    def __init__(self, idle_s: float, longest_s: float) -> None:
        """Args:
        idle_s: how long a session lasts that nobody uses.
        longest_s: how long one lasts at most.
        """
        self._idle_s, self.longest_s = idle_s, longest_s
        self._sessions: OrderedDict[bytes, Session] = OrderedDict()
        """The one that was used longest ago first."""

    def begin(self, principal: Principal, key: Key | None, now_s: float) -> str:
        """A new session; its id, for the cookie. Kept is only the id's hash."""
        of_key = [one for one in self._sessions.values() if one.principal == principal and one.key == key]
        if len(of_key) >= MAX_SESSIONS_PER_KEY:
            del self._sessions[of_key[0].digest]
        while len(self._sessions) >= MAX_SESSIONS:
            self._sessions.popitem(last=False)
        session_id = secrets.token_urlsafe(ID_BYTES)
        digest = _digest(session_id)
        self._sessions[digest] = Session(digest, principal, key, now_s, now_s)
        return session_id

    def find(self, session_id: str, now_s: float) -> Session | None:
        """The session of an id, which is used by that; None where there is none, any more."""
        session = self._sessions.get(_digest(session_id))
        if session is None or not self.lives(session, now_s):
            return None
        self.use(session, now_s)
        return session

    def use(self, session: Session, now_s: float) -> None:
        """Something of it is open at this moment."""
        if session.digest in self._sessions:
            session.used_s = now_s
            self._sessions.move_to_end(session.digest)

    def lives(self, session: Session, now_s: float) -> bool:
        """Whether it has neither ended nor expired."""
        return (
            self._sessions.get(session.digest) is session
            and now_s - session.used_s < self._idle_s
            and now_s - session.began_s < self.longest_s
        )

    def end(self, session: Session) -> None:
        """Log out."""
        self._sessions.pop(session.digest, None)

    def tidy(self, now_s: float) -> None:
        """Forget those that have expired."""
        for session in [one for one in self._sessions.values() if not self.lives(one, now_s)]:
            del self._sessions[session.digest]

    def __len__(self) -> int:
        return len(self._sessions)


def _digest(session_id: str) -> bytes:
    return hashlib.sha256(session_id.encode()).digest()
