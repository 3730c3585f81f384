import pytest

from streamtrack.errors import NoCommonCodecError, PublishError
from streamtrack.video.encoder import VideoCodec
from streamtrack.webrtc.sdp_offer import (
    MAX_CANDIDATES,
    MAX_SDP_LINES,
    MAX_SECTIONS,
    check_fingerprints,
    check_offer,
    choose_codec,
    readable_offer,
)

H264 = "a=rtpmap:102 H264/90000\r\na=fmtp:102 packetization-mode=1;profile-level-id=42e01f\r\n"
H264_HIGH = "a=rtpmap:102 H264/90000\r\na=fmtp:102 packetization-mode=1;profile-level-id=640c1f\r\n"
H264_SINGLE_NAL = "a=rtpmap:102 H264/90000\r\na=fmtp:102 packetization-mode=0;profile-level-id=42e01f\r\n"
VP8 = "a=rtpmap:96 VP8/90000\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n"
VP9 = "a=rtpmap:98 VP9/90000\r\n"


def offer(*codecs: str, direction: str = "recvonly", kind: str = "video") -> str:
    return f"v=0\r\ns=-\r\nm={kind} 9 UDP/TLS/RTP/SAVPF 96\r\na={direction}\r\n" + "".join(codecs)


@pytest.mark.parametrize(
    ("codecs", "expected"),
    [
        ((VP8, H264), VideoCodec.H264),
        ((H264.replace("42e01f", "42E01F"),), VideoCodec.H264),
        ((VP9, VP8), VideoCodec.VP8),
        ((H264_HIGH, VP8), VideoCodec.VP8),
        ((H264_SINGLE_NAL, VP8), VideoCodec.VP8),
    ],
)
def test_h264_baseline_is_preferred_to_vp8(codecs: tuple[str, ...], expected: VideoCodec) -> None:
    assert choose_codec(offer(*codecs)) is expected


def test_codecs_of_an_audio_section_do_not_count() -> None:
    with pytest.raises(
        NoCommonCodecError, match=r"^the offer's codecs are VP9, expected H264 baseline or VP8$"
    ):
        choose_codec(offer(VP9) + "m=audio 9 UDP/TLS/RTP/SAVPF 96\r\n" + VP8)


@pytest.mark.parametrize(
    ("sdp", "message"),
    [
        ("", "the offer is not SDP, expected a body that begins with v=0"),
        ("{}", "the offer is not SDP, expected a body that begins with v=0"),
        (offer(VP8, kind="audio"), "the offer has no video section, expected m=video"),
        (offer(VP8, direction="sendonly"), "the offer's video does not receive, expected a=recvonly"),
    ],
)
def test_offer_that_cannot_be_answered_is_refused_in_one_line(sdp: str, message: str) -> None:
    with pytest.raises(PublishError) as caught:
        check_offer(sdp)
    assert str(caught.value) == message


FINGERPRINT = "a=fingerprint:sha-256 00:11\r\n"


@pytest.mark.parametrize(
    "sdp",
    [
        offer(VP8, FINGERPRINT),
        offer(VP8).replace("s=-\r\n", f"s=-\r\n{FINGERPRINT}"),
        offer(VP8, FINGERPRINT) + "m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\n",
    ],
    ids=["section", "session", "refused section"],
)
def test_certificate_is_named_by_each_section_or_by_the_session(sdp: str) -> None:
    check_fingerprints(sdp)


@pytest.mark.parametrize("more", ["", "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n" + FINGERPRINT])
def test_section_without_a_certificate_is_refused(more: str) -> None:
    with pytest.raises(PublishError, match="names no certificate, expected a=fingerprint"):
        check_fingerprints(offer(VP8) + more)


def test_mdns_candidates_are_dropped_and_nothing_else() -> None:
    real = "a=candidate:1 1 udp 2113937151 192.0.2.7 50000 typ host\r\n"
    hidden = "a=candidate:2 1 udp 2113937151 0d1e2f3a-aaaa-bbbb-cccc-000000000000.local 50001 typ host\r\n"
    assert readable_offer(offer(VP8) + real + hidden + "a=mid:0\r\n") == offer(VP8) + real + "a=mid:0\r\n"


BLANKS = "a=rtpmap:102 H264/90000\r\na=fmtp:102  packetization-mode=1; profile-level-id=42e01f ;x\r\n"
NO_PROFILE = "a=rtpmap:102 h264/90000\r\na=fmtp:102 packetization-mode=1\r\n"
SILENT = offer(VP8).replace("a=recvonly\r\n", "")


@pytest.mark.parametrize("codec", [BLANKS, NO_PROFILE])
def test_h264_in_other_words_is_h264(codec: str) -> None:
    assert choose_codec(offer(codec, VP8)) is VideoCodec.H264


def test_blanks_are_taken_out_of_parameters() -> None:
    assert "a=fmtp:102 packetization-mode=1;profile-level-id=42e01f;x\r\n" in readable_offer(offer(BLANKS))


@pytest.mark.parametrize(
    ("sdp", "direction"),
    [
        (SILENT, "sendrecv"),
        (SILENT.replace("s=-\r\n", "s=-\r\na=recvonly\r\n"), "recvonly"),
        (offer(VP8), "recvonly"),
        (offer(VP8).replace("s=-\r\n", "s=-\r\na=inactive\r\n"), "recvonly"),
    ],
)
def test_direction_that_is_not_said_is_the_sessions_or_the_default(sdp: str, direction: str) -> None:
    check_offer(sdp)
    written = [line for line in readable_offer(sdp).splitlines() if line in ("a=sendrecv", "a=recvonly")]
    assert written == [f"a={direction}"]


@pytest.mark.parametrize("direction", ["sendonly", "inactive"])
def test_direction_of_the_session_counts_against_the_offer_too(direction: str) -> None:
    with pytest.raises(PublishError, match="does not receive"):
        check_offer(SILENT.replace("s=-\r\n", f"s=-\r\na={direction}\r\n"))


@pytest.mark.parametrize(
    ("codec", "named"),
    [
        (H264_SINGLE_NAL, "H264 with packetization-mode=0 and profile-level-id 42e01f"),
        (H264_HIGH, "H264 with packetization-mode=1 and profile-level-id 640c1f"),
        ("a=rtpmap:102 H264/90000\r\n", "H264 with packetization-mode=0 and profile-level-id not named"),
    ],
)
def test_refusal_names_what_was_offered(codec: str, named: str) -> None:
    with pytest.raises(NoCommonCodecError) as caught:
        choose_codec(offer(codec, VP9))
    assert str(caught.value) == f"the offer's codecs are {named}, VP9, expected H264 baseline or VP8"


def test_candidates_beyond_the_bound_are_left_out() -> None:
    line = "a=candidate:{0} 1 udp 2113937151 192.0.2.7 {0} typ host\r\n"
    many = "".join(line.format(50_000 + index) for index in range(MAX_CANDIDATES + 5))
    assert readable_offer(offer(VP8) + many).count("a=candidate:") == MAX_CANDIDATES


@pytest.mark.parametrize("more", ["a=x\r\n" * MAX_SDP_LINES, "m=video 9 RTP/AVP 96\r\n" * MAX_SECTIONS])
def test_offer_longer_than_any_viewers_is_refused(more: str) -> None:
    with pytest.raises(PublishError, match="expected at most"):
        check_offer(offer(VP8) + more)
