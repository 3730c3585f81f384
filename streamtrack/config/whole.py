"""The whole configuration, and what holds between its sections."""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Iterator
from typing import Self

from pydantic import model_validator

from streamtrack.config.alerts import AlertsConfig
from streamtrack.config.cameras import CamerasConfig
from streamtrack.config.http import HttpConfig, check_origins_guarded
from streamtrack.config.jobs import JobsConfig
from streamtrack.config.model import ModelConfig
from streamtrack.config.recording import ArchiveConfig
from streamtrack.config.section import Section
from streamtrack.config.shown import describe_address, describe_value
from streamtrack.config.stream import StreamConfig
from streamtrack.config.webrtc import WebrtcConfig
from streamtrack.config.zmq import ZmqConfig

_ZMQ_ADDRESS = re.compile(r"(?:tcp|ws|udp)://[^@/\s]+:(?:\d+|\*)|(?:ipc|inproc)://[^@\s]+")


class Config(Section):
    """The whole file."""

    streams: tuple[StreamConfig, ...]
    """The cameras. They share the model: its steps take turns in the order of asking, and the frame rate is
    divided among those that deliver. With `cameras.state_dir` there may be none: `[]`."""
    model: ModelConfig = ModelConfig()
    """Which network, where, how exact."""
    zmq: ZmqConfig = ZmqConfig()
    """Masks and control for machines."""
    http: HttpConfig = HttpConfig()
    """The page, the API, WHEP and metrics."""
    webrtc: WebrtcConfig = WebrtcConfig()
    """STUN and TURN servers for WebRTC."""
    alerts: AlertsConfig = AlertsConfig()
    """Who is told of what happens, beside those who subscribe."""
    cameras: CamerasConfig = CamerasConfig()
    """Cameras that are added while the server runs."""
    jobs: JobsConfig = JobsConfig()
    """Films that are followed on request."""

    @model_validator(mode="after")
    def _has_streams(self) -> Self:
        if not self.streams and self.cameras.state_dir is None:
            raise ValueError(
                "streams is an empty list, expected a stream, or cameras.state_dir for later ones"
            )
        return self

    archive: ArchiveConfig = ArchiveConfig()
    """Where recordings and the log of events are kept, and for how long."""

    @model_validator(mode="after")
    def _recordings_have_a_folder(self) -> Self:
        for stream in self.streams:
            if stream.recording.mode != "off" and self.archive.folder is None:
                raise ValueError(
                    f"stream {stream.name!r} has recording: {stream.recording.mode} and archive.folder is "
                    "not set; expected a folder"
                )
        return self

    @model_validator(mode="after")
    def _zmq_addresses_are_some(self) -> Self:
        for key, address in self._zmq_addresses():
            if not _ZMQ_ADDRESS.fullmatch(address):
                got = describe_value(address)
                raise ValueError(f"{key} is {got}, expected tcp://HOST:PORT or ipc://PATH")
        return self

    @model_validator(mode="after")
    def _origins_are_guarded(self) -> Self:
        check_origins_guarded(self.http)
        return self

    @model_validator(mode="after")
    def _closed_by_default(self) -> Self:
        if not (is_loopback(self.http.host) or self.http.token or self.http.allow_open):
            host = describe_address(self.http.host)
            raise ValueError(
                f"http.host {host} is open to the network and http.token is not set; "
                "expected a token, or http.allow_open: true"
            )
        for key, address in self._zmq_addresses():
            if not (is_loopback(address) or self.zmq.curve or self.zmq.allow_open):
                raise ValueError(
                    f"{key} {describe_address(address)} is open to the network and zmq.curve is not set; "
                    "expected keys, or zmq.allow_open: true"
                )
        return self

    @model_validator(mode="after")
    def _stream_names_differ(self) -> Self:
        for name, times in Counter(stream.name for stream in self.streams).items():
            if times > 1:
                raise ValueError(f"stream name {name!r} is used {times} times, expected once")
        return self

    @model_validator(mode="after")
    def _alerts_name_streams_that_exist(self) -> Self:
        if self.cameras.state_dir is not None:
            return self  # a stream of that name may be added later
        names = [stream.name for stream in self.streams]
        for place, receiver in self.alerts.receivers():
            for name in receiver.streams:
                if name not in names:
                    got = describe_value(name)
                    raise ValueError(f"{place}.streams names {got}, expected some of: {', '.join(names)}")
        return self

    def _zmq_addresses(self) -> Iterator[tuple[str, str]]:
        yield "zmq.masks_address", self.zmq.masks_address
        if self.zmq.control_address is not None:
            yield "zmq.control_address", self.zmq.control_address


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
