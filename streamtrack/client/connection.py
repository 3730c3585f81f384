"""One socket of a client, and the keys that it shows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

import zmq

from streamtrack.errors import PublishError
from streamtrack.publish.zmq_security import check_key

MAX_MESSAGE_BYTES = 32 << 20
"""A longer message ends the connection; the masks of 16 objects in 1080p take about 50 kB."""
KEEPALIVE_IDLE_S, KEEPALIVE_INTERVAL_S, KEEPALIVE_PROBES = 5, 2, 3
"""A subscriber never sends, so without probes it would wait for ever on a publisher whose machine
vanished."""


@dataclass(frozen=True, slots=True)
class ClientKeys:
    """CURVE keys in Z85; `zmq.curve_keypair()` makes a client's pair."""

    server_public_key: str
    public_key: str
    """This client's; the server's config lists it in `zmq.curve.allowed_client_keys`."""
    secret_key: str = field(repr=False)

    def apply(self, socket: zmq.Socket[bytes]) -> None:
        """Set the keys, before `connect`.

        Raises:
            ConfigError: a key is not one.
        """
        socket.curve_serverkey = check_key(self.server_public_key, "server_public_key")
        socket.curve_publickey = check_key(self.public_key, "public_key")
        socket.curve_secretkey = check_key(self.secret_key, "secret_key")


class Connection:
    """One socket with a context of its own, closed at once."""

    def __init__(self, kind: int, address: str, keys: ClientKeys | None) -> None:
        self.address = address
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.socket: zmq.Socket[bytes] = self._context.socket(kind)
        try:
            self.socket.linger = 0
            self.socket.maxmsgsize = MAX_MESSAGE_BYTES
            self.socket.tcp_keepalive = 1
            self.socket.tcp_keepalive_idle = KEEPALIVE_IDLE_S
            self.socket.tcp_keepalive_intvl = KEEPALIVE_INTERVAL_S
            self.socket.tcp_keepalive_cnt = KEEPALIVE_PROBES
            if keys is not None:
                keys.apply(self.socket)
        except BaseException:
            self.close()
            raise

    def connect(self) -> None:
        try:
            self.socket.connect(self.address)
        except zmq.ZMQError as error:
            self.close()
            raise PublishError(
                f"address is {self.address!r}, expected tcp://HOST:PORT or ipc://PATH: {error.strerror}"
            ) from error

    def close(self) -> None:
        """Close the socket; may be called again."""
        self.socket.close(linger=0)
        self._context.term()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()
