"""What a WHEP viewer's SDP says, as far as we decide by it. Pure text in, values out.

Browsers say everything in every section; others leave out what has a default, write blanks, or say once for
the session what holds for all of it. What they mean is written out here before aiortc reads it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from streamtrack.errors import NoCommonCodecError, PublishError
from streamtrack.video.encoder import VideoCodec

MAX_SDP_BYTES = 65_536
"""A browser's offer has about 6 kB."""
MAX_SDP_LINES = 1_000
"""A browser's offer has about 200; aiortc's time grows with their square."""
MAX_SECTIONS = 8
"""Each takes a transport of its own, with sockets and keys."""
MAX_CANDIDATES = 32
"""Of one viewer. More are left out: each is probed from every address of ours."""
MAX_CODECS_NAMED = 8
"""In a refusal."""
BASELINE_PROFILE = re.compile(r"42[0-9a-f]{4}")
DEFAULT_PROFILE = "42e01f"
"""Where an offer names none. RFC 6184, section 8.1, makes that Baseline at level 1, which every decoder
plays; the level is a browser's, since senders of today ignore the first."""
DIRECTIONS = frozenset({"a=sendrecv", "a=sendonly", "a=recvonly", "a=inactive"})
DEFAULT_DIRECTION = "a=sendrecv"
"""RFC 8866, section 6.7."""
REPAIR_FORMATS = frozenset({"RTX", "RED", "ULPFEC", "FLEXFEC-03"})


@dataclass(frozen=True, slots=True)
class Format:
    """One way of sending video that is offered."""

    name: str
    """Upper case: H264, VP8, RTX, ..."""
    parameters: dict[str, str] = field(default_factory=dict)

    @property
    def plays_baseline(self) -> bool:
        """Whether it is H264 as we send it: baseline, in fragments where a picture needs them."""
        profile = self.parameters.get("profile-level-id", DEFAULT_PROFILE).lower()
        return self._mode == "1" and BASELINE_PROFILE.fullmatch(profile) is not None

    @property
    def _mode(self) -> str:
        return self.parameters.get("packetization-mode", "0")  # RFC 6184, section 8.1

    def __str__(self) -> str:
        if self.name != VideoCodec.H264.value:
            return self.name[:16]
        profile = self.parameters.get("profile-level-id", "not named")[:16]
        return f"H264 with packetization-mode={self._mode[:4]} and profile-level-id {profile}"


def check_offer(sdp: str) -> None:
    """Refuse what cannot be answered.

    Raises:
        PublishError: it is not SDP, is longer than any viewer's, or has no video section that wants to
            receive.
    """
    if not sdp.startswith("v=0"):
        raise PublishError("the offer is not SDP, expected a body that begins with v=0")
    session, *sections = _sections(sdp)
    num_lines = len(session) + sum(map(len, sections))
    if num_lines > MAX_SDP_LINES:
        raise PublishError(f"the offer has {num_lines} lines, expected at most {MAX_SDP_LINES}")
    if len(sections) > MAX_SECTIONS:
        raise PublishError(f"the offer has {len(sections)} sections, expected at most {MAX_SECTIONS}")
    videos = [section for section in sections if _is_video(section)]
    if not videos:
        raise PublishError("the offer has no video section, expected m=video")
    of_session = _direction(session, DEFAULT_DIRECTION)
    if not any(_direction(video, of_session) in ("a=recvonly", "a=sendrecv") for video in videos):
        raise PublishError("the offer's video does not receive, expected a=recvonly")


def check_fingerprints(sdp: str) -> None:
    """Refuse what no handshake can follow: aiortc would find out in a task of its own, which nobody hears.

    Raises:
        PublishError: a section that is offered names no certificate, nor does the session.
    """
    session, *sections = _sections(sdp)
    if _has_fingerprint(session):
        return
    for section in sections:
        is_offered = section[0].split()[1:2] != ["0"]
        if is_offered and not _has_fingerprint(section):
            raise PublishError("a section of the offer names no certificate, expected a=fingerprint")


def _has_fingerprint(lines: Iterable[str]) -> bool:
    return any(line.startswith("a=fingerprint:") for line in lines)


def choose_codec(sdp: str) -> VideoCodec:
    """H264 where the viewer plays it (the encoder that is shared by most and costs least), else VP8.

    Raises:
        NoCommonCodecError: neither is offered.
    """
    _, *sections = _sections(sdp)
    offered = [one for section in sections if _is_video(section) for one in _formats(section).values()]
    if any(one.name == VideoCodec.H264.value and one.plays_baseline for one in offered):
        return VideoCodec.H264
    if any(one.name == VideoCodec.VP8.value for one in offered):
        return VideoCodec.VP8
    named = sorted({str(one) for one in offered if one.name not in REPAIR_FORMATS})
    known = ", ".join(named[:MAX_CODECS_NAMED]) or "none"
    raise NoCommonCodecError(f"the offer's codecs are {known}, expected H264 baseline or VP8")


def readable_offer(sdp: str) -> str:
    """The offer with everything that has a default written out, and without what we do not look at.

    Left out are candidates over MAX_CANDIDATES and those whose address is an mDNS name, which browsers give
    until a page may use the camera. To resolve them takes multicast, which containers and many networks lack,
    and up to a second. It also gains nothing: the viewer's own checks come to our address and tell its real
    one.

    The end of candidates is left out for the same reason: told of it, aioice gives up as soon as all of them
    failed, while the viewer has not begun its own checks (RFC 8863 asks for patience).
    """
    session, *sections = _sections(sdp)
    of_session = _direction(session, DEFAULT_DIRECTION)
    lines = [line for line in session if line not in DIRECTIONS]
    left = MAX_CANDIDATES
    for section in sections:
        kept, left = _without_excess(section, left)
        lines += _written_out(kept, of_session)
    return "".join(f"{line}\r\n" for line in lines)


def answer_to(offer: str, answer: str) -> str:
    """An answer of aiortc's without the bundle that it always names, where the offer asks for none: the
    viewer would look for all sections on the first one's transport (RFC 9143, section 7.3)."""
    if any(line.startswith("a=group:BUNDLE") for line in offer.splitlines()):
        return answer
    lines = answer.splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith("a=group:BUNDLE"))


def is_mdns_candidate(line: str) -> bool:
    """Whether a candidate's address is an mDNS name."""
    return ".local " in line.lower()


def _without_excess(section: list[str], left: int) -> tuple[list[str], int]:
    """The section's lines with at most `left` candidates, and how many more may follow."""
    kept = []
    for line in section:
        if line == "a=end-of-candidates":
            continue
        if line.startswith("a=candidate:"):
            if left == 0 or is_mdns_candidate(line):
                continue
            left -= 1
        kept.append(line)
    return kept, left


def _written_out(section: list[str], of_session: str) -> Iterator[str]:
    """The section's lines with its direction and its parameters in the form that aiortc reads."""
    formats = _formats(section)
    for line in section:
        if not line.startswith("a=fmtp:"):
            yield line
            continue
        payload, _, _ = line.removeprefix("a=fmtp:").partition(" ")
        if payload in formats:  # one of a format that is not mapped says nothing
            yield f"a=fmtp:{payload} {_as_text(_parameters(line))}"
    if not DIRECTIONS.intersection(section):
        yield of_session


def _formats(section: Iterable[str]) -> dict[str, Format]:
    """What a section offers, by payload type."""
    names: dict[str, str] = {}
    parameters: dict[str, dict[str, str]] = {}
    for line in section:
        if match := re.match(r"a=rtpmap:(\d+) +([\w.-]+)/\d+", line):
            names[match[1]] = match[2].upper()
        elif match := re.match(r"a=fmtp:(\d+) ", line):
            parameters[match[1]] = _parameters(line)
    return {payload: Format(name, parameters.get(payload, {})) for payload, name in names.items()}


def _parameters(line: str) -> dict[str, str]:
    """The parameters of an a=fmtp line; one without a value has an empty one."""
    found = {}
    for part in line.partition(" ")[2].split(";"):
        name, _, value = part.partition("=")
        if name.strip():
            found[name.strip()] = value.strip()
    return found


def _as_text(parameters: dict[str, str]) -> str:
    return ";".join(f"{name}={value}" if value else name for name, value in parameters.items())


def _direction(lines: Iterable[str], default: str) -> str:
    return next((line for line in lines if line in DIRECTIONS), default)


def _is_video(section: list[str]) -> bool:
    return section[0].startswith("m=video ")


def _sections(sdp: str) -> list[list[str]]:
    """The session's lines, then those of each media section, m= first."""
    sections: list[list[str]] = [[]]
    for line in sdp.splitlines():
        if line.startswith("m="):
            sections.append([])
        if line.strip():
            sections[-1].append(line.strip())
    return sections
