"""Every push of one stream."""

from __future__ import annotations

from functools import partial

from streamtrack.clock import SYSTEM_CLOCK, Clock
from streamtrack.config import PushConfig, push_names
from streamtrack.config.push import WHIP_SCHEMES
from streamtrack.errors import ConfigError, PublishError, StreamTrackError, UnknownViewError
from streamtrack.ingest.source_gate import Gate
from streamtrack.push.av_target import AvTarget
from streamtrack.push.pusher import Pusher, PushStatus
from streamtrack.push.target import Target
from streamtrack.push.whip_target import WhipTarget
from streamtrack.telemetry import StreamTelemetry
from streamtrack.video.stream import VideoStream


class Pushes:
    """The servers that a stream's config names."""

    def __init__(
        self,
        configs: tuple[PushConfig, ...],
        video: VideoStream,
        telemetry: StreamTelemetry,
        clock: Clock = SYSTEM_CLOCK,
        gate: Gate | None = None,
    ) -> None:
        """
        Args:
            gate: asked before each connection; None lets every one pass.
        Raises:
            ConfigError: one names a view that does not exist.
        """
        try:
            self._pushers = [
                Pusher(name, config, video, telemetry, partial(make_target, gate=gate), clock)
                for name, config in zip(push_names(configs), configs, strict=True)
            ]
        except UnknownViewError as error:
            raise ConfigError(f"stream {video.name}: push: {error}") from None

    def start(self) -> None:
        """Start to send. Once in a lifetime."""
        for pusher in self._pushers:
            pusher.start()

    def statuses(self) -> tuple[PushStatus, ...]:
        """Each at this moment."""
        return tuple(pusher.status() for pusher in self._pushers)

    def stop(self, timeout_s: float) -> bool:
        """End all of them; False where one is left behind. Waits."""
        for pusher in self._pushers:
            pusher.stop()
        ended = [pusher.join(timeout_s) for pusher in self._pushers]
        return all(ended)


def make_target(config: PushConfig, gate: Gate | None = None) -> Target:
    """What a push's address asks for.

    Raises:
        PublishError: the gate does not let it pass.
    """
    try:
        addresses = {} if gate is None else gate.check_url(config.url.get_secret_value(), "push.url")
    except StreamTrackError as error:
        raise PublishError(str(error)) from None
    made = WhipTarget if config.scheme in WHIP_SCHEMES else AvTarget
    return made(config, addresses)
