"""A network between a camera and its viewer that stops, drips, cuts, or is not there."""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum

CHUNK = 4096
POLL_S = 0.02
TIMEOUT_S = 10.0
RESET_AT_CLOSE = struct.pack("ii", 1, 0)
"""SO_LINGER: closing sends RST."""


class Network(Enum):
    """What becomes of what the camera sends."""

    PASS = "pass"
    SILENT = "silent"
    """The connection stands, and nothing comes through, in either direction."""
    DRIP = "drip"
    """`drip_bytes` a second."""
    CUT = "cut"
    """The connection ends properly after `cut_after` bytes more, and no other is accepted."""
    RESET = "reset"
    """The same, with RST."""
    MUTE_HOST = "mute_host"
    """New connections are accepted by the system and never served; old ones end."""


@dataclass
class Proxy:
    """Listens on a port of its own and passes on to another of 127.0.0.1; change `network` at any time."""

    target: int
    network: Network = Network.PASS
    drip_bytes: float = 1.0
    cut_after: int = 0
    port: int = 0
    num_accepted: int = 0
    _over: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._listener.settimeout(POLL_S)
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, name="proxy", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Break every connection and accept none."""
        self._over.set()
        self._thread.join(TIMEOUT_S)
        self._listener.close()

    def _accept(self) -> None:
        while not self._over.is_set():
            if self.network in (Network.CUT, Network.RESET):
                self._over.wait(POLL_S)  # who knocks waits, and is let in when the network is back
                continue
            with contextlib.suppress(TimeoutError):
                viewer, _ = self._listener.accept()
                self.num_accepted += 1
                threading.Thread(target=self._serve, args=(viewer,), daemon=True).start()

    def _serve(self, viewer: socket.socket) -> None:
        with viewer, contextlib.suppress(OSError):
            if self.network is Network.MUTE_HOST:
                self._wait_while(Network.MUTE_HOST)
                return
            with socket.create_connection(("127.0.0.1", self.target), TIMEOUT_S) as camera:
                self._pass_on(camera, viewer)

    def _pass_on(self, camera: socket.socket, viewer: socket.socket) -> None:
        while not self._over.is_set():
            if self.network is Network.MUTE_HOST:
                return
            if self.network is Network.SILENT:
                self._wait_while(Network.SILENT)
                continue
            readable, _, _ = select.select([camera, viewer], [], [], POLL_S)
            if viewer in readable:
                request = viewer.recv(CHUNK)
                if not request:
                    return
                camera.sendall(request)
            if camera in readable and not self._forward(camera, viewer):
                return
            if self.network in (Network.CUT, Network.RESET) and self.cut_after <= 0:
                self._end(viewer)
                return

    def _forward(self, camera: socket.socket, viewer: socket.socket) -> bool:
        """Pass one piece on as the network does now; False at its end."""
        network = self.network
        size = CHUNK
        if network is Network.DRIP:
            size = max(1, int(self.drip_bytes * POLL_S))
        elif network in (Network.CUT, Network.RESET):
            size = max(1, min(CHUNK, self.cut_after))
        data = camera.recv(size)
        if not data:
            return False
        viewer.sendall(data)
        if network in (Network.CUT, Network.RESET):
            self.cut_after -= len(data)
        if network is Network.DRIP:
            self._over.wait(len(data) / self.drip_bytes)
        return True

    def _end(self, viewer: socket.socket) -> None:
        if self.network is Network.RESET:
            viewer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_CLOSE)

    def _wait_while(self, network: Network) -> None:
        while self.network is network and not self._over.wait(POLL_S):
            pass


@contextlib.contextmanager
def proxy(target: int, network: Network = Network.PASS) -> Iterator[Proxy]:
    """A proxy before a port, until the context ends."""
    one = Proxy(target, network)
    try:
        yield one
    finally:
        one.close()
