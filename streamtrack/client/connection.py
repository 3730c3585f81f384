"""One socket of a client, and the keys that it shows."""

from __future__ import annotations

import math
import re
import weakref
from dataclasses import dataclass, field
from typing import Self

import zmq

from streamtrack.errors import ConfigError, PublishError
from streamtrack.publish.zmq_security import check_key

MAX_MESSAGE_BYTES = 32 << 20
"""A longer message ends the connection; the masks of 16 objects in 1080p take about 50 kB."""
KEEPALIVE_IDLE_S, KEEPALIVE_INTERVAL_S, KEEPALIVE_PROBES = 5, 2, 3
"""A subscriber never sends, so without probes it would wait for ever on a publisher whose machine
vanished."""
MAX_TIMEOUT_MS = 2**31 - 1
MAX_SHOWN_CHARS = 80
"""Of an address, in an error."""

_TCP_PORT = re.compile(r"tcp://.*:(\d+)", re.IGNORECASE)
_MAX_PORT = 65_535


@dataclass(frozen=True, slots=True)
class ClientKeys:
    """CURVE keys in Z85; `streamtrack keys curve make` makes a pair, as does `zmq.curve_keypair()`."""

    server_public_key: str
    public_key: str
    """This client's, which the server lists."""
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
        if keys is not None and not isinstance(keys, ClientKeys):
            raise ConfigError(f"keys is {type(keys).__name__}, expected streamtrack.client.ClientKeys")
        self.address = _check_address(address)
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.socket: zmq.Socket[bytes] = context.socket(kind)
        # Of what nobody closes, the context may be collected before its socket, and then waits for it for
        # ever, in whichever thread collects.
        self._close = weakref.finalize(self, _close, self.socket, context)
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
            raise PublishError(f"{_bad_address(self.address)}: {zmq.strerror(error.errno or 0)}") from error

    def wait(self, timeout_ms: float | None, events: int = zmq.POLLIN) -> bool:
        """Whether the socket is ready within a time; None waits for ever.

        Raises:
            ConfigError: the time is none.
            PublishError: the connection was closed.
        """
        timeout_ms = check_timeout(timeout_ms)
        try:
            return bool(self.socket.poll(timeout_ms, events))
        except zmq.ZMQError as error:
            if self.socket.closed:
                raise PublishError(f"{self.address}: is closed, expected an open connection") from error
            raise

    def close(self) -> None:
        """Close the socket; may be called again."""
        self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


def check_timeout(value: float | None) -> int | None:
    """A time in whole milliseconds; None: no limit.

    Raises:
        ConfigError: no number, negative, or more than ZeroMQ can count.
    """
    if value is None:
        return None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 0 <= value <= MAX_TIMEOUT_MS:
        raise ConfigError(f"timeout_ms is {_shown(value)}, expected milliseconds from 0 to {MAX_TIMEOUT_MS}")
    return math.ceil(value)


def check_stream(value: str) -> str:
    """A stream's name.

    Raises:
        ConfigError: no text, or one that no stream can have.
    """
    if not isinstance(value, str) or not value or not value.isprintable():
        raise ConfigError(f"stream is {_shown(value)}, expected a stream's name")
    return value


def _check_address(address: str) -> str:
    port = _TCP_PORT.fullmatch(address) if isinstance(address, str) else None
    if not isinstance(address, str) or not address.isprintable():
        raise PublishError(_bad_address(address))
    if port is not None and not 0 < int(port[1][:6]) <= _MAX_PORT:
        raise PublishError(f"{_bad_address(address)}: a port is from 1 to {_MAX_PORT}")
    return address


def _bad_address(address: object) -> str:
    return f"address is {_shown(address)}, expected tcp://HOST:PORT or ipc://PATH"


def _shown(value: object) -> str:
    if isinstance(value, str | int | float):
        shown = repr(value) if not isinstance(value, int) or value.bit_length() < 64 else "a huge number"
        return shown if len(shown) <= MAX_SHOWN_CHARS else shown[:MAX_SHOWN_CHARS] + "…"
    return type(value).__name__


def _close(socket: zmq.Socket[bytes], context: zmq.Context[zmq.Socket[bytes]]) -> None:
    socket.close(linger=0)
    context.term()
