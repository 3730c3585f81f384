"""An RTSP camera that does what it is told, also what no camera should: one live stream for all who watch.

Its attributes may be changed at any time. Interleaved TCP or UDP, H.264 or HEVC.
"""

from __future__ import annotations

import base64
import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tests.faults.injectors.films import Film
from tests.faults.injectors.rtp import MAX_PAYLOAD, PAYLOAD_TYPE, TICKS, packets
from tests.support.bad_network import Harm

SEND_TIMEOUT_S = 5.0
POLL_S = 0.02
REASONS = {200: "OK", 401: "Unauthorized", 453: "Not Enough Bandwidth", 404: "Not Found"}


@dataclass
class Viewer:
    """One session."""

    connection: socket.socket
    udp: tuple[socket.socket, tuple[str, int]] | None = None
    """Socket and address that media go to; None for interleaved."""
    sequence: int = 65_500
    """Wraps soon, as it may."""
    plays: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def send(self, packet: bytes) -> None:
        """Hand a packet to the network."""
        if self.udp is not None:
            self.udp[0].sendto(packet, self.udp[1])
            return
        with self.lock:
            self.connection.sendall(b"$\x00" + len(packet).to_bytes(2, "big") + packet)


class RtspCamera:
    """Serves from `start` to `stop`, always on the same port."""

    def __init__(self, film: Film, fps: float = 25.0) -> None:
        self.film, self.fps = film, fps
        self.password: str | None = None
        """Of user `me`; None asks for none."""
        self.max_sessions: int | None = None
        """More are refused with 453."""
        self.harm: Harm | None = None
        """What the network does to packets of video."""
        self.shuffles = False
        """True: packets arrive before their neighbours."""
        self.skip: Callable[[int], bool] = lambda _: False
        """Whether a picture, by its number in the film, is never sent."""
        self.hold = False
        """True: pictures are kept back, and sent at once when it is False again."""
        self.max_payload = MAX_PAYLOAD
        """Bytes of a packet."""
        self.ticks = 0
        """RTP time of the next picture: set it to jump."""
        self.clock_speed = 1.0
        """Of the RTP clock; at 0 it stands still."""
        self.num_sent = 0
        """Pictures since the beginning."""
        self.num_asked = 0
        """DESCRIBE requests that came."""
        self.asked_s: list[float] = []
        """When each came, monotonic."""
        self.port = 0
        self.viewers: list[Viewer] = []
        self._held: list[tuple[Film, int, int]] = []
        self._at = 0
        self._films = threading.Lock()
        self._over = threading.Event()
        self._over.set()
        self._threads: list[threading.Thread] = []

    def url(self, password: str | None = None) -> str:
        """The address, with a password where one is given."""
        user = f"me:{password}@" if password is not None else ""
        return f"rtsp://{user}127.0.0.1:{self.port}/live"

    def start(self) -> None:
        """Listen and play; does nothing while it does."""
        if not self._over.is_set():
            return
        self._over = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=128)
        self._listener.settimeout(POLL_S)
        self.port = self._listener.getsockname()[1]
        self._threads = [
            threading.Thread(target=target, args=(self._over,), name=f"camera{target.__name__}", daemon=True)
            for target in (self._accept, self._play)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Break every connection, as a power cut does; does nothing the second time."""
        if self._over.is_set():
            return
        self._over.set()
        for thread in self._threads:
            thread.join(SEND_TIMEOUT_S)
        self._listener.close()
        self.drop_viewers()

    @property
    def place(self) -> int:
        """Of the next picture in its film."""
        return self._at

    def begin_film(self, film: Film) -> None:
        """Go on with another film, from its first picture."""
        with self._films:
            self.film, self._at = film, 0

    def drop_viewers(self) -> None:
        """Break the connections that play."""
        for viewer in tuple(self.viewers):
            with contextlib.suppress(OSError):
                viewer.connection.shutdown(socket.SHUT_RDWR)

    # -- requests ----------------------------------------------------------------------------------

    def _accept(self, over: threading.Event) -> None:
        while not over.is_set():
            with contextlib.suppress(TimeoutError):
                connection, _ = self._listener.accept()
                connection.settimeout(SEND_TIMEOUT_S)
                threading.Thread(target=self._serve, args=(connection, over), daemon=True).start()

    def _serve(self, connection: socket.socket, over: threading.Event) -> None:
        viewer = Viewer(connection)
        with connection, contextlib.suppress(OSError, ValueError):
            connection.settimeout(None)
            stream = connection.makefile("rb")
            while not over.is_set() and (first := stream.read(1)):
                if first == b"$":  # a receiver's report
                    head = stream.read(3)
                    stream.read(int.from_bytes(head[1:], "big"))
                    continue
                request = (first + stream.readline()).decode()
                headers: dict[str, str] = {}
                while line := stream.readline().strip().decode():
                    name, _, value = line.partition(":")
                    headers[name.lower()] = value.strip()
                self._answer(viewer, request.split(" ")[0], headers)
        if viewer in self.viewers:
            self.viewers.remove(viewer)
        if viewer.udp is not None:
            viewer.udp[0].close()

    def _answer(self, viewer: Viewer, method: str, headers: dict[str, str]) -> None:
        status, extra, body = 200, [], b""
        if method == "DESCRIBE":
            self.num_asked += 1
            self.asked_s.append(time.monotonic())
        if method == "OPTIONS":
            extra = ["Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER"]
        elif not self._lets_in(headers):
            status, extra = 401, ['WWW-Authenticate: Basic realm="camera"']
        elif method == "DESCRIBE":
            extra, body = ["Content-Type: application/sdp"], self._sdp()
        elif method == "SETUP":
            status, extra = self._set_up(viewer, headers.get("transport", ""))
        elif method == "PLAY":
            extra = ["Session: 1", "Range: npt=now-"]
        lines = [f"RTSP/1.0 {status} {REASONS[status]}", f"CSeq: {headers.get('cseq', '0')}", *extra]
        lines += [f"Content-Length: {len(body)}"] if body else []
        with viewer.lock:
            viewer.connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode() + body)
        if method == "PLAY" and status == 200:
            viewer.plays = True
        elif method == "TEARDOWN":
            raise OSError("over")

    def _lets_in(self, headers: dict[str, str]) -> bool:
        if self.password is None:
            return True
        told = headers.get("authorization", "").partition(" ")[2]
        return told == base64.b64encode(f"me:{self.password}".encode()).decode()

    def _sdp(self) -> bytes:
        lines = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=camera", "c=IN IP4 0.0.0.0", "t=0 0"]
        lines += [f"m=video 0 RTP/AVP {PAYLOAD_TYPE}", f"a=rtpmap:{PAYLOAD_TYPE} {self.film.codec}/{TICKS}"]
        if self.film.codec == "H264":
            sets = [unit for unit in self.film.units[0] if unit[0] & 31 in (7, 8)]
            coded = ",".join(base64.b64encode(unit).decode() for unit in sets)
            lines += [f"a=fmtp:{PAYLOAD_TYPE} packetization-mode=1;sprop-parameter-sets={coded}"]
        return ("\r\n".join([*lines, "a=control:track1"]) + "\r\n").encode()

    def _set_up(self, viewer: Viewer, transport: str) -> tuple[int, list[str]]:
        if self.max_sessions is not None and len(self.viewers) >= self.max_sessions:
            return 453, []
        if viewer not in self.viewers:
            self.viewers.append(viewer)
        if "interleaved" in transport:
            return 200, ["Session: 1;timeout=60", "Transport: RTP/AVP/TCP;unicast;interleaved=0-1"]
        port = int(transport.partition("client_port=")[2].partition("-")[0])
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sender.bind(("127.0.0.1", 0))
        viewer.udp = sender, ("127.0.0.1", port)
        own = sender.getsockname()[1]
        told = f"Transport: RTP/AVP;unicast;client_port={port}-{port + 1};server_port={own}-{own + 1}"
        return 200, ["Session: 1;timeout=60", told]

    # -- pictures ----------------------------------------------------------------------------------

    def _play(self, over: threading.Event) -> None:
        """Send one picture each period to whoever plays."""
        due = time.monotonic()
        while not over.is_set():
            with self._films:
                self._held.append((self.film, self._at, self.ticks))
                self._at = (self._at + 1) % len(self.film.units)
            if not self.hold:
                for film, number, ticks in self._held:
                    self._send(film, number, ticks)
                self._held.clear()
            self.num_sent += 1
            self.ticks += round(self.clock_speed * TICKS / self.fps)
            due = max(due + 1 / self.fps, time.monotonic() - 1)
            over.wait(max(0.0, due - time.monotonic()))

    def _send(self, film: Film, number: int, ticks: int) -> None:
        if self.skip(number):
            return
        for viewer in tuple(self.viewers):
            if not viewer.plays:
                continue
            sent = list(packets(film.units[number], film.codec, viewer.sequence, ticks, 7, self.max_payload))
            viewer.sequence = (viewer.sequence + len(sent)) & 0xFFFF
            if self.shuffles:
                pairs = [sent[at : at + 2][::-1] for at in range(0, len(sent), 2)]
                sent = [packet for pair in pairs for packet in pair]
            try:
                for packet in sent:
                    arrives = packet if self.harm is None else self.harm.apply(packet)
                    if arrives is not None:
                        viewer.send(arrives)
            except OSError:
                viewer.plays = False


@contextlib.contextmanager
def rtsp_camera(film: Film, fps: float = 25.0) -> Iterator[RtspCamera]:
    """A camera that plays, until the context ends."""
    camera = RtspCamera(film, fps)
    camera.start()
    try:
        yield camera
    finally:
        camera.stop()
