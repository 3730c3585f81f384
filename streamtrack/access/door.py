"""Who comes in: by the config's token, a key, or the session that either began; and how long they may stay.

Belongs to the event loop. What somebody keeps open (events, pictures, WebSockets, WebRTC) is noted here, and
ends when the key does: `watch` looks at the key file again and again.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import logging
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from streamtrack.access.attempts import Attempts
from streamtrack.access.audit import AuditLog
from streamtrack.access.key import Key
from streamtrack.access.keyring import Keyring
from streamtrack.access.principal import ANYONE, TOKEN, Principal
from streamtrack.access.refusals import TooManyGuessesError, UnauthorizedError
from streamtrack.access.sessions import Session, Sessions
from streamtrack.access.tokens import read_token

WATCH_PERIOD_S = 1.0
"""How often the key file is looked at, and who is still here."""
WRONG = "the bearer token is missing or wrong"
"""The same whatever is wrong with it: no such key, another secret, revoked, expired."""
IDLE_S, LONGEST_S = 28_800.0, 86_400.0
"""Of sessions, where the config says nothing else."""
MAX_TOKEN_CHARS = 1_024

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pass:
    """That somebody was let in, and by what."""

    principal: Principal
    key: Key | None = None
    session: Session | None = None

    @property
    def by(self) -> str:
        """What an audit log says of it."""
        return self.principal.kind if self.session is None else "session"


OPEN_PASS = Pass(ANYONE)


@dataclass(slots=True, eq=False)
class _Stay:
    """Something that somebody keeps open."""

    admitted: Pass
    end: Callable[[], None]
    lasts: Callable[[], bool]


@dataclass(slots=True)
class Door:
    """Decides who comes in."""

    token: bytes | None = None
    """The config's; None: there is none."""
    keyring: Keyring | None = None
    sessions: Sessions = field(default_factory=lambda: Sessions(IDLE_S, LONGEST_S))
    audit: AuditLog = field(default_factory=lambda: AuditLog(None))
    attempts: Attempts = field(default_factory=Attempts)
    _stays: list[_Stay] = field(default_factory=list)

    @property
    def asks(self) -> bool:
        """Whether anybody is asked who he is; otherwise everybody may do everything."""
        return self.token is not None or self.asks_for_keys

    @property
    def asks_for_keys(self) -> bool:
        """Whether there is a key file."""
        return self.keyring is not None and self.keyring.in_force

    async def admit(self, token: str, peer: str, address: str = "", via: str = "http") -> Pass:
        """Let somebody in by a token.

        Args:
            peer: under which he is counted; `address`: how the audit log names him.
        Raises:
            UnauthorizedError: it is nobody's. TooManyGuessesError: others from there were wrong before.
            BusyError: too many tokens are being looked at.
        """
        if not self.asks:
            return OPEN_PASS
        now_s = self.now_s()
        parts = read_token(token)
        # Who was right before is not kept waiting by somebody who guesses beside him.
        if parts is not None and self.keyring is not None and (key := self.keyring.known(token)) is not None:
            return Pass(key.principal, key)
        names_a_key = parts is not None and self.keyring is not None and self.keyring.names_a_key(parts[0])
        key_id = parts[0] if parts is not None and names_a_key else ""
        wait_s = self.attempts.must_wait_s(peer, now_s, key_id)
        if wait_s > 0:
            self._tell(self.attempts.report(peer, now_s, key_id), peer, address, via)
            raise TooManyGuessesError(math.ceil(wait_s))
        found = await self._found(token, parts)
        if found is not None:
            return found
        self._tell(self.attempts.note(peer, token, now_s, key_id), peer, address, via)
        raise UnauthorizedError(WRONG)

    async def _found(self, token: str, parts: tuple[str, str] | None) -> Pass | None:
        if len(token) > MAX_TOKEN_CHARS:
            return None
        if self.token is not None and hmac.compare_digest(token.encode(), self.token):
            return Pass(TOKEN)
        if parts is None or self.keyring is None or not self.keyring.in_force:
            return None
        key = await self.keyring.find(token, *parts)
        return None if key is None else Pass(key.principal, key)

    def _tell(self, wrong: int, peer: str, address: str, via: str) -> None:
        if wrong:
            _log.warning("%s: %d requests with a wrong token from %s", via, wrong, peer)
            where = address or peer
            self.audit.note("come in", "refused", address=where, via=via, detail="wrong token", times=wrong)

    @staticmethod
    def now_s() -> float:
        """The loop's clock."""
        return asyncio.get_running_loop().time()

    # -- sessions ----------------------------------------------------------------------------------------

    def begin_session(self, admitted: Pass) -> str:
        """Remember who came in by a token; the id for his cookie."""
        return self.sessions.begin(admitted.principal, admitted.key, self.now_s())

    def resume(self, session_id: str) -> Pass | None:
        """Who has a session of this id; None where nobody has, any more."""
        session = self.sessions.find(session_id, self.now_s())
        if session is None:
            return None
        admitted = Pass(session.principal, session.key, session)
        return admitted if self.holds(admitted) else None

    def end_session(self, admitted: Pass) -> None:
        """Log out, and end what is open."""
        if admitted.session is not None:
            self.sessions.end(admitted.session)
            self.look_around()

    # -- how long they may stay ----------------------------------------------------------------------------

    def holds(self, admitted: Pass) -> bool:
        """Whether somebody who was let in would be now."""
        if admitted.session is not None and not self.sessions.lives(admitted.session, self.now_s()):
            return False
        if admitted.key is not None:
            return self.keyring is not None and self.keyring.has(admitted.key)
        # Who came in while nobody was asked stays out once somebody is.
        return admitted.principal.kind != "anyone" or not self.asks

    @contextlib.contextmanager
    def staying(self, admitted: Pass, end: Callable[[], None]) -> Iterator[None]:
        """Call `end`, once, if the pass ends while the context lasts."""
        stay = _Stay(admitted, end, lambda: True)
        self._stays.append(stay)
        try:
            yield
        finally:
            with contextlib.suppress(ValueError):  # it has ended
                self._stays.remove(stay)

    def keep(self, admitted: Pass, end: Callable[[], None], lasts: Callable[[], bool]) -> None:
        """Call `end` when the pass ends, unless `lasts` has said no before."""
        self._stays.append(_Stay(admitted, end, lasts))

    def look_around(self) -> None:
        """End what is open of those whose pass has ended; sessions with something open are in use."""
        now_s, staying = self.now_s(), []
        for stay in self._stays:
            if not stay.lasts():
                continue
            if self.holds(stay.admitted):
                staying.append(stay)
                if stay.admitted.session is not None:
                    self.sessions.use(stay.admitted.session, now_s)
            else:
                stay.end()
        self._stays = staying
        self.sessions.tidy(now_s)

    async def refresh(self) -> None:
        """Look at the key file now."""
        if self.keyring is None:
            return
        change = await asyncio.to_thread(self.keyring.refresh)
        if change is None:
            return
        if change.fault:
            self.audit.note("keys", "failed", via="file", detail=change.fault)
        for what, names in (("keys added", change.added), ("keys removed", change.removed)):
            if names:
                self.audit.note(what, "done", via="file", object_id=", ".join(names))

    async def watch(self, period_s: float = WATCH_PERIOD_S) -> None:
        """Look at the key file and at who is here, again and again, until cancelled."""
        while True:
            await self.refresh()
            self.look_around()
            await asyncio.sleep(period_s)
