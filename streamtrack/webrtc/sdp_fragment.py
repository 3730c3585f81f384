"""What PATCH carries: fragments of SDP with ICE candidates (RFC 8840). Pure text in, values out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from streamtrack.errors import PublishError
from streamtrack.webrtc.sdp_offer import MAX_SDP_LINES, is_mdns_candidate

_UFRAG, _PWD = re.compile(r"[A-Za-z0-9+/]{4,256}"), re.compile(r"[A-Za-z0-9+/]{22,256}")
"""RFC 8839, section 5.4."""


@dataclass(frozen=True, slots=True)
class Fragment:
    """One PATCH's body."""

    ufrag: str | None = None
    """Names the viewer's ICE session; a new one restarts ICE. None where it is not said."""
    pwd: str | None = None
    candidates: tuple[str, ...] = ()
    """Behind `a=candidate:`; those whose address is an mDNS name are left out."""


def read_fragment(text: str) -> Fragment:
    """The fragment in a body.

    Raises:
        PublishError: it is longer than any viewer's, or what it says of ICE cannot be.
    """
    lines = [line.strip() for line in text.splitlines()]
    if len(lines) > MAX_SDP_LINES:
        raise PublishError(f"the fragment has {len(lines)} lines, expected at most {MAX_SDP_LINES}")
    ufrag, pwd = _value(lines, "a=ice-ufrag:"), _value(lines, "a=ice-pwd:")
    candidates = [line.removeprefix("a=candidate:") for line in lines if line.startswith("a=candidate:")]
    return Fragment(ufrag, pwd, tuple(one for one in candidates if not is_mdns_candidate(one)))


def check_restart(fragment: Fragment) -> tuple[str, str]:
    """The user fragment and password of an ICE restart.

    Raises:
        PublishError: they cannot be used.
    """
    ufrag, pwd = fragment.ufrag or "", fragment.pwd or ""
    if not _UFRAG.fullmatch(ufrag) or not _PWD.fullmatch(pwd):
        raise PublishError(
            "the fragment restarts ICE, expected an ice-ufrag of 4 letters and digits or more, and an "
            "ice-pwd of 22"
        )
    return ufrag, pwd


def write_fragment(sdp: str, ufrag: str, pwd: str, candidates: Sequence[str]) -> str:
    """Our side of an ICE restart, for the media sections of a description of ours."""
    lines = [f"a=ice-ufrag:{ufrag}", f"a=ice-pwd:{pwd}"]
    first = next(line for line in sdp.splitlines() if line.startswith("m="))
    mid = _value(sdp.splitlines(), "a=mid:")
    lines += [first, *([f"a=mid:{mid}"] if mid is not None else [])]
    lines += [f"a=candidate:{one}" for one in candidates] + ["a=end-of-candidates"]
    return "".join(f"{line}\r\n" for line in lines)


def ufrags_of(sdp: str) -> frozenset[str]:
    """The ICE sessions that a description names; bundled sections name the same."""
    return frozenset(
        line.partition(":")[2].strip() for line in sdp.splitlines() if line.startswith("a=ice-ufrag:")
    )


def _value(lines: Sequence[str], name: str) -> str | None:
    return next((line.removeprefix(name).strip() for line in lines if line.startswith(name)), None)
