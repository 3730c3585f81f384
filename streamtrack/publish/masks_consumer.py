"""A consumer that sends one stream's masks and events to ZeroMQ subscribers."""

from __future__ import annotations

from collections.abc import Callable

from streamtrack.frame import Update
from streamtrack.publish.zmq_publisher import ZmqPublisher
from streamtrack.telemetry import CAPTURE_TO_PUBLISH, StreamTelemetry


class MasksConsumer:
    """Publishes results in order, each with its events."""

    name = "masks"

    def __init__(self, publisher: ZmqPublisher, telemetry: StreamTelemetry, model: Callable[[], str]) -> None:
        """`model` gives the name that every masks message carries."""
        self._publisher = publisher
        self._telemetry = telemetry
        self._model = model

    def take(self, update: Update) -> None:
        """Send an update.

        Raises:
            PublishError: the publisher is closed.
        """
        result = update.result
        if result is None:
            self._publisher.publish_events(update.stream, update.events)
            return
        published_ns = self._publisher.publish(update.stream, result, self._model(), update.events)
        if not update.revises:  # a frame that was published before is not counted again
            self._telemetry.observe("publish", published_ns - result.times.track_end_ns)
            self._telemetry.observe(CAPTURE_TO_PUBLISH, published_ns - result.times.capture_ns)

    def close(self) -> None:
        """The publisher is the server's, and serves other streams."""
