from __future__ import annotations

import pytest

from streamtrack.errors import PublishError
from streamtrack.webrtc.sdp_fragment import Fragment, check_restart, read_fragment, ufrags_of, write_fragment

PASSWORD = "0123456789012345678901"
ANSWER = (
    "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:7\r\na=ice-ufrag:abcd\r\nm=audio 0 X 0\r\na=mid:8\r\n"
)


def test_fragment_says_session_candidates_and_end() -> None:
    text = (
        f"a=ice-ufrag:abcd\r\na=ice-pwd:{PASSWORD}\r\nm=video 9 RTP/AVP 0\r\na=mid:0\r\n"
        "a=candidate:1 1 udp 1 192.0.2.7 9 typ host\r\na=candidate:2 1 udp 1 x.local 9 typ host\r\n"
        "a=end-of-candidates\r\n"
    )
    expected = Fragment("abcd", PASSWORD, ("1 1 udp 1 192.0.2.7 9 typ host",))
    assert read_fragment(text) == expected
    assert check_restart(expected) == ("abcd", PASSWORD)
    assert read_fragment("") == Fragment()


@pytest.mark.parametrize(
    "fragment", [Fragment("abcd", None), Fragment("abc", PASSWORD), Fragment("a b c", PASSWORD)]
)
def test_restart_without_what_ice_needs_is_refused(fragment: Fragment) -> None:
    with pytest.raises(PublishError, match="restarts ICE, expected"):
        check_restart(fragment)


def test_answer_to_a_restart_is_of_the_first_section() -> None:
    written = write_fragment(ANSWER, "efgh", PASSWORD, ["1 1 udp 1 192.0.2.7 9 typ host"])
    assert read_fragment(written) == Fragment("efgh", PASSWORD, ("1 1 udp 1 192.0.2.7 9 typ host",))
    assert "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:7\r\n" in written
    assert ufrags_of(ANSWER) == {"abcd"}
