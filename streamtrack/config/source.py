"""`streams.N.source`: where frames come from."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from streamtrack.config.section import Section

MIN_CROP_PX = 16
"""Of a crop's width and height: less shows nothing."""

CropEdge = Annotated[int, Field(ge=0, le=16_384)]
Crop = tuple[CropEdge, CropEdge, CropEdge, CropEdge]
"""x0, y0, x1, y1 in pixels."""


class ReconnectConfig(Section):
    """How a lost source is tried again."""

    first_delay_ms: int = Field(500, ge=10)
    """First wait after a loss; doubles at each failure. Shorter is back sooner and asks more often."""
    max_delay_ms: int = Field(2_000, ge=10)
    """The longest wait between two tries, which go on for ever: a camera that was off for hours is there
    within five seconds. Longer asks a dead camera less often, and is back that much later."""
    jitter: float = Field(0.5, ge=0, le=1)
    """Share by which each wait is longer or shorter at random, so that a hundred cameras do not come back at
    once after a power cut."""
    refused_delay_ms: int = Field(30_000, ge=10)
    """The wait after a camera refused user or password. Shorter is back sooner once the password is right;
    many cameras lock an account after a few wrong tries."""


class SourceConfig(Section):
    """Where frames come from."""

    url: str = Field(min_length=1, max_length=16_384)
    """rtsp://, http(s)://, rtmp://, srt://, whep+https:// (wheps:// is the same, whep:// plain HTTP), a video
    file, a folder of frames, webcam:0, synthetic:NAME. Write credentials as
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
    after_damage: Literal["wait", "mark"] = "wait"
    """What becomes of pictures that may be smeared because a part of the stream was lost or damaged. wait:
    left out until the next keyframe (recordings show the last sound picture instead, so that frames keep
    their numbers). mark: shown, never remembered by the tracker. Both are counted and told as `damaged`."""
    damage_wait_ms: int = Field(5_000, ge=0)
    """How long `after_damage: wait` leaves pictures out; then they are shown, marked. Streams that send no
    keyframes, or one in a minute, go on by this."""
    verify_pictures: bool = True
    """Look twice at H.264, HEVC and MJPEG, which finds damage that the decoder hides. Costs a second
    decoding, and a third of HEVC in wavefronts."""
    frozen_after_ms: int = Field(10_000, ge=0)
    """A live source that shows exactly the same picture for so long is told as `frozen`; 0 never tells. Real
    cameras have noise: an exact repeat is a hung encoder. Raise it for drawn pictures that stand still."""
    follow_hosts: tuple[str, ...] = ()
    """Hosts, or host:port, to which redirects and playlists of this source may lead beside its own; "*"
    allows every host. User and password go along to its own host and port alone."""
    decoder_threads: int = Field(1, ge=1, le=16)
    """Threads of one decoder. More decode 4K in time, and take cores from the tracker."""
    max_width_px: int | None = Field(None, ge=32)
    """Wider pictures are scaled down while decoding: cheaper to move and draw, coarser masks. null keeps the
    source's size."""
    crop: Crop | None = None
    """x0, y0, x1, y1: the part of each picture that is tracked, in pixels of the picture as it is decoded
    (after `max_width_px`); null takes all of it. It is the picture for all that follows: masks, boxes,
    prompts, zones and what is drawn are in pixels of the crop, whose upper left corner is 0, 0. What a fixed
    camera sees of sky and walls is left out so, and the network's pixels go to the rest, at no cost."""
    fps: float | None = Field(None, gt=0, le=240)
    """Pace of a folder or a synthetic scene, and what a webcam is asked for. null: the source's own."""
    loop: bool = False
    """A file or folder starts again at its end; objects stay, a `gap` event marks the seam."""
    reconnect: ReconnectConfig = ReconnectConfig()
    """How a lost source is tried again."""

    @field_validator("crop")
    @classmethod
    def _has_an_inside(cls, crop: Crop | None) -> Crop | None:
        if crop is not None and min(crop[2] - crop[0], crop[3] - crop[1]) < MIN_CROP_PX:
            got = ", ".join(map(str, crop))
            raise ValueError(
                f"crop is {got}, expected x0, y0, x1, y1 with x1 and y1 at least {MIN_CROP_PX} larger"
            )
        return crop
