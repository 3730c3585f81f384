"""A source's URL as the user wrote it, turned into what FFmpeg (or a folder, or a scene) has to be asked."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Literal
from urllib.parse import quote, unquote, urlsplit

from streamtrack.config import SourceConfig
from streamtrack.errors import SourceError
from streamtrack.ingest.protocols import has_protocol
from streamtrack.ingest.redact import redact_url

US_PER_MS = 1000
MAX_SHOWN_CHARS = 300
"""Of a path that is none."""
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
RECORDING_SUFFIXES = (
    ".mp4",
    ".m4v",
    ".mov",
    ".mkv",
    ".webm",
    ".avi",
    ".mpg",
    ".mpeg",
    ".flv",
    ".ogv",
    ".wmv",
)
EXPECTED = "expected rtsp://, http://, a video file, a folder of frames, webcam:0 or synthetic:demo"

LIVE_OPTIONS = {
    # Not `nobuffer`: it throws away what was read while probing, the first keyframe with it. Over RTSP with a
    # keyframe every 2 s the first picture came after 2.0 s with it and after 0.3 s without, and later
    # pictures at the same time: what was buffered is decoded at once and superseded.
    # Not `discardcorrupt`, either: what it throws away nobody learns of, and pictures are built on the hole.
    "flags": "low_delay",
    # Enough for the parameter sets of any camera; the default of 5 MB and 5 s would be paid in start-up time.
    "probesize": "500000",
    "analyzeduration": "500000",
    "fpsprobesize": "0",
}
"""FFmpeg options of whatever is live."""

_SCHEME = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]+):")
"""Two characters at least: C:\\clip.mp4 is a path."""
_URL_CHARACTERS = "%/:=&?~#+!$,;'@()*[]|"
_AUTHORITY_END = re.compile(r"[/?#]")
_NO_HOST = re.compile(r"[\s\x00-\x1f\x7f]")
_VIDEO_DEVICE = re.compile(r"/dev/(?:video\d+|v4l/.+)")


class SourceKind(StrEnum):
    """What kind of source a URL names."""

    RTSP = "rtsp"
    HTTP = "http"
    FILE = "file"
    FOLDER = "folder"
    NETWORK = "network"
    """SRT and RTMP, whose packets FFmpeg reads as they come."""
    WHEP = "whep"
    WEBCAM = "webcam"
    SYNTHETIC = "synthetic"


_passed: ContextVar[Mapping[str, str]] = ContextVar("passed", default=MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """Everything that a decoder has to know of a source."""

    kind: SourceKind
    url: str = field(repr=False)
    """What is opened; may hold credentials, so it is left out of the repr."""
    redacted_url: str
    """The same for people: logs, errors, answers."""
    options: dict[str, str] = field(default_factory=dict)
    """FFmpeg options."""
    format: str | None = None
    """FFmpeg's input format where it cannot be guessed."""
    live: bool = False
    """True where time goes on without us: its end is a loss, and it is connected to again for ever."""
    addresses: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Host names and the address by which each was let pass (see ingest/pinned.py)."""
    pace: Literal["newest", "every_frame"] = "newest"
    """newest: frames keep their clock and the newest wins; every_frame: the source waits for its consumer."""


def resolve_source(config: SourceConfig, platform: str = sys.platform) -> SourceSpec:
    """Say what a source's URL means, without connecting to anything.

    Args:
        platform: as `sys.platform`; decides how a webcam is asked for.
    Raises:
        SourceError: unknown scheme, missing file, empty folder, unknown scene, a URL without a host.
    """
    url = config.url.strip()
    match = _SCHEME.match(url)
    scheme = match.group(1).lower() if match else ""
    if scheme in _RESOLVERS and not ("://" not in url and os.path.exists(url)):
        # FFmpeg knows schemes in small letters alone; RFC 3986 says that they are the same.
        spec = _RESOLVERS[scheme](config, scheme + url[len(scheme) :], platform)
        return replace(spec, addresses=_passed.get())
    if platform == "linux" and _VIDEO_DEVICE.fullmatch(url):
        return _webcam(config, f"webcam:{url}", platform)
    if scheme and not os.path.exists(url):
        raise SourceError(f"source {redact_url(url)}: unknown scheme {scheme!r}, {EXPECTED}")
    # A file whose name begins or ends with a blank is that file; else the blank was typed by mistake.
    as_written = os.path.expanduser(config.url)
    return _path(config, Path(as_written if os.path.exists(as_written) else os.path.expanduser(url)))


@contextmanager
def connecting_to(addresses: Mapping[str, str]) -> Iterator[None]:
    """While it lasts, sources that are resolved in this thread are connected to at these addresses of names:
    those at which a gate let them pass, for whoever opens a source many times."""
    token = _passed.set(addresses)
    try:
        yield
    finally:
        _passed.reset(token)


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """A sort key under which frame2 comes before frame10, whatever the number of digits."""
    parts = re.findall(r"\d+|\D+", name.lower())
    return tuple((0, int(p), "") if p.isascii() and p.isdigit() else (1, 0, p) for p in parts)


def list_images(folder: Path) -> list[Path]:
    """The pictures of a folder in natural order; hidden files and folders are left out."""
    named = (p for p in folder.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES)
    files = [p for p in named if not p.name.startswith(".") and not p.is_dir()]
    return sorted(files, key=lambda p: (natural_key(p.name), p.name))


def encode_url(url: str) -> str:
    """The URL with blanks, line ends and letters beyond ASCII of its path and query percent-encoded.

    What is encoded already stays. Left as they are, they would end a request's line and begin another.
    """
    scheme, separator, rest = url.partition("://")
    end = _AUTHORITY_END.search(rest)
    at = end.start() if end else len(rest)
    return scheme + separator + rest[:at] + quote(rest[at:], safe=_URL_CHARACTERS)


def _rtsp(config: SourceConfig, url: str, platform: str) -> SourceSpec:
    url = _checked(url)
    options = {
        "rtsp_transport": config.rtsp_transport,
        "correct_ts_overflow": "0",  # RTP times are unwrapped already; a clock set back is none that wrapped
        "allowed_media_types": "video",
        **LIVE_OPTIONS,
        "timeout": str(config.read_timeout_ms * US_PER_MS),
    }
    if config.rtsp_transport == "udp":
        options["reorder_queue_size"] = "64"
        options["buffer_size"] = "1048576"
    return SourceSpec(
        SourceKind.RTSP, url, redact_url(url), options, "rtsp", live=True, pace=_pace(config, "newest")
    )


def _http(config: SourceConfig, url: str, platform: str) -> SourceSpec:
    url = _checked(url)
    timeout_us = str(config.read_timeout_ms * US_PER_MS)
    options = {
        # A playlist must not be able to make us read local files.
        "protocol_whitelist": "http,https,tcp,tls,crypto,httpproxy,data",
        "timeout": timeout_us,
        "rw_timeout": timeout_us,
    }
    spec = SourceSpec(
        SourceKind.HTTP, url, redact_url(url), options | LIVE_OPTIONS, live=True, pace=_pace(config, "newest")
    )
    is_recording = urlsplit(url).path.lower().endswith(RECORDING_SUFFIXES)
    return as_recording(spec, config) if is_recording else spec


def as_recording(spec: SourceSpec, config: SourceConfig) -> SourceSpec:
    """The same HTTP source, taken for a recording: it has an end, and none of it is left out."""
    # A dropped connection goes on where it was, by a range request.
    delay_s = max(1, config.read_timeout_ms // 1000)
    options = {name: value for name, value in spec.options.items() if name not in LIVE_OPTIONS}
    options |= {"reconnect": "1", "reconnect_delay_max": str(delay_s)}
    return replace(spec, options=options, live=False, pace=_pace(config, "every_frame"))


def _rtmp(config: SourceConfig, url: str, platform: str) -> SourceSpec:
    options = {**LIVE_OPTIONS, "rtmp_live": "live", "rw_timeout": str(config.read_timeout_ms * US_PER_MS)}
    return _network(config, url, options, None)


def _srt(config: SourceConfig, url: str, platform: str) -> SourceSpec:
    options = {**LIVE_OPTIONS, "connect_timeout": str(config.open_timeout_ms)}
    return _network(config, url, options, "mpegts")


def _network(config: SourceConfig, url: str, options: dict[str, str], input_format: str | None) -> SourceSpec:
    url = _checked(url)
    spec = SourceSpec(
        SourceKind.NETWORK,
        url,
        redact_url(url),
        options,
        input_format,
        live=True,
        pace=_pace(config, "newest"),
    )
    scheme = url.partition(":")[0]
    if not has_protocol(scheme):
        raise SourceError(
            f"source {spec.redacted_url}: this FFmpeg was built without {scheme}, expected a PyAV whose "
            "FFmpeg has it, or a relay (MediaMTX, go2rtc) that makes rtsp:// of it"
        )
    return spec


def _whep(config: SourceConfig, url: str, platform: str) -> SourceSpec:
    url = _checked(url)
    return SourceSpec(SourceKind.WHEP, url, redact_url(url), live=True, pace=_pace(config, "newest"))


def _webcam(config: SourceConfig, url: str, platform: str) -> SourceSpec:
    device = url.partition(":")[2].removeprefix("//")
    if platform == "win32" and device.isdigit():
        # DirectShow knows cameras by name alone.
        raise SourceError(f"source {url}: cameras have names here, expected webcam: and the device's name")
    if not device:
        raise SourceError(f"source {url}: no device, expected webcam:0, or webcam: and the device's name")
    options = {"framerate": f"{config.fps:g}"} if config.fps is not None else {}
    if platform == "darwin":
        input_format, name = "avfoundation", f"{device}:none"
        options.setdefault("framerate", "30")  # the default of 29.97 is refused by many of Apple's cameras
    elif platform == "win32":
        input_format, name = "dshow", f"video={device}"
    else:
        input_format, name = "v4l2", f"/dev/video{device}" if device.isdigit() else device
    pace = _pace(config, "newest")
    return SourceSpec(SourceKind.WEBCAM, name, url, options, input_format, live=True, pace=pace)


def _synthetic(config: SourceConfig, url: str, platform: str) -> SourceSpec:
    from streamtrack.scenes.scene import parse_scene_name

    parse_scene_name(url.partition(":")[2].removeprefix("//"))
    return SourceSpec(SourceKind.SYNTHETIC, url, url, pace=_pace(config, "newest"))


def _file_url(config: SourceConfig, url: str, platform: str) -> SourceSpec:
    return _path(config, Path(unquote(urlsplit(url).path)))


def _path(config: SourceConfig, path: Path) -> SourceSpec:
    pace = _pace(config, "every_frame")
    # As os.path asks: a name that is too long, or of a user who is not, is a file that is not there.
    if os.path.isdir(path):
        if not list_images(path):
            raise SourceError(
                f"source {path}: a folder without frames, expected {', '.join(IMAGE_SUFFIXES)} files"
            )
        return SourceSpec(SourceKind.FOLDER, str(path), str(path), pace=pace)
    if not os.path.isfile(path):
        problem = "is no file" if os.path.exists(path) else "no such file"
        raise SourceError(f"source {redact_url(str(path))[:MAX_SHOWN_CHARS]}: {problem}, {EXPECTED}")
    if path.stat().st_size == 0:
        raise SourceError(f"source {path}: the file is empty, expected a video")
    # The prefix keeps FFmpeg from reading a scheme into a file's name; the list, a playlist from opening
    # connections.
    options = {"protocol_whitelist": "file,crypto,data"}
    return SourceSpec(SourceKind.FILE, f"file:{path}", str(path), options, pace=pace)


def _pace(
    config: SourceConfig, default: Literal["newest", "every_frame"]
) -> Literal["newest", "every_frame"]:
    return default if config.pace == "auto" else config.pace


def _checked(url: str) -> str:
    """The URL as it is sent.

    Raises:
        SourceError: it names no host, or none that can be.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
        if _NO_HOST.search(_AUTHORITY_END.split(url.partition("://")[2])[0].rpartition("@")[2]):
            raise ValueError("a blank or a line end")
        host.encode("idna")
    except ValueError as error:
        # The text of the error may quote the port, which for user:pass/word@host is part of the password.
        raise SourceError(
            f"source {redact_url(url)}: not a valid URL, expected scheme://host:port/path"
        ) from error
    if not host:
        raise SourceError(f"source {redact_url(url)}: no host, expected scheme://host:port/path")
    return encode_url(url)


_RESOLVERS: dict[str, Callable[[SourceConfig, str, str], SourceSpec]] = {
    "rtsp": _rtsp,
    "rtsps": _rtsp,
    "http": _http,
    "https": _http,
    "rtmp": _rtmp,
    "rtmps": _rtmp,
    "srt": _srt,
    "whep": _whep,
    "wheps": _whep,
    "whep+http": _whep,
    "whep+https": _whep,
    "webcam": _webcam,
    "synthetic": _synthetic,
    "file": _file_url,
}
