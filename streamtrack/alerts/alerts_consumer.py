"""A consumer that hands a stream's events to the receivers of alerts."""

from __future__ import annotations

from streamtrack.alerts.hub import AlertsHub
from streamtrack.frame import Update


class AlertsConsumer:
    """Passes events on; masks are let go."""

    name = "alerts"

    def __init__(self, hub: AlertsHub) -> None:
        self._hub = hub

    def take(self, update: Update) -> None:
        """Hand the events over."""
        if update.events:
            self._hub.offer(update.stream, update.events)

    def close(self) -> None:
        """The hub is the server's, and serves other streams."""
