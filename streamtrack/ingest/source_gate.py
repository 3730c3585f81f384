"""Which sources may be opened that somebody gave over HTTP: no file, and no host, that he has no business
with. Sources of the config file pass no gate.

A name is looked up once, and connected to where it was found (pinned.py), so that it cannot come to mean
another address in between. RTMP's servers want their name: there `allow_hosts` with names that one trusts, or
the network, closes that.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from streamtrack.config import CamerasConfig, SourceConfig
from streamtrack.config.cameras import ANY
from streamtrack.config.networks import network_of
from streamtrack.errors import ForbiddenSourceError, SourceError
from streamtrack.ingest.pinned import plain_host
from streamtrack.ingest.redact import redact_url
from streamtrack.ingest.source import SourceKind, resolve_source

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
LookUp = Callable[[str], Sequence[str]]
"""The addresses of a host name; OSError where it has none."""

METADATA = tuple(
    ipaddress.ip_address(text)
    for text in ("169.254.169.254", "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254")
)
"""Where clouds tell a machine its secrets; not all of them are link-local."""
LOCAL_SCHEMES = ("webcam", "synthetic")
NAT64 = ipaddress.ip_network("64:ff9b::/96")

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")
_VIDEO_DEVICE = re.compile(r"\d+|/dev/(?:video\d+|v4l/[A-Za-z0-9_.:/-]+)")


class Gate(Protocol):
    """Lets a source pass, or not."""

    def check(self, source: SourceConfig) -> Mapping[str, str]:
        """The address of each host name that was looked up.

        Raises:
            ForbiddenSourceError: it may not be opened.
        """

    def check_url(self, url: str, key: str) -> Mapping[str, str]:
        """The same of another address that `key` names, such as one that is pushed to.

        Raises:
            ForbiddenSourceError: its host is not allowed. SourceError: it has no address.
        """


class SourceGate:
    """The gate that a config describes."""

    def __init__(self, config: CamerasConfig, *, loopback: bool, look_up: LookUp | None = None) -> None:
        """`loopback`: whether this machine itself is allowed where no hosts are named."""
        self._config = config
        self._loopback = loopback
        self._look_up = look_up or addresses_of
        self._names = {host.lower() for host in config.allow_hosts}
        networks = (network_of(host) for host in config.allow_hosts)
        self._networks = [network for network in networks if network is not None]

    def check(self, source: SourceConfig) -> Mapping[str, str]:
        """Look at a source's address, and where it may lead to.

        Returns:
            host names in small letters, and the address by which each passed: that is where to connect.
        Raises:
            ForbiddenSourceError: its scheme, host, device or file is not allowed.
            SourceError: it can never work.
        """
        url = source.url.strip()
        scheme = self._scheme_of(url)
        addresses: dict[str, str] = {}
        if scheme is None:
            self._check_path(url)
            return addresses
        self._check_scheme(scheme)
        if scheme == "webcam" and sys.platform == "linux":
            self._check_device(url.partition(":")[2].removeprefix("//"))
        if scheme not in LOCAL_SCHEMES:
            addresses |= self.check_host(urlsplit(url).hostname or "", url)
        for host in source.follow_hosts:
            addresses |= self._check_follow(host)
        if resolve_source(source).kind in (SourceKind.FILE, SourceKind.FOLDER):
            raise self._no_file()  # one whose name reads like an address
        return addresses

    def check_url(self, url: str, key: str) -> Mapping[str, str]:
        """Look at another address that a camera's settings name; returns its host's, as `check` does.

        Raises:
            ForbiddenSourceError: its host is not allowed.
        """
        try:
            host = urlsplit(url).hostname or ""
        except ValueError:
            host = ""
        if not host:
            raise ForbiddenSourceError(f"{key}: no host, expected scheme://host:port/path")
        scheme = f"{url.partition('://')[0]}://" if "://" in url else ""
        return self.check_host(host, scheme + host)  # what is behind the host may be a stream's key

    def check_host(self, host: str, url: str) -> dict[str, str]:
        """Look at a host and all its addresses.

        Returns:
            the host and the address to connect to; nothing where the name itself is allowed.
        Raises:
            ForbiddenSourceError: one is not allowed.
            SourceError: it has none.
        """
        host = plain_host(host)
        if ANY in self._names or host in self._names:
            return {}
        shown = redact_url(url)
        try:
            found = self._look_up(host)
        except (OSError, UnicodeError):
            raise SourceError(f"source {shown}: its host has no address that can be found") from None
        for text in found:
            why = self._fault_of(ipaddress.ip_address(text.partition("%")[0]))
            if why is not None:
                raise ForbiddenSourceError(
                    f"source {shown}: its host is {why}, expected one that cameras.allow_hosts allows"
                )
        # Of both kinds the one that most cameras answer on; FFmpeg gets one to connect to.
        return {host: next((text for text in found if ":" not in text), found[0])}

    @staticmethod
    def _scheme_of(url: str) -> str | None:
        """The scheme, None of a path."""
        if url.startswith("/dev/"):
            return "webcam" if _VIDEO_DEVICE.fullmatch(url) else None
        match = _SCHEME.match(url)
        scheme = match.group(1).lower() if match else None
        return None if scheme == "file" else scheme

    def _check_scheme(self, scheme: str) -> None:
        allowed = self._config.allow_schemes
        if scheme not in allowed:
            expected = ", ".join(allowed) or "none"
            raise ForbiddenSourceError(
                f"source.url: scheme {scheme[:16]!r} is not allowed, expected one of: {expected} "
                "(cameras.allow_schemes)"
            )

    def _check_device(self, device: str) -> None:
        if not _VIDEO_DEVICE.fullmatch(device) or ".." in device:
            raise ForbiddenSourceError("source.url: no webcam, expected webcam:0 or webcam:/dev/video0")

    def _check_path(self, url: str) -> None:
        """Before the disk is asked: what is refused does not tell whether it is there."""
        is_url = url.lower().startswith("file:")
        path = Path(unquote(urlsplit(url).path) if is_url else url).expanduser()
        try:
            real = path.resolve()
            folders = [folder.expanduser().resolve() for folder in self._config.allow_folders]
        except (OSError, RuntimeError, ValueError):
            raise self._no_file() from None
        if not any(real.is_relative_to(folder) for folder in folders):
            raise self._no_file()

    def _no_file(self) -> ForbiddenSourceError:
        return ForbiddenSourceError(
            "source.url: a file or folder of this machine, expected one inside cameras.allow_folders"
        )

    def _check_follow(self, host: str) -> dict[str, str]:
        if host == ANY:
            if ANY in self._names:
                return {}
            raise ForbiddenSourceError(
                "source.follow_hosts: * is every host, expected cameras.allow_hosts: [*]"
            )
        name = host.rpartition(":")[0] if host.count(":") == 1 else host
        return self.check_host(name, f"//{host}")

    def _fault_of(self, address: Address) -> str | None:
        """What is wrong with an address; None where nothing is."""
        inner = _inner(address)
        if any(inner in network for network in self._networks):
            return None
        if self._config.allow_hosts:
            return "none of those that are allowed"
        if inner in METADATA or inner.is_link_local:
            return "link-local, or a cloud's metadata"
        if inner.is_loopback:
            return None if self._loopback else "this machine itself"
        if inner.is_multicast or inner.is_unspecified or inner.is_reserved:
            return "no single machine"
        return None


def addresses_of(host: str) -> Sequence[str]:
    """What the system's resolver knows of a name, or of any spelling of an address."""
    if not host:
        raise OSError("no host")
    found: Iterable[tuple[object, ...]] = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))  # type: ignore[index]


def _inner(address: Address) -> Address:
    """The address inside an IPv6 one that only wraps an IPv4 one."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or address
