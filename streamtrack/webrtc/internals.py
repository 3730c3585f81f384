"""What we need of aiortc that it has no public way to get. Every reach into its insides is here and checked.

Tests play the stream and fail when an aiortc of another make breaks one of these; at run time the message
names it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any

from aiortc.rtp import RTCP_PSFB_APP, RtcpPsfbPacket, RtcpRrPacket, RtcpSrPacket, unpack_remb_fci

from streamtrack.errors import PublishError

LOOPBACK = "127.0.0.1"
CIPHERS = (
    b"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:"
    b"ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-CHACHA20-POLY1305:"
    b"ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA"
)
"""aiortc's, and those of peers whose certificate is RSA."""


def on_keyframe_request(sender: Any, callback: Callable[[], None]) -> None:
    """Have `callback` called whenever the viewer sends PLI or FIR.

    aiortc keeps such a request for its own encoder, which a track of ready-made packets never uses.
    """
    _attribute(sender, "_send_keyframe")
    sender._send_keyframe = callback


def on_reports(
    sender: Any,
    on_loss: Callable[[float], None],
    on_limit: Callable[[int], None],
    on_heard: Callable[[], None] = lambda: None,
) -> None:
    """Have what the viewer reports told: the share of packets that it lost since its last report (RFC 3550,
    section 6.4.1), and the bits a second that it can take (REMB). `on_heard` is told of every report,
    whatever it says.

    aiortc keeps the first in statistics that miss reports, and the second for its own encoder.
    """
    handle = _attribute(sender, "_handle_rtcp_packet")
    ssrc = int(_attribute(sender, "_ssrc"))

    async def handle_and_tell(packet: Any) -> None:
        await handle(packet)
        on_heard()
        if isinstance(packet, RtcpRrPacket | RtcpSrPacket):
            for report in packet.reports:
                if report.ssrc == ssrc:
                    on_loss(report.fraction_lost / 256)
        elif isinstance(packet, RtcpPsfbPacket) and packet.fmt == RTCP_PSFB_APP:
            with contextlib.suppress(ValueError):  # an application's own message, not REMB
                limit_bps, ssrcs = unpack_remb_fci(packet.fci)
                if ssrc in ssrcs:
                    on_limit(limit_bps)

    sender._handle_rtcp_packet = handle_and_tell


def last_rtp_timestamp(sender: Any) -> int:
    """The RTP timestamp of the last packet that the sender sent, 0 to 2**32 - 1.

    Each sender adds a random origin to the pts it is given (RFC 3550, section 5.1) and tells nobody.
    """
    return int(_attribute(sender, "_RTCRtpSender__rtp_timestamp"))


def ice_transports(connection: Any) -> list[Any]:
    """Each ICE transport of a connection once; one where everything is bundled."""
    return list({id(one.transport): one.transport for one in _dtls_transports(connection)}.values())


async def hang_up(connection: Any) -> None:
    """Close a connection, also one that a strange offer left half made.

    aiortc's own close then stops at the first part that is missing, and leaves sockets open behind it.
    """
    try:
        await connection.close()
    except AttributeError:
        for transport in _dtls_transports(connection):
            await transport.stop()
            await transport.transport.stop()


def _dtls_transports(connection: Any) -> list[Any]:
    """Those that there are; an offer that bundles what it does not name leaves a section without one."""
    owners = [transceiver.receiver for transceiver in connection.getTransceivers()]
    if connection.sctp is not None:
        owners.append(connection.sctp)
    found = [one.transport for one in owners if one.transport is not None]
    return list({id(one): one for one in found}.values())


def agent_of(gatherer: Any) -> Any:
    """aioice's side of a gatherer."""
    return _attribute(gatherer, "_connection")


def stand_before(transport: Any, stand_in: Any) -> None:
    """Put something in the place of the agent that an ICE transport has, before it gathers."""
    for owner in (transport, transport.iceGatherer):
        _attribute(owner, "_connection")
        setattr(owner, "_connection", stand_in)  # noqa: B010  aiortc's own, checked above
    for name in ("recv", "send"):
        _attribute(transport, f"_{name}")
        setattr(transport, f"_{name}", getattr(stand_in, name))


def offer_host_addresses(gatherer: Any, addresses: Sequence[str]) -> None:
    """Gather ICE candidates on these addresses, or where there are none given, on those of this machine.

    A machine without a network offers its loopback address. Where only a relay may be used, none are given
    and none are taken.
    """
    agent = agent_of(gatherer)
    chosen = list(addresses)
    relay_only = _attribute(agent, "_transport_policy").name == "RELAY"
    gather = _attribute(agent, "get_component_candidates")

    def gather_on_chosen(*, component: int, addresses: Sequence[str]) -> Any:
        taken = [] if relay_only else chosen or list(addresses) or [LOOPBACK]
        return gather(component=component, addresses=taken)

    agent.get_component_candidates = gather_on_chosen


def accept_rsa_certificates(transceiver: Any) -> None:
    """Shake hands with viewers whose certificate is RSA as well, as GStreamer's is.

    aiortc offers ciphers for ECDSA alone, as browsers' certificates are.
    """
    certificate = _attribute(transceiver.receiver.transport, "_RTCDtlsTransport__local_certificate")
    create = _attribute(certificate, "_create_ssl_context")

    def create_with_ciphers(*arguments: Any, **named: Any) -> Any:
        context = create(*arguments, **named)
        context.set_cipher_list(CIPHERS)
        return context

    certificate._create_ssl_context = create_with_ciphers


def _attribute(owner: Any, name: str) -> Any:
    try:
        return getattr(owner, name)
    except AttributeError:
        made_by = f"aiortc {version('aiortc')}, aioice {version('aioice')}"
        raise PublishError(f"{made_by}: {type(owner).__name__} has no {name}, expected aiortc 1.16") from None
