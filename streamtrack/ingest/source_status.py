"""What a source does at this moment, and since when nothing more can come of it."""

from __future__ import annotations

import threading
from enum import StrEnum

from streamtrack.errors import SourceError


class SourceState(StrEnum):
    """What a source does at this moment."""

    CONNECTING = "connecting"
    """Before the first frame, while the first try lasts."""
    ONLINE = "online"
    """Frames come."""
    OFFLINE = "offline"
    """It was lost, or was never there, and is tried again."""
    ENDED = "ended"
    """A recording came to its end."""
    FAILED = "failed"
    """It can never work; `last_error` says why."""
    STOPPED = "stopped"
    """`stop` was called."""


FINAL_STATES = frozenset({SourceState.ENDED, SourceState.FAILED, SourceState.STOPPED})


class SourceStatus:
    """State and newest trouble of one source; any thread may use it. The first final state stays."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._state = SourceState.CONNECTING
        self._last_error: str | None = None

    @property
    def state(self) -> SourceState:
        """What the source does at this moment."""
        with self._lock:
            return self._state

    @property
    def last_error(self) -> str | None:
        """The newest trouble in one line, without credentials; None once frames come (again)."""
        with self._lock:
            return self._last_error

    def come_online(self) -> bool:
        """Frames come; False where a final state stays."""
        with self._lock:
            if self._state in FINAL_STATES:
                return False
            self._state, self._last_error = SourceState.ONLINE, None
            return True

    def go_offline(self, why: str) -> bool | None:
        """It was lost. Whether that is news: not where it was for the same reason; None in a final state."""
        with self._lock:
            if self._state in FINAL_STATES:
                return None
            is_news = self._state is not SourceState.OFFLINE or why != self._last_error
            self._state, self._last_error = SourceState.OFFLINE, why
            return is_news

    def note(self, why: str) -> None:
        """Why no frame has come yet, while one may still."""
        with self._lock:
            if self._state in (SourceState.CONNECTING, SourceState.OFFLINE):
                self._last_error = why

    def finish(self, state: SourceState, error: str | None = None) -> bool:
        """Enter a final state; False where one was entered before."""
        with self._lock:
            if self._state in FINAL_STATES:
                return False
            self._state = state
            if error is not None:
                self._last_error = error
            return True

    def begin_again(self, redacted_url: str) -> None:
        """From the end of a recording back to its start.

        Raises:
            SourceError: it has not ended.
        """
        with self._lock:
            if self._state is not SourceState.ENDED:
                what = f"source {redacted_url} is {self._state.value}"
                raise SourceError(f"{what}, expected a recording that has ended")
            self._state, self._last_error = SourceState.CONNECTING, None
