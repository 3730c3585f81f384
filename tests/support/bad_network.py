"""A network between an RTSP camera and its viewer that damages the pictures: TCP alone, interleaved."""

from __future__ import annotations

import contextlib
import random
import socket
import threading
from collections.abc import Iterator

from tests.support.ingest import tcp_server

RTP_HEADER_BYTES = 12
UNIT_HEADER_BYTES = 2
"""What comes first in a payload: the type of the unit, and of the fragment."""
VIDEO_CHANNEL = 0
TIMEOUT_S = 10.0


class Harm:
    """What becomes of RTP packets; the same for the same seed, but for the camera's own timing."""

    def __init__(self, *, flips_a_byte: float = 0.0, loss: float = 0.0, seed: int = 0) -> None:
        """Probabilities: of a flipped bit in each byte of a payload, and of a packet's loss."""
        self._flips_a_byte, self._loss = flips_a_byte, loss
        self._rng = random.Random(seed)
        self.num_packets = self.num_harmed = 0

    def apply(self, packet: bytes) -> bytes | None:
        """The packet as it arrives; None where it does not."""
        self.num_packets += 1
        if self._rng.random() < self._loss:
            self.num_harmed += 1
            return None
        start = RTP_HEADER_BYTES + UNIT_HEADER_BYTES
        num_bytes = len(packet) - start
        if num_bytes <= 0 or self._rng.random() >= 1 - (1 - self._flips_a_byte) ** num_bytes:
            return packet
        self.num_harmed += 1
        changed = bytearray(packet)
        changed[start + self._rng.randrange(num_bytes)] ^= 1 << self._rng.randrange(8)
        return bytes(changed)


@contextlib.contextmanager
def bad_network(port: int, harm: Harm) -> Iterator[int]:
    """Stand between a viewer and the camera at a port of 127.0.0.1; yields the port to connect to."""

    def behave(viewer: socket.socket, over: threading.Event) -> None:
        with socket.create_connection(("127.0.0.1", port), TIMEOUT_S) as camera:
            back = threading.Thread(target=_copy, args=(viewer, camera), daemon=True)
            back.start()
            _pass_on(camera, viewer, harm, over)
            camera.shutdown(socket.SHUT_RDWR)
            viewer.shutdown(socket.SHUT_RDWR)
            back.join(TIMEOUT_S)

    with tcp_server(behave) as own_port:
        yield own_port


def _copy(source: socket.socket, target: socket.socket) -> None:
    """Requests go through as they are."""
    with contextlib.suppress(OSError):
        while data := source.recv(4096):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


def _pass_on(camera: socket.socket, viewer: socket.socket, harm: Harm, over: threading.Event) -> None:
    """Answers as they are, `$`-framed packets as the network leaves them (RFC 2326, 10.12)."""
    with camera.makefile("rb") as stream, contextlib.suppress(OSError):
        while not over.is_set() and (first := stream.read(1)):
            if first != b"$":
                viewer.sendall(first + stream.readline())
                continue
            head = stream.read(3)
            packet: bytes | None = stream.read(int.from_bytes(head[1:], "big"))
            if head[0] == VIDEO_CHANNEL and packet is not None:
                packet = harm.apply(packet)
            if packet is not None:
                viewer.sendall(b"$" + head[:1] + len(packet).to_bytes(2, "big") + packet)
