"""Readers that never read, writers that never end, and connections that never say a word: whoever comes after
them is served, and what they took is given back."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx
import pytest
import zmq

from tests.fuzz import forms, raw
from tests.fuzz.amount import amount
from tests.fuzz.offers import BROWSER_OFFER
from tests.fuzz.target import HealthWatch, Target
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.fuzz, pytest.mark.timeout(900)]

FREED_S = 150.0
"""The longest that a place is kept for one who does not read: two minutes of keep-alives fill no buffer, but
each of the limits of connections is ten seconds."""
FLAT_MB = 80
MUTE_AT_ONCE = 140
"""Fewer than one client address may have under way; what is over that is refused at once."""


def opened(port: int, data: bytes, receive_bytes: int = 0) -> socket.socket:
    """A connection on which this was said, and of whose answer at most so much is read, ever."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(20)
    connection.connect(("127.0.0.1", port))
    with contextlib.suppress(OSError):
        connection.sendall(data)
        if receive_bytes:
            connection.recv(receive_bytes)
    return connection


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()


def post(path: str, kind: str, length: int, data: bytes) -> bytes:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n"
    )
    return head.encode() + data


MUTE = {
    "says nothing": b"",
    "half a head": b"GET /streams HTTP/1.1\r\nHost: 127",
    "half a body": post("/streams/still/objects", "application/json", 500, b'{"box": ['),
    "half a form": post("/jobs", forms.TYPE, 5_000_000, forms.part(b"prompts", forms.PROMPTS)),
    "half a memory": post("/streams/still/objects", "application/octet-stream", 9_000_000, b"x" * 70_000),
    "half an offer": post("/streams/cam/whep", "application/sdp", 6_000, b"v=0\r\n"),
    "reads no live events": get("/streams/cam/live"),
    "reads no results": get("/streams/cam/results"),
    "reads no pictures": get("/streams/cam/mjpeg"),
    "reads no messages": raw.WS_HEAD,
    "reads no metrics": get("/metrics") * 40,
    "reads no masks": get("/streams/cam/masks") * 40,
    "reads no snapshots": get("/streams/cam/snapshot.jpg") * 20,
    "asks and asks": get("/streams/cam/masks?wait_ms=4000&after_frame=900000") * 5,
}


@pytest.mark.parametrize("kind", MUTE)
def test_mute_connections_keep_nobody_out(target: Target, kind: str) -> None:
    before, memory_mb = target.descriptors(), target.memory_mb()
    count = amount(64, MUTE_AT_ONCE)
    with ExitStack() as open_, HealthWatch(target, 0.2) as watch, target.api() as api:
        for _ in range(count):
            open_.enter_context(contextlib.closing(opened(target.port, MUTE[kind])))
        assert api.get("/streams").status_code == 200  # one more from the same address
        target.settle(before + 24, FREED_S)
        wait_until(lambda: can_watch(target), "a reader that reads is served", FREED_S)
    assert watch.failures == []
    assert target.memory_mb() - memory_mb < FLAT_MB
    print(f"{kind}: {count} connections, worst /healthz {watch.worst_s:.2f} s")
    target.settle(before + 8, FREED_S)


def suppressed() -> contextlib.AbstractContextManager[None]:
    return contextlib.suppress(httpx.HTTPError)


def can_watch(target: Target) -> bool:
    """Whether somebody who reads gets pictures, events and messages."""
    for path, wanted in (("mjpeg", b"image/jpeg"), ("live", b"event: state"), ("results", b"event: result")):
        if not reads(target, f"/streams/cam/{path}", wanted):
            return False
    return True


def reads(target: Target, path: str, wanted: bytes) -> bool:
    with (
        target.api(timeout_s=20) as api,
        contextlib.suppress(httpx.HTTPError),
        api.stream("GET", path) as answer,
    ):
        if answer.status_code != 200:
            return False
        found = b""
        for part in answer.iter_bytes():
            found += part
            if wanted in found:
                return True
    return False


def test_viewers_that_never_connect_keep_nobody_out(target: Target) -> None:
    before = target.descriptors()
    with target.api() as api, HealthWatch(target, 0.2) as watch:
        for _ in range(amount(32, 100)):
            answer = api.post(
                "/streams/cam/whep", content=BROWSER_OFFER, headers={"content-type": "application/sdp"}
            )
            assert answer.status_code in (201, 503)
        wait_until(
            lambda: (
                api.post(
                    "/streams/cam/whep", content=BROWSER_OFFER, headers={"content-type": "application/sdp"}
                ).status_code
                == 201
            ),
            "another viewer is let in",
            20,
        )
    assert watch.failures == []
    target.settle(before + 8, FREED_S)


@contextmanager
def zmq_socket(kind: int, address: str) -> Iterator[zmq.Socket[bytes]]:
    with zmq.Context() as context, context.socket(kind) as opened_:
        opened_.linger, opened_.rcvtimeo, opened_.rcvhwm = 0, 20_000, 1
        opened_.connect(address)
        yield opened_


def test_subscribers_that_never_read_and_mute_peers_keep_nobody_out(target: Target) -> None:
    before, memory_mb = target.descriptors(), target.memory_mb()
    ports = [int(address.rpartition(":")[2]) for address in (target.masks_address, target.control_address)]
    with ExitStack() as open_, HealthWatch(target, 0.2) as watch:
        for _ in range(amount(20, 100)):
            sub = open_.enter_context(zmq_socket(zmq.SUB, target.masks_address))
            sub.subscribe(b"")
            asks = open_.enter_context(zmq_socket(zmq.DEALER, target.control_address))
            for _ in range(20):
                asks.send(b'{"op": "list", "stream": "cam"}')  # whose answers nobody fetches
            for port in ports:
                for said in (b"", b"\xff" + b"\0" * 8 + b"\x7f", b"\xff" * 64, b"GET / HTTP/1.1\r\n\r\n"):
                    open_.enter_context(contextlib.closing(opened(port, said)))
        time.sleep(3)
        with zmq_socket(zmq.DEALER, target.control_address) as asks:
            asks.send(b'{"op": "list", "stream": "cam"}')
            assert b'"ok":true' in asks.recv()
        with zmq_socket(zmq.SUB, target.masks_address) as sub:
            sub.subscribe(b"masks/cam")
            assert sub.recv().startswith(b"masks/cam\0")
    assert watch.failures == []
    assert target.memory_mb() - memory_mb < FLAT_MB
    target.settle(before + 8, FREED_S)


def test_results_that_are_never_fetched_keep_nobody_out(target: Target) -> None:
    """Downloads of a job's results whose reader stops."""
    before = target.descriptors()
    data = forms.form(
        forms.part(b"film", forms.films()["mp4"], b"clip.mp4"),
        forms.part(b"prompts", b"[{object_id: 1, box: [10, 10, 60, 60]}]"),
    )
    with target.api() as api:
        job = api.post("/jobs", content=data, headers={"content-type": forms.TYPE}).json()["id"]
        wait_until(lambda: api.get(f"/jobs/{job}").json()["state"] == "done", "the job is done")
        with ExitStack() as open_, HealthWatch(target, 0.2) as watch:
            for _ in range(amount(20, 60)):
                for path in (
                    f"/jobs/{job}/results.zip",
                    f"/jobs/{job}/live",
                    f"/jobs/{job}/results/overlay.mp4",
                ):
                    open_.enter_context(contextlib.closing(opened(target.port, get(path))))
            assert api.get(f"/jobs/{job}/results.zip").content.startswith(b"PK")
        assert watch.failures == []
        api.delete(f"/jobs/{job}")
    target.settle(before + 8, FREED_S)
