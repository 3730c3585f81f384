"""What a WHEP viewer's SDP says, as far as we decide by it. Pure text in, values out."""

from __future__ import annotations

import re
from collections.abc import Iterator

from streamtrack.errors import NoCommonCodecError, PublishError
from streamtrack.video.encoder import VideoCodec

MAX_SDP_BYTES = 65_536
"""A browser's offer has about 6 kB."""
BASELINE_PROFILE = re.compile(r"profile-level-id=42[0-9a-f]{4}")


def check_offer(sdp: str) -> None:
    """Refuse what cannot be answered.

    Raises:
        PublishError: it is not SDP, or has no video section that wants to receive.
    """
    if not sdp.startswith("v=0"):
        raise PublishError("the offer is not SDP, expected a body that begins with v=0")
    sections = list(_video_sections(sdp))
    if not sections:
        raise PublishError("the offer has no video section, expected m=video")
    if not any("a=recvonly" in lines or "a=sendrecv" in lines for lines in sections):
        raise PublishError("the offer's video does not receive, expected a=recvonly")


def choose_codec(sdp: str) -> VideoCodec:
    """H264 where the viewer plays it (the encoder that is shared by most and costs least), else VP8.

    Raises:
        NoCommonCodecError: neither is offered.
    """
    names: set[str] = set()
    for lines in _video_sections(sdp):
        formats: dict[str, str] = {}
        for line in lines:
            if match := re.match(r"a=rtpmap:(\d+) ([\w-]+)/90000", line):
                formats[match[1]] = match[2].upper()
        names |= set(formats.values()) - {"H264"}
        if any(
            _plays_baseline(line, payload)
            for payload, name in formats.items()
            if name == "H264"
            for line in lines
        ):
            names.add("H264")
    for codec in (VideoCodec.H264, VideoCodec.VP8):
        if codec.value in names:
            return codec
    known = ", ".join(sorted(names - {"RTX", "RED", "ULPFEC", "FLEXFEC-03"})) or "none"
    raise NoCommonCodecError(f"the offer's codecs are {known}, expected H264 baseline or VP8")


def without_mdns_candidates(sdp: str) -> str:
    """Drop candidates whose address is an mDNS name, which browsers give until a page may use the camera.

    To resolve them takes multicast, which containers and many networks lack, and up to a second. It also
    gains nothing: the viewer's own checks come to our address and tell its real one.
    """
    return "".join(
        line
        for line in sdp.splitlines(keepends=True)
        if not (line.startswith("a=candidate:") and ".local " in line)
    )


def _plays_baseline(line: str, payload: str) -> bool:
    line = line.lower()
    return (
        line.startswith(f"a=fmtp:{payload} ")
        and "packetization-mode=1" in line
        and BASELINE_PROFILE.search(line) is not None
    )


def _video_sections(sdp: str) -> Iterator[list[str]]:
    """The lines of each m=video section."""
    section: list[str] | None = None
    for line in sdp.splitlines():
        if line.startswith("m="):
            if section is not None:
                yield section
            section = [] if line.startswith("m=video ") else None
        elif section is not None:
            section.append(line.strip())
    if section is not None:
        yield section
