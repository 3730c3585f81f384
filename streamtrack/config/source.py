"""`streams.N.source`: where frames come from."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from streamtrack.config.section import Section


class ReconnectConfig(Section):
    """How a lost source is tried again."""

    first_delay_ms: int = Field(500, ge=10)
    """First wait after a loss; doubles at each failure. Shorter is back sooner and asks more often."""
    max_delay_ms: int = Field(15_000, ge=10)
    """The longest wait between two tries, which go on for ever."""
    jitter: float = Field(0.25, ge=0, le=1)
    """Share of each wait that is random, so that a hundred cameras do not come back at once after a power
    cut."""


class SourceConfig(Section):
    """Where frames come from."""

    url: str = Field(min_length=1)
    """rtsp://, http(s)://, a video file, a folder of frames, webcam:0, synthetic:NAME. Write credentials as
    `rtsp://${CAMERA_USER}:${CAMERA_PASSWORD}@host/path`: they are read from the environment, percent-encoded
    where they hold `@`, `/` or `:`, and never reach a log, an error or an answer."""
    pace: Literal["auto", "newest", "every_frame"] = "auto"
    """newest: frames keep their own clock, the newest wins and the rest is counted as `superseded`.
    every_frame: nothing is left out and the source waits for the tracker, right for recordings, wrong for
    cameras. auto: newest for live sources and synthetic scenes, every_frame for files and folders."""
    rtsp_transport: Literal["tcp", "udp"] = "tcp"
    """tcp loses nothing and stalls on a bad network; udp goes on with damaged pictures, which are dropped."""
    open_timeout_ms: int = Field(10_000, ge=100)
    """How long a connection may take. Shorter notices a dead camera sooner; too short never reaches a slow
    one."""
    read_timeout_ms: int = Field(5_000, ge=100)
    """How long a silence may last before the source counts as lost and is connected to again."""
    decoder_threads: int = Field(1, ge=1, le=16)
    """Threads of one decoder. More decode 4K in time, and take cores from the tracker."""
    max_width_px: int | None = Field(None, ge=32)
    """Wider pictures are scaled down while decoding: cheaper to move and draw, coarser masks. null keeps the
    source's size."""
    fps: float | None = Field(None, gt=0, le=240)
    """Pace of a folder or a synthetic scene, and what a webcam is asked for. null: the source's own."""
    loop: bool = False
    """A file or folder starts again at its end; objects stay, a `gap` event marks the seam."""
    reconnect: ReconnectConfig = ReconnectConfig()
    """How a lost source is tried again."""
