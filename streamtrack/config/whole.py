"""The whole configuration, and what holds between its sections."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Self

from pydantic import model_validator

from streamtrack.config.alerts import AlertsConfig
from streamtrack.config.cameras import CamerasConfig
from streamtrack.config.exposure import check_http_guarded, check_zmq_guarded, zmq_addresses
from streamtrack.config.http import KEYS_FILE, HttpConfig
from streamtrack.config.jobs import JobsConfig
from streamtrack.config.model import ModelConfig
from streamtrack.config.process import ProcessConfig
from streamtrack.config.recording import ArchiveConfig
from streamtrack.config.section import Section
from streamtrack.config.shown import describe_value
from streamtrack.config.state import StateConfig
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
    state: StateConfig = StateConfig()
    """What of the streams outlives the process."""
    process: ProcessConfig = ProcessConfig()
    """When the process counts as dead or hung."""

    @property
    def keys_path(self) -> Path | None:
        """Where keys are, or would be; None where there can be none."""
        if self.http.keys_file is not None or self.cameras.state_dir is None:
            return self.http.keys_file
        return self.cameras.state_dir / KEYS_FILE

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
        for key, address in zmq_addresses(self.zmq):
            if not _ZMQ_ADDRESS.fullmatch(address):
                got = describe_value(address)
                raise ValueError(f"{key} is {got}, expected tcp://HOST:PORT or ipc://PATH")
        return self

    @model_validator(mode="after")
    def _closed_by_default(self) -> Self:
        keys = self.http.keys_file is not None or (self.keys_path is not None and self.keys_path.exists())
        check_http_guarded(self.http, keys=keys)
        check_zmq_guarded(self.zmq)
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
