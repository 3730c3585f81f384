"""Who a client is, as far as places and guesses are counted for each."""

from __future__ import annotations

import ipaddress

from starlette.datastructures import Address

UNKNOWN_PEER = "unknown"
_IPV6_PREFIX = 64


def peer_of(address: tuple[str, int] | Address | None) -> str:
    """The client's host; of IPv6 its /64 network, all of which one machine may use; `unknown` for none."""
    if address is None:
        return UNKNOWN_PEER
    try:
        host = ipaddress.ip_address(address[0].partition("%")[0])
    except ValueError:
        return UNKNOWN_PEER
    if isinstance(host, ipaddress.IPv4Address):
        return str(host)
    if host.ipv4_mapped is not None:
        return str(host.ipv4_mapped)
    return str(ipaddress.ip_network((host, _IPV6_PREFIX), strict=False).network_address)
