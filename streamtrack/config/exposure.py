"""What is reached from the network, and what must guard it then."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from streamtrack.config.http import EVERY_ORIGIN, HttpConfig
from streamtrack.config.shown import describe_address
from streamtrack.config.zmq import ZmqConfig


def is_loopback(address: str) -> bool:
    """Whether a host name, or the host of a ZeroMQ address, is reached from this machine only."""
    if address.startswith(("ipc://", "inproc://")):
        return True
    host = address.removeprefix("tcp://")
    if host != address:  # tcp://host:port
        host = host.rsplit(":", 1)[0]
    host = host.strip("[]").lower()
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_http_guarded(http: HttpConfig, *, keys: bool = False) -> None:
    """Refuse a server that the network, or any web page, reaches and that asks for nothing.

    Args:
        keys: whether it asks for a key of its own beside `http.token`.
    Raises:
        ValueError: whoever comes may watch and command.
    """
    if http.token is not None or keys or http.allow_open:
        return
    if not set(EVERY_ORIGIN).isdisjoint(http.cors_origins):
        raise ValueError(
            "http.cors_origins lets every web page watch and command and http.token is not set; "
            "expected origins, a token, or --insecure (http.allow_open: true)"
        )
    if not is_loopback(http.host):
        host = describe_address(http.host)
        raise ValueError(
            f"http.host {host} is open to the network and http.token is not set; "
            "expected a token, keys (`streamtrack keys`), or --insecure (http.allow_open: true)"
        )
    if http.trusted_proxies:
        raise ValueError(
            "http.trusted_proxies names a proxy, which lets the network in, and http.token is not set; "
            "expected a token, keys (`streamtrack keys`), or --insecure (http.allow_open: true)"
        )


def check_zmq_guarded(zmq: ZmqConfig) -> None:
    """Refuse sockets that the network reaches and that ask for no keys.

    Raises:
        ValueError: whoever comes may read masks, or command.
    """
    for key, address in zmq_addresses(zmq):
        if not (is_loopback(address) or zmq.curve or zmq.allow_open):
            raise ValueError(
                f"{key} {describe_address(address)} is open to the network and zmq.curve is not set; "
                "expected keys, or --insecure (zmq.allow_open: true)"
            )


def open_doors(http: HttpConfig, zmq: ZmqConfig, *, keys: bool = False) -> tuple[str, ...]:
    """What the network reaches and nobody guards, because the config says so; a line each."""
    doors = []
    if not (http.token or keys or is_loopback(http.host)):
        doors.append(f"http.host {describe_address(http.host)}: whoever reaches it watches and commands")
    if zmq.curve is None:
        doors += [
            f"{key} {describe_address(address)}: whoever reaches it "
            + ("reads masks" if key.endswith("masks_address") else "commands")
            for key, address in zmq_addresses(zmq)
            if not is_loopback(address)
        ]
    return tuple(doors)


def zmq_addresses(zmq: ZmqConfig) -> Iterator[tuple[str, str]]:
    """Each socket's key and address."""
    yield "zmq.masks_address", zmq.masks_address
    if zmq.control_address is not None:
        yield "zmq.control_address", zmq.control_address
