"""What one request may cost a server: processor time by the size of what came in, and memory."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.fuzz import forms, raw
from tests.fuzz.amount import FULL, amount
from tests.fuzz.cost import bound_s
from tests.fuzz.http_requests import CAMERA, FILM, LINE, PROMPT, ZONE
from tests.fuzz.offers import BROWSER_OFFER, FRAGMENT
from tests.fuzz.target import HealthWatch, Target

pytestmark = [pytest.mark.slow, pytest.mark.fuzz, pytest.mark.timeout(600)]

JSON = "application/json"
LATE_S = 3.0
"""The longest that /healthz may wait beside one request, on two cores that others use as well."""
FLAT_MB = 64
SDP = "application/sdp"
Body = Callable[[int], bytes]


def json_of(make: Callable[[int], Any]) -> Body:
    return lambda n: json.dumps(make(n)).encode()


def request(method: str, path: str, data: bytes = b"", kind: str = JSON, *more: bytes) -> bytes:
    head = [f"{method} {path} HTTP/1.1".encode(), b"Host: 127.0.0.1", b"Connection: close", *more]
    if data:
        head += [f"Content-Type: {kind}".encode(), f"Content-Length: {len(data)}".encode()]
    return b"\r\n".join(head) + b"\r\n\r\n" + data


def keys(n: int) -> dict[str, int]:
    return {f"k{i}": i for i in range(n)}


def nested(n: int) -> bytes:
    return b'{"a":' * n + b"1" + b"}" * n


def corners(n: int) -> list[list[int]]:
    return [[(i * 7919) % 1000, (i * 104729) % 1000] for i in range(n)]


BODIES: dict[str, tuple[str, str, Body]] = {
    "unknown keys of a prompt": ("POST", "/streams/still/objects", json_of(lambda n: PROMPT | keys(n))),
    "unknown keys of a camera": ("POST", "/streams", json_of(lambda n: CAMERA | keys(n))),
    "unknown keys inside": ("POST", "/streams", json_of(lambda n: {**CAMERA, "video": keys(n)})),
    "unknown keys of a change": ("PATCH", "/streams/cam", json_of(keys)),
    "unknown keys of a trial": ("POST", "/streams/test", json_of(lambda n: {"source": keys(n)})),
    "unknown keys of a rule": ("POST", "/streams/still/rules", json_of(lambda n: ZONE | keys(n))),
    "unknown keys of a job": ("POST", "/jobs", json_of(lambda n: FILM | keys(n))),
    "unknown keys of a clip": ("POST", "/clips", json_of(keys)),
    "unknown keys of a snooze": ("POST", "/alerts/snoozes", json_of(keys)),
    "prompts of a job": ("POST", "/jobs", json_of(lambda n: {**FILM, "prompts": [{"object_id": "x"}] * n})),
    "exports of a job": ("POST", "/jobs", json_of(lambda n: {**FILM, "options": {"exports": ["x"] * n}})),
    "depth": ("POST", "/streams/still/objects", nested),
    "depth of a job": ("POST", "/jobs", nested),
    "depth of a camera": ("POST", "/streams", nested),
    "points": ("POST", "/streams/still/objects", json_of(lambda n: {"points": corners(n)})),
    "points that are none": ("POST", "/streams/still/objects", json_of(lambda n: {"points": [["x"]] * n})),
    "corners of a zone": ("POST", "/streams/still/rules", json_of(lambda n: {**ZONE, "points": corners(n)})),
    "classes of a line": ("POST", "/streams/still/rules", json_of(lambda n: {**LINE, "classes": ["x"] * n})),
    "zones of a camera": ("POST", "/streams", json_of(lambda n: {**CAMERA, "rules": [ZONE] * n})),
    "a long text": ("PATCH", "/streams/still/objects/1", json_of(lambda n: {"label": "x" * 8 * n})),
    "a long number": ("POST", "/clips", lambda n: b'{"from_ms": ' + b"9" * 8 * n + b"}"),
    "blanks": ("POST", "/streams/still/objects", lambda n: b" " * 8 * n + b"{}"),
    "escapes": ("PATCH", "/streams/still/objects/1", lambda n: b'{"label":"' + b"\\u0041" * n + b'"}'),
    "run lengths": (
        "POST",
        "/streams/still/objects",
        json_of(lambda n: {"mask": {"size": [96, 160], "counts": "1" * 8 * n}}),
    ),
}
"""Method, path, and the body of a size."""


def shortest(target: Target, data: bytes) -> tuple[float, bytes]:
    """Processor seconds that a request takes the server, the better of two, and the head of its answer."""
    best, found = 1e9, b""
    for _ in range(2):
        before = target.cpu_s()
        found = raw.asked(target.port, data, 60)
        best = min(best, target.cpu_s() - before)
    return best, found


def check(target: Target, make: Callable[[int], bytes], sizes: tuple[int, ...], what: str) -> None:
    """Raise AssertionError where a request costs more than its size is worth, or keeps others waiting."""
    memory_mb = target.memory_mb()
    costs: list[str] = []
    with HealthWatch(target) as watch:
        for size in sizes:
            data = make(size)
            took, found = shortest(target, data)
            status = found[9:12]
            assert not status.startswith(b"5"), (what, found[:500])
            # A step of the tracker goes on beside it.
            told = f"{len(data)} bytes, {took:.2f} s, {status.decode('latin-1')}"
            assert took <= bound_s(len(data)) + 0.3, f"{what}: {told}: {found[:200]!r}"
            costs.append(told)
    assert watch.failures == []
    if FULL:
        assert watch.worst_s < LATE_S, f"{what}: /healthz waited {watch.worst_s:.2f} s"
    assert target.memory_mb() - memory_mb < FLAT_MB, what
    print(f"{what}: {'; '.join(costs)}; worst /healthz {watch.worst_s:.2f} s")


SIZES = (2_000, 12_000, 50_000) if FULL else (12_000,)


@pytest.mark.parametrize("what", list(BODIES))
def test_body_costs_what_its_size_is_worth(target: Target, what: str) -> None:
    method, path, body = BODIES[what]
    check(target, lambda n: request(method, path, body(n)), SIZES, what)


ADDRESSES: dict[str, Callable[[int], bytes]] = {
    "headers": lambda n: request("GET", "/streams", b"", "", *[b"A: b"] * n),
    "one header": lambda n: request("GET", "/streams", b"", "", b"A: " + b"b" * 8 * n),
    "cookies": lambda n: request("GET", "/", b"", "", b"Cookie: " + b"a=b; " * n),
    "cookie headers": lambda n: request("GET", "/", b"", "", *[b"Cookie: a=b"] * n),
    "ranges": lambda n: request("GET", "/web/page.js", b"", "", b"Range: bytes=" + b"0-1," * n),
    "types": lambda n: request("GET", "/streams/still/masks", b"", "", b"Accept: " + b"image/png;q=1," * n),
    "tags": lambda n: request("GET", "/streams/still/masks", b"", "", b"If-None-Match: " + b'"x", ' * n),
    "forwarded": lambda n: request("GET", "/streams", b"", "", b"X-Forwarded-For: " + b"1.1.1.1, " * n),
    "questions": lambda n: request("GET", "/events/history?" + "label=x&" * n),
    "one question": lambda n: request("GET", "/events/history?label=" + "x" * 8 * n),
    "percents": lambda n: request("GET", "/streams/" + "%41" * n),
    "slashes": lambda n: request("GET", "/" * n),
    "dots": lambda n: request("GET", "/web/" + "../" * n),
    "a path of a result": lambda n: request(
        "GET", "/jobs/20261129025000-0123456789abcdef/results/" + "a/" * n
    ),
    "chunks": lambda n: (
        request("POST", "/streams/still/objects", b"", "", b"Transfer-Encoding: chunked")
        + b"1\r\n \r\n" * n
        + b"0\r\n\r\n"
    ),
    "requests": lambda n: (
        b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * (n // 50) + request("GET", "/healthz")
    ),
}


@pytest.mark.parametrize("what", list(ADDRESSES))
def test_head_costs_what_its_size_is_worth(target: Target, what: str) -> None:
    check(target, ADDRESSES[what], (500, 4_000, 16_000) if FULL else (3_000,), what)


OFFERS: dict[str, Body] = {
    "candidates": lambda n: (
        BROWSER_OFFER
        + "".join(f"a=candidate:{i} 1 udp 2122260223 127.0.0.1 {1024 + i} typ host\r\n" for i in range(n))
    ).encode(),
    "sections": lambda n: (BROWSER_OFFER + "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=recvonly\r\n" * n).encode(),
    "formats": lambda n: (BROWSER_OFFER + "".join(f"a=rtpmap:{i} H264/90000\r\n" for i in range(n))).encode(),
    "parameters": lambda n: (BROWSER_OFFER + "a=fmtp:101 " + "a=b;" * 4 * n + "\r\n").encode(),
    "extensions": lambda n: (BROWSER_OFFER + "".join(f"a=extmap:{i} urn:x\r\n" for i in range(n))).encode(),
    "sources": lambda n: (BROWSER_OFFER + "".join(f"a=ssrc:{i} cname:x\r\n" for i in range(n))).encode(),
    "fingerprints": lambda n: (BROWSER_OFFER + "a=fingerprint:sha-256 00:11\r\n" * n).encode(),
    "bundle": lambda n: BROWSER_OFFER.replace("BUNDLE 0 1", "BUNDLE" + " 0 1" * n).encode(),
    "trickled": lambda n: (FRAGMENT * n).encode(),
}


@pytest.mark.parametrize("what", list(OFFERS))
def test_offer_costs_what_its_size_is_worth(target: Target, what: str) -> None:
    sizes = (40, 400, 900) if FULL else (400,)
    check(target, lambda n: request("POST", "/streams/cam/whep", OFFERS[what](n), SDP), sizes, what)


def part_head(data: bytes) -> bytes:
    return b"--" + forms.BOUNDARY + b"\r\n" + data + b"\r\n\r\nx\r\n"


NAMED = b'Content-Disposition: form-data; name="'
ALMOST_AN_END = b"\r\n--" + forms.BOUNDARY[:-1]
FORMS: dict[str, Body] = {
    "options": lambda n: forms.form(*[forms.part(b"options", b"{}")] * n),
    "films": lambda n: forms.form(*[forms.part(b"film", b"x", b"a.mp4")] * n),
    "masks": lambda n: forms.form(*[forms.part(b"mask", b"x", b"m%d.png" % i) for i in range(n)]),
    "headers of a part": lambda n: forms.form(
        b"--" + forms.BOUNDARY + b"\r\n" + b"A: b\r\n" * n + b"\r\nx\r\n"
    ),
    "one header of a part": lambda n: forms.form(part_head(b"A: " + b"b" * 8 * n)),
    "a part's name": lambda n: forms.form(
        part_head(b'Content-Disposition: form-data; name="' + b"x" * 8 * n + b'"')
    ),
    "parameters of a part": lambda n: forms.form(
        part_head(b"Content-Disposition: form-data" + b'; a="b"' * n)
    ),
    "quotes of a part": lambda n: forms.form(
        part_head(b'Content-Disposition: form-data; name="' + b'\\"' * 4 * n)
    ),
    "almost an end": lambda n: forms.form(
        forms.part(b"film", (b"\r\n--" + forms.BOUNDARY[:-1]) * n, b"a.mp4")
    ),
    "line ends": lambda n: forms.form(forms.part(b"film", b"\r\n" * 4 * n, b"a.mp4")),
    "before the form": lambda n: b"\r\n" * 4 * n + forms.form(),
    "prompts": lambda n: forms.form(
        forms.part(b"url", b"http://127.0.0.1:9/a.mp4"),
        forms.part(b"prompts", b"[" + b"{object_id: 1, box: [1, 2, 3, 4]}," * n + b"]"),
    ),
    "prompts that are none": lambda n: forms.form(
        forms.part(b"url", b"http://127.0.0.1:9/a.mp4"), forms.part(b"prompts", b"[" * n)
    ),
    "keys of options": lambda n: forms.form(
        forms.part(b"url", b"http://127.0.0.1:9/a.mp4"),
        forms.part(b"prompts", forms.PROMPTS.split(b", {")[0] + b"]"),
        forms.part(b"options", json.dumps(keys(n)).encode()),
    ),
    "an address": lambda n: forms.form(
        forms.part(b"url", b"http://127.0.0.1:9/" + b"a" * 8 * n), forms.part(b"prompts", forms.PROMPTS)
    ),
}


@pytest.mark.parametrize("what", list(FORMS))
def test_form_costs_what_its_size_is_worth(target: Target, what: str) -> None:
    sizes = (1_000, 8_000, 60_000) if FULL else (8_000,)
    check(target, lambda n: request("POST", "/jobs", FORMS[what](n), forms.TYPE), sizes, what)


@pytest.mark.parametrize("side", [1_000, amount(4_000, 16_000)])
def test_picture_that_unfolds_costs_little(target: Target, side: int) -> None:
    """A mask in a form, of one colour and a thousand times its size."""
    prompts = b"[{object_id: 1, mask: m.png}]"
    bomb = forms.bomb_png(side)
    film = forms.part(b"film", forms.films()["mp4"], b"a.mp4")
    data = forms.form(film, forms.part(b"prompts", prompts), forms.part(b"mask", bomb, b"m.png"))
    check(target, lambda n: request("POST", "/jobs", data, forms.TYPE), (1,), f"a picture of {side} pixels")
