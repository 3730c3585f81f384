"""What cameras, webhooks and hubs answer to us: damaged, made up, endless."""

from __future__ import annotations

import contextlib
import random
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from streamtrack.config import ReconnectConfig, SourceConfig
from streamtrack.errors import SourceError
from streamtrack.ingest.open_decoder import identify_source, make_decoder
from tests.fuzz.amount import amount, dice
from tests.fuzz.cost import check_cost
from tests.fuzz.mutate import damaged
from tests.fuzz.offers import BROWSER_OFFER
from tests.fuzz.refused import taken

RTSP = (
    b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nPublic: OPTIONS, DESCRIBE, SETUP, PLAY\r\nContent-Length: 0\r\n\r\n",
    b"RTSP/1.0 401 Unauthorized\r\nCSeq: 2\r\n"
    b'WWW-Authenticate: Digest realm="cam", nonce="0a1b", algorithm=MD5, qop="auth"\r\n'
    b'WWW-Authenticate: Basic realm="cam"\r\n\r\n',
    b"RTSP/1.0 302 Moved\r\nCSeq: 2\r\nLocation: rtsp://127.0.0.1:{port}/other\r\n\r\n",
    b"RTSP/1.0 453 Not Enough Bandwidth\r\nCSeq: 2\r\n\r\n",
    b"RTSP/1.0 200 OK\r\nCSeq: 3\r\nContent-Type: application/sdp\r\nContent-Length: 120\r\n\r\n"
    b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
    b"a=control:streamid=0\r\n\r\n",
)
HTTP = (
    b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=b\r\n\r\n--b\r\n"
    b"Content-Type: image/jpeg\r\nContent-Length: 4\r\n\r\nabcd\r\n--b\r\n",
    b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{port}/x\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: video/mp4\r\n\r\n"
    b"5\r\nabcde\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Type: application/x-mpegurl\r\nContent-Length: 8\r\n\r\n#EXTM3U\n",
)


ANSWER = BROWSER_OFFER.replace("recvonly", "sendonly").replace("actpass", "active").encode()
SDP = b"Content-Type: application/sdp\r\nContent-Length: %d\r\n\r\n" % len(ANSWER) + ANSWER
WHEP = (
    b"HTTP/1.1 201 Created\r\nLocation: /sessions/1\r\n" + SDP,
    b"HTTP/1.1 201 Created\r\nLocation: http://127.0.0.1:{port}/sessions/1\r\n" + SDP,
    b"HTTP/1.1 307 Moved\r\nLocation: http://127.0.0.1:{port}/whep\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer\r\nContent-Length: 3\r\n\r\nno!",
    b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1000\r\n" + b"x" * 4096 + b"\r\n" * 40,
)
TIMEOUT_MS = 300
pytestmark = pytest.mark.filterwarnings("ignore:Basic Auth Realm was unquoted")  # urllib's own, of a camera


class Answering:
    """A server that says what it is given, whatever is asked, and hangs up."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.say: Callable[[], bytes] = lambda: b""
        self._thread = threading.Thread(target=self._serve, name="answering")

    @contextmanager
    def running(self) -> Iterator[Answering]:
        self._thread.start()
        try:
            yield self
        finally:
            self._listener.close()
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            self._thread.join(20)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                connection.settimeout(2)
                for _ in range(3):
                    if not connection.recv(65_536):
                        break
                    connection.sendall(self.say())


@pytest.fixture(scope="module")
def camera() -> Iterator[Answering]:
    with Answering().running() as running:
        yield running


def open_once(url: str) -> None:
    reconnect = ReconnectConfig(first_delay_ms=200, max_delay_ms=400)
    config = SourceConfig(
        url=url, open_timeout_ms=TIMEOUT_MS, read_timeout_ms=TIMEOUT_MS, reconnect=reconnect
    )
    decoder = make_decoder(config, identify_source(config), None)
    try:
        decoder.open()
        decoder.read()
    finally:
        decoder.close()


def odd_reply(rng: random.Random, sound: tuple[bytes, ...], port: int) -> bytes:
    replies = [one.replace(b"{port}", str(port).encode()) for one in sound]
    return damaged(rng.choice(replies), rng, replies) if rng.random() < 0.8 else rng.choice(replies)


@pytest.mark.parametrize(("scheme", "sound"), [("rtsp", RTSP), ("http", HTTP), ("whep", WHEP)])
def test_odd_replies_of_a_camera_are_a_lost_source(
    camera: Answering, scheme: str, sound: tuple[bytes, ...]
) -> None:
    rng = dice(scheme)
    said: list[bytes] = []

    def say() -> bytes:
        said.append(odd_reply(rng, sound, camera.port))
        return said[-1]

    camera.say = say
    for _ in range(amount(5, 1_500)):
        said.clear()
        url = f"{scheme}://user:secret@127.0.0.1:{camera.port}/live"
        taken(lambda url=url: open_once(url), SourceError, what=said)  # type: ignore[misc]


ENDLESS = {
    "headers": lambda n: b"RTSP/1.0 200 OK\r\n" + b"A: b\r\n" * n + b"\r\n",
    "one header": lambda n: b"RTSP/1.0 200 OK\r\nA: " + b"b" * 6 * n + b"\r\n\r\n",
    "challenges": lambda n: b"RTSP/1.0 401 No\r\n" + b"WWW-Authenticate: Digest a=b\r\n" * (n // 5) + b"\r\n",
    "parameters": lambda n: b"RTSP/1.0 401 No\r\nWWW-Authenticate: Digest " + b"a=b," * n + b"\r\n\r\n",
    "quotes": lambda n: b'RTSP/1.0 401 No\r\nWWW-Authenticate: Digest a="' + b"a=" * n + b"\r\n\r\n",
}


@pytest.mark.slow
@pytest.mark.fuzz
@pytest.mark.parametrize("shape", ENDLESS)
def test_a_cameras_reply_costs_what_its_size_is_worth(camera: Answering, shape: str) -> None:
    def read(data: bytes) -> None:
        camera.say = lambda: data
        url = f"rtsp://user:secret@127.0.0.1:{camera.port}/live"
        taken(lambda: open_once(url), SourceError)

    check_cost(ENDLESS[shape], read, (2_000, 4_000, 8_000), shape)
