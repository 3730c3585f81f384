"""Viewers that vanish, and a network that loses packets: a UDP proxy between one viewer and the server."""

from __future__ import annotations

import random
import re
import select
import socket
import threading
from typing import Any

from tests.support.whep import Viewer

MAX_DATAGRAM = 65_536
POLL_S = 0.02
CANDIDATE = re.compile(r"(a=candidate:\S+ 1 udp \d+ )(\S+) (\d+)( typ host)", re.IGNORECASE)


class _Unplugged:
    """A datagram transport without its cable."""

    def __init__(self, transport: Any) -> None:
        self._transport = transport

    def sendto(self, *_: object) -> None:
        """Into the void."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


def vanish(viewer: Viewer) -> None:
    """Cut the viewer's cable: nothing it says is heard, nothing that is said reaches it, and no bye comes."""
    for protocol in viewer.receiver.transport.transport._connection._protocols:
        protocol.transport = _Unplugged(protocol.transport)
        protocol.datagram_received = lambda *_: None


class UdpProxy:
    """Stands between one viewer and the server. What the server sends is lost by chance, and nothing else."""

    def __init__(self, address: tuple[str, int], seed: int = 7) -> None:
        self.loss = 0.0
        """Share of the server's packets that never arrive."""
        self.num_passed = self.num_lost = 0
        self._rng = random.Random(seed)
        self._server_address = address
        self._viewer_address: tuple[str, int] | None = None
        self._near, self._far = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        for end in (self._near, self._far):
            end.bind(("127.0.0.1", 0))
            end.setblocking(False)
        self.port = int(self._near.getsockname()[1])
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="udp-proxy", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Pass nothing on any more."""
        self._over.set()
        self._thread.join(10)
        self._near.close()
        self._far.close()

    def _run(self) -> None:
        while not self._over.is_set():
            ready, _, _ = select.select((self._near, self._far), (), (), POLL_S)
            for end in ready:
                try:
                    data, sender = end.recvfrom(MAX_DATAGRAM)
                except OSError:  # the other side is gone: the system tells of the packet before
                    continue
                self._pass_on(end, data, sender)

    def _pass_on(self, end: socket.socket, data: bytes, sender: tuple[str, int]) -> None:
        if end is self._near:
            self._viewer_address = sender
            self._far.sendto(data, self._server_address)
            return
        if self._rng.random() < self.loss:
            self.num_lost += 1
        elif self._viewer_address is not None:
            self.num_passed += 1
            self._near.sendto(data, self._viewer_address)


def without_candidates(offer: str) -> str:
    """An offer whose viewer can be reached only where he is heard from."""
    return "".join(line for line in offer.splitlines(keepends=True) if not line.startswith("a=candidate:"))


def through_proxy(answer: str) -> tuple[str, UdpProxy]:
    """An answer that names a proxy in the place of the server."""
    found = CANDIDATE.search(answer)
    assert found is not None, answer
    proxy = UdpProxy((found[2], int(found[3])))
    return CANDIDATE.sub(rf"\g<1>127.0.0.1 {proxy.port}\g<4>", answer), proxy
