"""An offer of WebRTC and a fragment of trickled candidates, as a browser writes them."""

from __future__ import annotations

_FINGERPRINT = ":".join(f"{(7 * place) % 256:02X}" for place in range(32))
_ICE = (
    "a=ice-ufrag:gPL2\na=ice-pwd:0b36yD4hmERPrjSJgz28ff\n"
    f"a=fingerprint:sha-256 {_FINGERPRINT}\na=setup:actpass"
)
_CANDIDATE = "a=candidate:1 1 udp 2130706431 127.0.0.1 {port} typ host"
_LINES = f"""\
v=0
o=- 4004921540 4004921540 IN IP4 0.0.0.0
s=-
t=0 0
a=group:BUNDLE 0 1
a=extmap-allow-mixed
a=msid-semantic:WMS *
m=video 36520 UDP/TLS/RTP/SAVPF 97 98 99 100 101 102
c=IN IP4 127.0.0.1
a=recvonly
a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid
a=extmap:3 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time
a=mid:0
a=rtcp:9 IN IP4 0.0.0.0
a=rtcp-mux
a=rtcp-rsize
a=ssrc-group:FID 3857084711 2494334447
a=ssrc:3857084711 cname:6b680055-e47d-4f1c-863e-c27b99f82f5f
a=rtpmap:97 VP8/90000
a=rtcp-fb:97 nack
a=rtcp-fb:97 nack pli
a=rtcp-fb:97 goog-remb
a=rtpmap:98 rtx/90000
a=fmtp:98 apt=97
a=rtpmap:99 H264/90000
a=rtcp-fb:99 nack pli
a=fmtp:99 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f
a=rtpmap:100 rtx/90000
a=fmtp:100 apt=99
a=rtpmap:101 H264/90000
a=fmtp:101 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f
a=rtpmap:102 rtx/90000
a=fmtp:102 apt=101
{_CANDIDATE.format(port=36520)}
{_ICE}
m=application 9 UDP/DTLS/SCTP webrtc-datachannel
c=IN IP4 0.0.0.0
a=mid:1
a=sctp-port:5000
a=max-message-size:262144
{_ICE}
"""
BROWSER_OFFER = _LINES.replace("\n", "\r\n")
FRAGMENT = (
    f"a=ice-ufrag:gPL2\r\na=ice-pwd:0b36yD4hmERPrjSJgz28ff\r\nm=video 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n"
    f"{_CANDIDATE.format(port=36521)}\r\n"
    "a=candidate:2 1 tcp 1518280447 127.0.0.1 9 typ host tcptype active\r\n"
    "a=end-of-candidates\r\n"
)
