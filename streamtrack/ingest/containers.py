"""Opens what FFmpeg opens, picks the stream that a player would play, and says in words what went wrong."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import av
import av.error

from streamtrack.config import SourceConfig
from streamtrack.errors import SourceError, SourceLostError, SourceRefusedError
from streamtrack.ingest.pinned import pinned
from streamtrack.ingest.redact import redact_text
from streamtrack.ingest.source import SourceKind, SourceSpec

TEXT_FORMATS = ("tty",)
"""FFmpeg plays text files as if a terminal typed them; nobody means that."""
DEFAULT_STREAM_BONUS_PX = 5_000_000
"""As in ffmpeg: a stream marked as default wins over one with this many pixels more."""
REFUSALS = ("401 Unauthorized", "403 Forbidden")

OpenNested = Callable[[str, int, dict[str, str]], Any]
"""Opens what a playlist names: address, FFmpeg's flags and options; returns a file to read."""


def open_container(
    spec: SourceSpec, config: SourceConfig, body: Any = None, open_nested: OpenNested | None = None
) -> Any:
    """An open container of PyAV. Waits for `open_timeout_ms` at most, twice (connect, probe).

    Args:
        body: a file to read instead of the address.
        open_nested: asked for every address that the container names.
    Raises:
        SourceLostError: it cannot be reached now.
        SourceError: it can be read and is no video.
    """
    started_s = time.monotonic()
    timeout_s = (config.open_timeout_ms / 1000, config.read_timeout_ms / 1000)
    try:
        # What a playlist names, and the playlist, is opened by us.
        url, options = pinned(spec) if open_nested is None else (spec.url, dict(spec.options))
        return av.open(
            url if body is None else body,
            format=spec.format,
            options=options,
            timeout=timeout_s,
            io_open=open_nested,
        )
    except SourceError:
        raise
    except (av.error.FFmpegError, OSError, ValueError) as error:
        took_ms = 1000 * (time.monotonic() - started_s)
        raise _open_error(error, spec, config, took_ms) from None  # the cause's text quotes the URL


def pick_video(container: Any, spec: SourceSpec) -> Any:
    """The video stream that ffmpeg would play: the largest, one that is marked as default first.

    Covers and thumbnails are streams of one picture to FFmpeg, and no video to anyone else.

    Raises:
        SourceError: there is none, or no decoder for it.
    """
    if container.format.name in TEXT_FORMATS:
        raise not_a_video(spec)
    disposition = av.stream.Disposition
    no_video = disposition.attached_pic | disposition.timed_thumbnails
    videos = [s for s in container.streams.video if not s.disposition & no_video]
    if not videos:
        kinds = {s.type for s in container.streams if s.type != "video"}
        kinds |= {"a cover picture"} if container.streams.video else set()
        found = ", ".join(sorted(kinds)) or "nothing"
        raise SourceError(f"source {spec.redacted_url}: no video stream, found {found}")
    decodable = [s for s in videos if s.codec_context is not None]
    if not decodable:
        raise SourceError(f"source {spec.redacted_url}: no decoder for its codec in this FFmpeg")

    def score(stream: Any) -> int:
        pixels = int(stream.codec_context.width * stream.codec_context.height)
        return pixels + DEFAULT_STREAM_BONUS_PX * bool(stream.disposition & disposition.default)

    return max(decodable, key=score)


def describe(error: Exception, spec: SourceSpec) -> str:
    """FFmpeg's own words in one line, without the URL and its credentials."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    if "4XX Client Error" in text:
        # What it was is in FFmpeg's log alone.
        text = "refused by the camera (status 4xx; 453 means that it has no room for another viewer)"
    return " ".join(redact_text(text, spec.url).split())


def not_a_video(spec: SourceSpec) -> SourceError:
    """What is read is no video, and never will be."""
    return SourceError(f"source {spec.redacted_url}: not a video that FFmpeg can read, or damaged")


def lost_error(why: str, spec: SourceSpec) -> SourceLostError:
    """A source that may come back; a refusal of user or password where `why` says so."""
    kind = SourceRefusedError if any(refusal in why for refusal in REFUSALS) else SourceLostError
    return kind(f"source {spec.redacted_url}: {why}")


def _open_error(error: Exception, spec: SourceSpec, config: SourceConfig, took_ms: float) -> SourceError:
    if isinstance(error, av.error.ExitError):
        return lost_error(f"did not open within {config.open_timeout_ms} ms", spec)
    if isinstance(error, TimeoutError):
        return lost_error(f"connected, and sent nothing for {config.read_timeout_ms} ms", spec)
    if isinstance(error, av.error.InvalidDataError):
        if spec.kind is SourceKind.FILE:
            return not_a_video(spec)
        if took_ms >= min(config.open_timeout_ms, config.read_timeout_ms):
            return lost_error(f"connected, and sent no video within {took_ms / 1000:.1f} s", spec)
        return lost_error("what it sends is no video that FFmpeg can read", spec)
    if spec.kind is SourceKind.WEBCAM and isinstance(error, FileNotFoundError):
        return lost_error(f"no camera {_camera(spec)}; `streamtrack doctor` lists them", spec)
    return lost_error(describe(error, spec), spec)


def _camera(spec: SourceSpec) -> str:
    return spec.redacted_url.partition(":")[2].removeprefix("//")
