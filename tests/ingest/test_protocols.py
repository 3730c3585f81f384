"""RTMP and SRT."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from streamtrack.config import SourceConfig
from streamtrack.errors import SourceError, SourceLostError
from streamtrack.ingest.decoder import Decoder, Picture, StreamInfo
from streamtrack.ingest.open_decoder import prepare_source
from streamtrack.ingest.protocols import has_protocol
from streamtrack.ingest.source import SourceKind, resolve_source


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rtmp") / "clip.flv"
    pattern = "testsrc=size=320x192:rate=25"
    command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", pattern, "-t", "8", "-pix_fmt", "yuv420p"]
    command += ["-c:v", "libx264", "-g", "10", "-preset", "ultrafast", str(path)]
    subprocess.run(command, check=True, timeout=60)
    return path


@contextmanager
def rtmp_server(clip: Path, url: str) -> Iterator[None]:
    """One caller is played the clip."""
    server = subprocess.Popen(
        ["ffmpeg", "-v", "error", "-re", "-i", str(clip), "-c", "copy", "-f", "flv", "-listen", "1", url]
    )
    try:
        yield
    finally:
        server.kill()
        server.wait()


@pytest.mark.needs_program("ffmpeg")
def test_rtmp_is_read_lost_and_read_again(clip: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"RTMP://127.0.0.1:{probe.getsockname()[1]}/live/key"
    spec, _, decoder = prepare_source(SourceConfig(url=url, open_timeout_ms=2_000, read_timeout_ms=5_000))
    assert (spec.kind, spec.live) == (SourceKind.NETWORK, True)
    for _ in range(2):
        with rtmp_server(clip, url.lower()):
            opened = open_at_last(decoder)
            assert (opened.width_px, opened.height_px, opened.codec) == (320, 192, "h264")
            pictures = 0
            while pictures < 5:
                pictures += isinstance(decoder.read(), Picture)
        with pytest.raises(SourceLostError):
            read_until_lost(decoder)
        decoder.close()


def read_until_lost(decoder: Decoder) -> None:
    for _ in range(1000):
        decoder.read()


def open_at_last(decoder: Decoder) -> StreamInfo:
    """Open, as soon as the server listens."""
    until_s = time.monotonic() + 30
    while True:
        try:
            return decoder.open()
        except SourceLostError:
            if time.monotonic() > until_s:
                raise
            time.sleep(0.05)


@pytest.mark.skipif(has_protocol("srt"), reason="this FFmpeg has SRT")
def test_protocol_that_is_missing_is_refused_in_one_line() -> None:
    refusal = r"^source srt://127.0.0.1:9\?passphrase=\*\*\*: this FFmpeg was built without srt, expected "
    with pytest.raises(SourceError, match=refusal):
        resolve_source(SourceConfig(url="srt://127.0.0.1:9?passphrase=secretsecret"))
    assert has_protocol("rtmp")
