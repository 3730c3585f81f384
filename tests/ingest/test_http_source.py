"""What an HTTP address is asked before FFmpeg, over real sockets."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

import av
import pytest

from streamtrack.config import SourceConfig
from streamtrack.errors import SourceError, SourceLostError, SourceRefusedError
from streamtrack.ingest import iter_frames, resolve_source
from streamtrack.ingest.http_source import HttpKind, ask
from tests.ingest.conftest import CLIP_FRAMES
from tests.support.scripted_servers import Answer, Log, Seen, jpeg, scripted_http

BASIC = "Basic " + base64.b64encode(b"admin:open sesame").decode()
CHALLENGE = {"WWW-Authenticate": 'Basic realm="cam"'}


def config_for(log: Log, path: str, userinfo: str = "admin:open%20sesame@", **keys: object) -> SourceConfig:
    url = f"http://{userinfo}127.0.0.1:{log.port}{path}"
    return SourceConfig.model_validate({"url": url, "open_timeout_ms": 1000, "read_timeout_ms": 1000, **keys})


def kind_of(config: SourceConfig) -> HttpKind:
    answer = ask(resolve_source(config), config)
    answer.response.close()
    return answer.kind


def behind_password(give: Callable[[Seen], Answer]) -> Callable[[Seen], Answer]:
    def answer(seen: Seen) -> Answer:
        return give(seen) if seen.headers.get("authorization") == BASIC else Answer(401, CHALLENGE)

    return answer


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_to_another_port_is_refused_and_nothing_is_asked_there(status: int) -> None:
    with scripted_http(lambda _: Answer()) as other:
        there = f"http://127.0.0.1:{other.port}/x"
        give = behind_password(lambda _: Answer(status, {"Location": there}))
        with (
            scripted_http(give) as camera,
            pytest.raises(SourceError, match=rf"it leads to 127\.0\.0\.1:{other.port}, expected") as caught,
        ):
            kind_of(config_for(camera, "/video"))

    assert other.requests == []
    assert "sesame" not in str(caught.value)


@pytest.mark.parametrize("named", ["*", "127.0.0.1", "host:port"])
def test_redirect_that_is_allowed_is_followed_without_the_password(named: str) -> None:
    with scripted_http(lambda _: Answer(401, CHALLENGE)) as other:
        there = f"http://127.0.0.1:{other.port}/x"
        hosts = (f"127.0.0.1:{other.port}" if named == "host:port" else named,)
        give = behind_password(lambda _: Answer(302, {"Location": there}))
        with scripted_http(give) as camera, pytest.raises(SourceRefusedError, match="401 Unauthorized"):
            kind_of(config_for(camera, "/video", follow_hosts=hosts))

    assert other.targets == ["/x"]
    assert other.authorizations == []


@pytest.mark.parametrize("location", ["/clip", "clip?id=3", "http://127.0.0.1:{port}/clip"])
def test_recording_behind_a_redirect_and_a_password_is_read(location: str, clip: Path) -> None:
    def give(seen: Seen) -> Answer:
        if seen.target.startswith("/clip"):
            return Answer(200, {"Content-Type": "application/octet-stream"}, clip.read_bytes())
        return Answer(302, {"Location": location.format(port=camera.port)})

    with scripted_http(behind_password(give)) as camera:
        frames = list(iter_frames(config_for(camera, "/download?id=3")))

    assert len(frames) == CLIP_FRAMES


def test_redirects_in_a_circle_end() -> None:
    with (
        scripted_http(lambda seen: Answer(302, {"Location": seen.target})) as camera,
        pytest.raises(SourceLostError, match="more than 5 redirects"),
    ):
        kind_of(config_for(camera, "/video"))


def test_challenge_that_nobody_knows_is_a_lost_source() -> None:
    challenge = {"WWW-Authenticate": "Negotiate abc"}
    with (
        scripted_http(lambda _: Answer(401, challenge)) as camera,
        pytest.raises(SourceLostError, match=r"401|its answer is not HTTP"),
    ):
        kind_of(config_for(camera, "/video"))


@pytest.mark.parametrize("location", ["http://[", "http://a:b/", "http://[::1", "//[x]y/"])
def test_redirect_to_what_is_no_address_is_refused(location: str) -> None:
    with (
        scripted_http(lambda _: Answer(302, {"Location": location})) as camera,
        pytest.raises(SourceError, match=r"it leads to what is no address|its answer is not HTTP"),
    ):
        kind_of(config_for(camera, "/video", follow_hosts=("*",)))


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://127.0.0.1/x", "rtsp://127.0.0.1/x"])
def test_redirect_to_what_is_no_http_is_refused_whatever_is_allowed(location: str) -> None:
    with (
        scripted_http(lambda _: Answer(302, {"Location": location})) as camera,
        pytest.raises(SourceError, match="it leads to"),
    ):
        kind_of(config_for(camera, "/video", follow_hosts=("*",)))


@pytest.mark.parametrize(
    ("headers", "body", "kind"),
    [
        ({"Content-Type": "image/jpeg"}, jpeg(9), HttpKind.SNAPSHOT),
        ({"Content-Type": "text/plain"}, jpeg(9), HttpKind.SNAPSHOT),
        ({"Content-Type": "application/octet-stream"}, b"\0\0\0\x18ftypmp42", HttpKind.RECORDING),
        ({"Content-Type": "text/plain"}, b"#EXTM3U\n", HttpKind.PLAYLIST),
        ({"Content-Type": "application/dash+xml"}, b"", HttpKind.PLAYLIST),
        ({"Content-Type": "multipart/x-mixed-replace; boundary=x"}, b"--x", HttpKind.STREAM),
    ],
)
def test_address_is_known_by_what_it_gives(headers: dict[str, str], body: bytes, kind: HttpKind) -> None:
    with scripted_http(lambda _: Answer(200, headers, body)) as camera:
        assert kind_of(config_for(camera, "/cgi?id=3")) is kind


def playlist(*lines: str) -> bytes:
    head = ("#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-TARGETDURATION:2", "#EXT-X-MEDIA-SEQUENCE:0")
    return "\n".join((*head, *lines, "#EXT-X-ENDLIST", "")).encode()


@pytest.fixture(scope="module")
def segment(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("segment") / "s.ts"
    with av.open(str(clip)) as recording, av.open(str(path), "w", format="mpegts") as written:
        stream = written.add_stream_from_template(recording.streams.video[0])
        for packet in recording.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                written.mux(packet)
    return path.read_bytes()


LEAVING = {
    "segment": ["#EXTINF:1,", "{other}/s.ts"],
    "key": ['#EXT-X-KEY:METHOD=AES-128,URI="{other}/key"', "#EXTINF:1,", "/s.ts"],
    "map": ['#EXT-X-MAP:URI="{other}/init.mp4"', "#EXTINF:1,", "/s.ts"],
    "variant": ["#EXT-X-STREAM-INF:BANDWIDTH=1000", "{other}/sub.m3u8"],
    "redirected segment": ["#EXTINF:1,", "/away.ts"],
}


@pytest.mark.parametrize("what", LEAVING)
def test_playlist_that_leaves_its_host_makes_nobody_ask_there(what: str, segment: bytes) -> None:
    with scripted_http(lambda _: Answer(200, {}, segment)) as other:

        def give(seen: Seen) -> Answer:
            there = f"http://127.0.0.1:{other.port}"
            if seen.target == "/away.ts":
                return Answer(302, {"Location": f"{there}/s.ts"})
            if seen.target == "/s.ts":
                return Answer(200, {}, segment)
            lines = LEAVING[what] if seen.target == "/index.m3u8" else ["#EXTINF:1,", "/s.ts"]
            return Answer(200, {}, playlist(*(line.format(other=there) for line in lines)))

        with scripted_http(give) as camera:
            try:
                frames = list(iter_frames(config_for(camera, "/index.m3u8", userinfo="")))
            except SourceError:
                frames = []

    assert other.requests == []
    assert not frames


def test_playlist_may_lead_to_a_host_that_is_named_without_the_password(segment: bytes) -> None:
    with scripted_http(lambda _: Answer(200, {}, segment)) as other:
        listed = playlist("#EXTINF:1,", f"http://127.0.0.1:{other.port}/s.ts")
        with scripted_http(behind_password(lambda _: Answer(200, {}, listed))) as camera:
            hosts = (f"127.0.0.1:{other.port}",)
            frames = list(iter_frames(config_for(camera, "/index.m3u8", follow_hosts=hosts)))

    assert len(frames) == CLIP_FRAMES
    assert other.authorizations == []


def test_playlist_and_segments_behind_a_password_are_read(segment: bytes) -> None:
    def give(seen: Seen) -> Answer:
        return Answer(200, {}, segment if seen.target == "/live/s.ts" else playlist("#EXTINF:1,", "s.ts"))

    with scripted_http(behind_password(give)) as camera:
        frames = list(iter_frames(config_for(camera, "/live/index.m3u8")))

    assert len(frames) == CLIP_FRAMES


def test_playlist_reads_no_file_of_this_machine(clip: Path) -> None:
    listed = playlist("#EXTINF:1,", clip.as_uri())
    with (
        scripted_http(lambda _: Answer(200, {}, listed)) as camera,
        pytest.raises(SourceError),
    ):
        list(iter_frames(config_for(camera, "/index.m3u8")))
