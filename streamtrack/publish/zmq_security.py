"""Who may connect to a ZeroMQ socket, and how a bind that fails is told.

CURVE encrypts, but admits everyone who knows the server's public key. Who is on the list is decided by a ZAP
handler (ZeroMQ RFC 27), one for each context. pyzmq's ThreadAuthenticator starts an event loop in a thread,
logs every client's key, and once stopped lets everyone in; ours is one blocking REP socket, and sockets that
it guards refuse connections when it is gone.
"""

from __future__ import annotations

import contextlib
import logging
import struct
import threading
from typing import TYPE_CHECKING

import zmq
from zmq.utils import z85

from streamtrack.errors import ConfigError, PublishError

if TYPE_CHECKING:  # pydantic and YAML: the client, which checks its keys here, needs neither
    from streamtrack.config import CurveConfig

ZAP_ENDPOINT = "inproc://zeromq.zap.01"
ZAP_DOMAIN = b"streamtrack"
_ZAP_VERSION = b"1.0"
_JOIN_S = 2.0

_log = logging.getLogger(__name__)


class CurveGate:
    """Answers ZAP requests of one context from a thread: clients on the list come in, everyone else does
    not."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], config: CurveConfig) -> None:
        """Listen before any guarded socket binds.

        Raises:
            ConfigError: a key is not Z85, or the server's keys are not a pair. Keys are never in the message.
        """
        self._secret_key = config.server_secret_key.get_secret_value().encode()
        self._public_key = check_key(config.server_public_key, "server_public_key")
        check_key(self._secret_key.decode(errors="replace"), "server_secret_key")
        if zmq.curve_public(self._secret_key) != self._public_key:
            raise ConfigError("zmq.curve: server_public_key does not belong to server_secret_key")
        self._allowed = frozenset(
            z85.decode(check_key(key, f"allowed_client_keys[{index}]"))
            for index, key in enumerate(config.allowed_client_keys)
        )
        # Made here and only then handed to the thread: a client that connects at once finds it listening.
        self._requests: zmq.Socket[bytes] = zmq.Socket(context, zmq.REP)
        self._requests.linger = 0
        self._requests.bind(ZAP_ENDPOINT)
        self._thread = threading.Thread(target=self._run, name="zap", daemon=True)
        self._thread.start()

    def guard(self, socket: zmq.Socket[bytes]) -> None:
        """Ask for CURVE and a key on the list at every connection; to be called before `bind`."""
        socket.curve_server = True
        socket.curve_secretkey = self._secret_key
        socket.zap_domain = ZAP_DOMAIN
        # Without this libzmq admits every client once the handler has gone.
        socket.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 1)

    def join(self) -> None:
        """Wait for the thread to end; it does when the context is terminated."""
        self._thread.join(_JOIN_S)

    def _run(self) -> None:
        with self._requests, contextlib.suppress(zmq.ContextTerminated):
            while True:
                self._requests.send_multipart(self._answer(self._requests.recv_multipart()))

    def _answer(self, request: list[bytes]) -> list[bytes]:
        """The ZAP reply to: version, request id, domain, address, identity, mechanism, credentials."""
        request_id = request[1] if len(request) > 1 else b""
        admitted = (
            len(request) == 7
            and request[0] == _ZAP_VERSION
            and request[2] == ZAP_DOMAIN
            and request[5] == b"CURVE"
            and request[6] in self._allowed
        )
        if not admitted:
            address = request[3].decode("ascii", "replace") if len(request) > 3 else "an unknown address"
            _log.warning("refused a ZeroMQ client from %s: its key is not on the list", address[:64])
        status, text = (b"200", b"OK") if admitted else (b"400", b"not allowed")
        return [_ZAP_VERSION, request_id, status, text, b"", b""]


def check_key(key: str, name: str) -> bytes:
    """The key as bytes, once it is 40 characters of Z85.

    Raises:
        ConfigError: it is not; the message names `name`, never the key.
    """
    try:
        raw = key.encode("ascii")
        valid = len(raw) == 40 and len(z85.decode(raw)) == 32
    except (AttributeError, ValueError, KeyError, struct.error):  # no text, or no Z85
        valid = False
    if not valid:
        raise ConfigError(f"zmq.curve: {name} is not a CURVE key, expected 40 characters of Z85")
    return raw


def bind(socket: zmq.Socket[bytes], address: str, key: str) -> str:
    """Bind, and return the real address: port 0 or * takes a free one.

    Args:
        key: the config key that holds the address, for the error.
    Raises:
        PublishError: the address is in use, or is none that can be bound.
    """
    # libzmq writes "a free port" as *; people write 0.
    wanted = address[:-1] + "*" if address.startswith("tcp://") and address.endswith(":0") else address
    try:
        socket.bind(wanted)
    except (zmq.ZMQError, OSError) as error:
        number = getattr(error, "errno", None)
        if number == zmq.EADDRINUSE:
            raise PublishError(f"{key}: {address} is in use, expected a free port") from error
        reason = zmq.strerror(number) if number is not None else str(error)
        raise PublishError(
            f"{key}: cannot bind {address}: {reason}, expected tcp://HOST:PORT or ipc://PATH"
        ) from error
    return str(socket.get_string(zmq.LAST_ENDPOINT))
