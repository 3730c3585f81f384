"""Where packets are sent on to, as an interface."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from streamtrack.video.packet_queue import ThreadPacketQueue

if TYPE_CHECKING:
    import av


class Target(Protocol):
    """One connection to a server. Every method from one thread, and none waits longer than `timeout_ms`."""

    def open(self, keyframe: bytes) -> None:
        """Connect.

        Args:
            keyframe: one of the stream, with all that a decoder needs.
        Raises:
            PublishError: the server is away, or does not take it.
        """
        ...

    def send(self, packet: av.Packet, tap: ThreadPacketQueue) -> None:
        """Hand a packet over; the first is a keyframe. What the server asks for is told to the tap.

        Raises:
            PublishError: the server is gone, or takes nothing any more.
        """
        ...

    def abort(self) -> None:
        """Let whatever waits fail at once. Any thread."""
        ...

    def close(self) -> None:
        """Hang up; may be called again."""
        ...
