"""Who may connect to a ZeroMQ socket, and how a bind that fails is told.

CURVE encrypts, but admits everyone who knows the server's public key. Who is on the list is decided by a ZAP
handler (ZeroMQ RFC 27), one for each context. pyzmq's ThreadAuthenticator starts an event loop in a thread,
logs every client's key, and once stopped lets everyone in; ours is one blocking REP socket, and sockets that
it guards refuse connections when it is gone.
"""

from __future__ import annotations

import contextlib
import logging
import math
import struct
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING

import zmq
from zmq.utils import z85

from streamtrack.access.curve import write_user_id
from streamtrack.access.curve_file import CurveClient
from streamtrack.access.curve_roster import CurveRoster
from streamtrack.access.principal import LISTED
from streamtrack.access.roles import Role
from streamtrack.errors import ConfigError, PublishError

if TYPE_CHECKING:  # pydantic and YAML: the client, which checks its keys here, needs neither
    from streamtrack.config import CurveConfig

ZAP_ENDPOINT = "inproc://zeromq.zap.01"
ZAP_DOMAIN = b"streamtrack"
_ZAP_VERSION = b"1.0"
_KEY_BYTES = 32
_JOIN_S = 2.0
LOOK_PERIOD_MS = 1_000
"""How often it is looked whether the file of clients has changed."""
_TELL_PERIOD_S = 60.0
_FREE_S, _FREE_PAUSE_S = 5.0, 0.005
_MAX_TOLD, _MAX_TOLD_OF = 8, 256

_log = logging.getLogger(__name__)


class CurveGate:
    """Answers ZAP requests of one context from a thread: clients that are listed, in a role that is large
    enough, come in; everyone else does not."""

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        config: CurveConfig,
        needs: Role = Role.VIEW,
        *,
        on_refused: Callable[[str], None] | None = None,
        on_revoked: Callable[[], None] | None = None,
    ) -> None:
        """Listen before any guarded socket binds.

        Args:
            needs: the role that a client must have.
            on_refused: told why of each client that is refused, in the gate's thread.
            on_revoked: called in the gate's thread when a client that was listed is no more, or has another
                role: who is connected must show his key again.
        Raises:
            ConfigError: a key is not Z85, or the server's keys are not a pair. Keys are never in the message.
        """
        self._secret_key = config.server_secret_key.get_secret_value().encode()
        public_key = check_key(config.server_public_key, "server_public_key")
        check_key(self._secret_key.decode(errors="replace"), "server_secret_key")
        if zmq.curve_public(self._secret_key) != public_key:
            raise ConfigError("zmq.curve: server_public_key does not belong to server_secret_key")
        self._roster = CurveRoster(_listed_in(config), config.clients_file)
        self._needs = needs
        self._on_refused = on_refused
        self._on_revoked = on_revoked
        self._refusals = Refusals()
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
                asked = self._requests.poll(LOOK_PERIOD_MS)
                # Before it answers: whoever was taken off the list a moment ago does not come in.
                lost = self._roster.refresh()
                if asked:
                    self._requests.send_multipart(self._answer(self._requests.recv_multipart()))
                if lost:
                    names = ", ".join(client.name for client in lost[:_MAX_TOLD])
                    _log.warning("CURVE keys revoked or changed: %s; who is connected shows his again", names)
                    if self._on_revoked is not None:
                        self._on_revoked()

    def _answer(self, request: list[bytes]) -> list[bytes]:
        """The ZAP reply to: version, request id, domain, address, identity, mechanism, credentials."""
        request_id = request[1] if len(request) > 1 else b""
        client, why = self._judge(request)
        if client is not None and why is None:
            return [_ZAP_VERSION, request_id, b"200", b"OK", write_user_id(client.principal), b""]
        address = request[3].decode("ascii", "replace")[:64] if len(request) > 3 else "an unknown address"
        self._tell(address, why or "")
        return [_ZAP_VERSION, request_id, b"400", b"not allowed", b"", b""]

    def _judge(self, request: list[bytes]) -> tuple[CurveClient | None, str | None]:
        """Who asks, and why he may not; None where he may."""
        is_sound = (
            len(request) == 7
            and request[0] == _ZAP_VERSION
            and request[2] == ZAP_DOMAIN
            and request[5] == b"CURVE"
            and len(request[6]) == _KEY_BYTES
        )
        client = self._roster.of(z85.encode(request[6]).decode()) if is_sound else None
        if client is None:
            return None, "its key is not on the list"
        if not client.role.allows(self._needs):
            return client, f"{client.name} has the role {client.role.value}, expected {self._needs.value}"
        return client, None

    def _tell(self, address: str, why: str) -> None:
        if self._on_refused is not None:
            self._on_refused("curve")
        if times := self._refusals.note(f"{address} {why}", time.monotonic()):
            again = f" ({times} times)" if times > 1 else ""
            _log.warning("refused a ZeroMQ client from %s: %s%s", address, why, again)


class Refusals:
    """Which refusals are worth a line: a client that is refused asks again ten times a second. Pure."""

    def __init__(self) -> None:
        self._untold: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def note(self, what: str, now_s: float) -> int:
        """Count one; returns how many are to be told now, mostly 0."""
        times, told_s = self._untold.pop(what, (0, -math.inf))
        due = now_s - told_s >= _TELL_PERIOD_S
        self._untold[what] = (0, now_s) if due else (times + 1, told_s)
        while len(self._untold) > _MAX_TOLD_OF:
            self._untold.popitem(last=False)
        return times + 1 if due else 0


def _listed_in(config: CurveConfig) -> list[CurveClient]:
    """The clients of a config.

    Raises:
        ConfigError: a key is none, or two clients have one name.
    """
    clients = [
        CurveClient(LISTED.name, LISTED.role, check_key(key, f"allowed_client_keys[{index}]").decode())
        for index, key in enumerate(config.allowed_client_keys)
    ]
    names: set[str] = set()
    for kind, role in (("viewers", Role.VIEW), ("controllers", Role.CONTROL), ("admins", Role.ADMIN)):
        for name, key in getattr(config, kind).items():
            if name in names:
                raise ConfigError(f"zmq.curve: {name} is named twice, expected each client once")
            names.add(name)
            clients.append(CurveClient(name, role, check_key(key, f"{kind}.{name}").decode()))
    return clients


def new_pair() -> tuple[str, str]:
    """A public and a secret key in Z85."""
    public, secret = zmq.curve_keypair()
    return public.decode(), secret.decode()


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


def bind_again(socket: zmq.Socket[bytes], address: str, key: str) -> None:
    """Bind an address that another socket of this process has just given up, which takes it a moment.

    Raises:
        PublishError: it has not become free.
    """
    deadline_s = time.monotonic() + _FREE_S
    while True:
        try:
            bind(socket, address, key)
        except PublishError:
            if time.monotonic() > deadline_s:
                raise
            time.sleep(_FREE_PAUSE_S)
        else:
            return
