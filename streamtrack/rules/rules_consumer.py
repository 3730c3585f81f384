"""A consumer that shows every tracked frame to the stream's rules, and tells what they say as the stream's
own events."""

from __future__ import annotations

from collections.abc import Callable

from streamtrack.frame import Event, Update
from streamtrack.rules.desk import RulesDesk


class RulesConsumer:
    """Feeds one stream's rules."""

    name = "rules"

    def __init__(self, desk: RulesDesk, tell: Callable[..., None]) -> None:
        """`tell(*events)` hands events to everyone who takes the stream's."""
        self._desk = desk
        self._tell = tell

    def take(self, update: Update) -> None:
        """Look at an update."""
        events: tuple[Event, ...] = self._desk.take(update)
        if events:
            self._tell(*events)

    def close(self) -> None:
        """The rules stay, for whoever asks what they counted."""
