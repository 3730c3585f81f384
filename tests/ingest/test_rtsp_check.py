"""What an RTSP camera is asked before FFmpeg, over real sockets."""

from __future__ import annotations

import base64
import hashlib
import re
import socket
import time
from collections.abc import Callable

import pytest

from streamtrack.config import SourceConfig
from streamtrack.errors import SourceError, SourceLostError, SourceRefusedError
from streamtrack.ingest import resolve_source
from streamtrack.ingest.rtsp_check import _read_reply, check_rtsp
from tests.support.scripted_servers import Answer, Log, Seen, scripted_rtsp

BASIC = "Basic " + base64.b64encode(b"admin:open sesame").decode()
CHALLENGE = {"WWW-Authenticate": 'Basic realm="cam"'}


def check(log: Log, userinfo: str = "admin:open%20sesame@", **keys: object) -> str:
    url = f"rtsp://{userinfo}127.0.0.1:{log.port}/live"
    config = SourceConfig.model_validate(
        {"url": url, "open_timeout_ms": 1000, "read_timeout_ms": 1000, **keys}
    )
    return check_rtsp(resolve_source(config), config)


def fine(_: Seen) -> Answer:
    return Answer(200, {"Content-Type": "application/sdp"}, b"v=0\r\n")


def redirect_to(port: int, *, after_password: bool, at: str = "DESCRIBE") -> Callable[[Seen], Answer]:
    def answer(seen: Seen) -> Answer:
        if seen.method != at:
            return Answer()
        if after_password and seen.headers.get("authorization") != BASIC:
            return Answer(401, CHALLENGE)
        return Answer(302, {"Location": f"rtsp://127.0.0.1:{port}/other"})

    return answer


@pytest.mark.parametrize("after_password", [False, True])
def test_redirect_to_another_port_is_refused_and_nothing_is_asked_there(after_password: bool) -> None:
    with (
        scripted_rtsp(fine) as other,
        scripted_rtsp(redirect_to(other.port, after_password=after_password)) as camera,
        pytest.raises(SourceError, match=rf"it leads to 127\.0\.0\.1:{other.port}, expected") as caught,
    ):
        check(camera)

    assert other.requests == []
    assert camera.authorizations == ([BASIC] if after_password else [])
    assert "sesame" not in str(caught.value)


@pytest.mark.parametrize("after_password", [False, True])
@pytest.mark.parametrize("named", ["127.0.0.1", "*"])
def test_redirect_that_is_allowed_is_followed_without_the_password(named: str, after_password: bool) -> None:
    def ask_for_password(seen: Seen) -> Answer:
        return fine(seen) if seen.method == "OPTIONS" else Answer(401, CHALLENGE)

    with (
        scripted_rtsp(ask_for_password) as other,
        scripted_rtsp(redirect_to(other.port, after_password=after_password)) as camera,
        pytest.raises(SourceRefusedError, match="user or password is wrong"),
    ):
        check(camera, follow_hosts=(named,))

    assert other.requests
    assert other.authorizations == []


def test_address_after_an_allowed_redirect_carries_no_password() -> None:
    with (
        scripted_rtsp(fine) as other,
        scripted_rtsp(redirect_to(other.port, after_password=False, at="OPTIONS")) as camera,
    ):
        assert check(camera, follow_hosts=("127.0.0.1",)) == f"rtsp://127.0.0.1:{other.port}/other"


def test_redirect_within_the_camera_keeps_the_password() -> None:
    def answer(seen: Seen) -> Answer:
        if seen.target.endswith("/live"):
            return Answer(302, {"Location": f"rtsp://127.0.0.1:{camera.port}/main"})
        return fine(seen)

    with scripted_rtsp(answer) as camera:
        assert check(camera) == f"rtsp://admin:open%20sesame@127.0.0.1:{camera.port}/main"


def test_redirects_in_a_circle_end() -> None:
    with (
        scripted_rtsp(lambda seen: Answer(302, {"Location": seen.target})) as camera,
        pytest.raises(SourceLostError, match="more than 5 redirects"),
    ):
        check(camera)


@pytest.mark.parametrize("location", ["rtsp://[", "rtsp://a:b/", "//[::1"])
def test_redirect_to_what_is_no_address_is_refused(location: str) -> None:
    with (
        scripted_rtsp(lambda _: Answer(302, {"Location": location})) as camera,
        pytest.raises(SourceError, match="it leads to what is no address, expected its own host"),
    ):
        check(camera, follow_hosts=("*",))


@pytest.mark.parametrize("head", [b"RTSP/1.0 \xb200 OK", b"RTSP/1.0 200 OK\r\nContent-Length: \xb2"])
def test_number_of_no_ascii_digits_is_no_number(head: bytes) -> None:
    here, there = socket.socketpair()
    with here, there:
        there.sendall(head + b"\r\n\r\n")
        reply = _read_reply(here, time.monotonic() + 20)
    assert reply is None or reply.status == 200


@pytest.mark.parametrize(
    ("status", "words", "refused"),
    [
        (401, "401 Unauthorized: user or password is wrong", True),
        (403, "403 Forbidden: the camera does not let this user watch", True),
        (404, "404 Not Found: the camera has no such stream", False),
        (453, "453 Not Enough Bandwidth: the camera has no room for another viewer", False),
        (503, "503 Service Unavailable: the camera has no room", False),
        (461, "461 Reason", False),
    ],
)
def test_refusal_is_told_in_words(status: int, words: str, refused: bool) -> None:
    with (
        scripted_rtsp(
            lambda seen: Answer() if seen.method == "OPTIONS" else Answer(status, CHALLENGE)
        ) as camera,
        pytest.raises(SourceLostError, match=words) as caught,
    ):
        check(camera)

    assert isinstance(caught.value, SourceRefusedError) is refused


def test_mute_camera_is_told_in_words() -> None:
    def say_nothing(_: Seen) -> Answer:
        raise OSError  # hangs up; a camera that keeps the connection is in test_ingest_network

    with scripted_rtsp(say_nothing) as camera:
        assert check(camera) == f"rtsp://admin:open%20sesame@127.0.0.1:{camera.port}/live"


def md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


@pytest.mark.parametrize("qop", ["", ', qop="auth"', ', qop="auth-int,auth"', ", qop=auth"])
def test_digest_is_answered_as_the_camera_counts_it(qop: str) -> None:
    challenge = f'Digest realm="a, b", nonce="n0=", opaque="o", algorithm=MD5{qop}'

    def answer(seen: Seen) -> Answer:
        if seen.method == "OPTIONS":
            return Answer()
        if "authorization" not in seen.headers:
            return Answer(401, {"WWW-Authenticate": challenge})
        told = {
            k: q or b
            for k, q, b in re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,]*))', seen.headers["authorization"])
        }
        secret, what = md5("admin:a, b:open sesame"), md5(f"DESCRIBE:{seen.target}")
        middle = f"n0=:{told['nc']}:{told['cnonce']}:auth" if qop else "n0="
        right = told["response"] == md5(f"{secret}:{middle}:{what}") and told["opaque"] == "o"
        return fine(seen) if right and ("qop" in told) == bool(qop) else Answer(403)

    with scripted_rtsp(answer) as camera:
        check(camera)

    assert len(camera.authorizations) == 1


def test_challenge_that_we_cannot_answer_is_left_to_ffmpeg() -> None:
    def answer(seen: Seen) -> Answer:
        headers = {"WWW-Authenticate": 'Digest realm="cam", nonce="n", algorithm=SHA-256'}
        return Answer() if seen.method == "OPTIONS" else Answer(401, headers)

    with scripted_rtsp(answer) as camera:
        check(camera)

    assert camera.authorizations == []


def test_without_a_password_none_is_sent() -> None:
    with (
        scripted_rtsp(lambda seen: Answer(401, CHALLENGE)) as camera,
        pytest.raises(SourceRefusedError),
    ):
        check(camera, userinfo="")

    assert camera.authorizations == []
