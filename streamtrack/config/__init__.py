"""The configuration: one pydantic model per stage, read from YAML.

A stage gets its own section, never the whole. Units end the keys. Unknown keys are refused and named with
their file, so that a typo never runs as a default.
"""

from __future__ import annotations

import ipaddress
import os
import re
from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

from streamtrack.coco import COCO_CLASSES, describe_unknown_class
from streamtrack.config.faults import describe_validation_error
from streamtrack.errors import ConfigError

STREAM_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")

Pixels = Annotated[float, Field(ge=0)]


class Section(BaseModel):
    """What every section shares: values cannot change after reading, unknown keys fail."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PromptConfig(Section):
    """An object to start with: points, a box, or both, in pixels of the frame."""

    object_id: int = Field(ge=0, le=2**31 - 1)
    """The caller's id."""
    label: str = Field("", max_length=128)
    points: tuple[tuple[Pixels, Pixels], ...] = ()
    """x, y in pixels."""
    labels: tuple[Literal[0, 1], ...] | None = None
    """1 on the object, 0 off it; all 1 where left out."""
    box: tuple[Pixels, Pixels, Pixels, Pixels] | None = None
    """x0, y0, x1, y1 in pixels."""

    @model_validator(mode="after")
    def _has_a_prompt(self) -> Self:
        if not self.points and self.box is None:
            raise ValueError("a prompt needs points or a box")
        if self.labels is not None and len(self.labels) != len(self.points):
            raise ValueError(f"{len(self.labels)} labels for {len(self.points)} points, expected one each")
        return self


class ReconnectConfig(Section):
    """How a lost source is tried again."""

    first_delay_ms: int = Field(500, ge=10)
    """Before the first try; doubles at each failure."""
    max_delay_ms: int = Field(15_000, ge=10)
    """The longest wait between two tries."""
    jitter: float = Field(0.25, ge=0, le=1)
    """Share of the delay that is random, so that a hundred cameras do not knock at once."""


class SourceConfig(Section):
    """Where frames come from."""

    url: str = Field(min_length=1)
    """rtsp://, http(s)://, a file, a folder of frames, webcam:0, synthetic:NAME."""
    pace: Literal["auto", "newest", "every_frame"] = "auto"
    """newest: frames keep their own clock and the newest wins; every_frame: the source waits for the tracker.
    auto: newest for live sources and synthetic scenes, every_frame for files and folders."""
    rtsp_transport: Literal["tcp", "udp"] = "tcp"
    open_timeout_ms: int = Field(10_000, ge=100)
    read_timeout_ms: int = Field(5_000, ge=100)
    decoder_threads: int = Field(1, ge=1, le=16)
    max_width_px: int | None = Field(None, ge=32)
    """Wider pictures are scaled down at the decoder; None keeps the source's size."""
    fps: float | None = Field(None, gt=0, le=240)
    """Pace of a folder or a synthetic scene, and of a webcam where it can be asked; None: its own."""
    loop: bool = False
    """A file or folder starts again at its end."""
    reconnect: ReconnectConfig = ReconnectConfig()


def live_threads() -> int:
    """CPU threads of one step on a live stream, where the config does not say: all cores but one.

    That one decodes, draws and encodes. With every core at the model, its threads wait for each other
    whenever one of those runs, and a step takes many times as long.
    """
    return max(1, (os.cpu_count() or 2) - 1)


class ModelConfig(Section):
    """Which network, where, how exact."""

    name: str = "nano"
    """A name of the catalog: nano, sam2.1-tiny|small|base-plus|large, sam2-tiny|small|base-plus|large."""
    checkpoint: Path | None = None
    """Your own weights for that architecture; None: the catalog's."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """auto: bf16 where CUDA has it; on a CPU fp32, or bf16 if it has that and the preset is not quality."""
    image_size: int | None = Field(None, ge=128, le=2048)
    """Side of the square that the network sees, a multiple of 32; None: the model's own."""
    compile: Literal["auto", "on", "off"] = "auto"
    """On a CPU, on: compile for this machine at the start unless that was done before; auto: use what
    `streamtrack compile` left, and compile nothing. On CUDA, auto: replay CUDA graphs; on: compile,
    too, at the first frame of each number of objects. off: neither."""
    preset: Literal["quality", "balanced", "fast"] = "quality"
    """quality is exact; the others turn approximations on, where their keys are not set."""
    memory_pool: Literal[1, 2] = 1
    """2: memory is read in squares of 2 x 2 averaged tokens. 1: exact."""
    threads: int | None = Field(None, ge=1)
    """CPU threads of one step; None: live, all cores but one, which decodes, draws and encodes."""

    @field_validator("image_size")
    @classmethod
    def _multiple_of_32(cls, value: int | None) -> int | None:
        if value is not None and value % 32:
            raise ValueError(f"image_size is {value}, expected a multiple of 32")
        return value


class TrackingConfig(Section):
    """The session: how much it remembers and what it calls lost."""

    max_objects: int = Field(16, ge=1, le=256)
    max_conditioning_frames: int = Field(4, ge=2, le=32)
    """Prompted frames kept per object; the first is never evicted."""
    history_frames: int = Field(32, ge=1, le=600)
    """Encoded frames kept, for prompts on a past frame."""
    uncertain_iou_score: float = Field(0.5, ge=0, le=1)
    """Below this estimate a visible object is `uncertain`."""
    lost_after_ms: int = Field(2_000, ge=0)
    """Not visible for longer than this: `lost`."""
    keyframe_interval: int = Field(1, ge=1, le=16)
    """Every n-th frame goes through the network; between them optical flow carries the masks. 1: exact."""
    memory_frames: int = Field(6, ge=1, le=6)
    """Unprompted frames whose memory features are read. 6: as the checkpoint was trained."""
    memory_stride: int = Field(1, ge=1, le=16)
    """Of those, all but the newest lie this many tracked frames apart. 1: exact."""


class AnnotateConfig(Section):
    """The picture that people watch."""

    max_width_px: int = Field(1280, ge=64)
    """Wider frames are scaled down before drawing."""
    mask_opacity: float = Field(0.45, ge=0, le=1)
    outline_px: int = Field(2, ge=0, le=16)
    labels: bool = True
    """Draw id, label and state at each object."""


class VideoConfig(Section):
    """The shared encoder and its viewers."""

    max_fps: float = Field(30, gt=0, le=240)
    bitrate_kbps: int = Field(2_500, ge=50)
    keyframe_interval_s: float = Field(4, gt=0)
    max_viewers: int = Field(16, ge=1)
    jpeg_quality: int = Field(80, ge=1, le=100)
    ice_addresses: tuple[str, ...] = ()
    """Host addresses that ICE offers; empty: those of this machine."""
    annotate: AnnotateConfig = AnnotateConfig()


class CurveConfig(Section):
    """CURVE on the ZeroMQ sockets: keys in Z85, 40 characters each."""

    server_secret_key: SecretStr
    server_public_key: str = Field(min_length=40, max_length=40)
    allowed_client_keys: tuple[str, ...] = Field(min_length=1)
    """Public keys that may connect; anyone else is refused."""

    @field_validator("server_secret_key")
    @classmethod
    def _secret_is_z85(cls, value: SecretStr) -> SecretStr:
        if len(value.get_secret_value()) != 40:
            raise ValueError("server_secret_key is not 40 characters of Z85")
        return value


class ZmqConfig(Section):
    """Masks and control for machines."""

    masks_address: str = "tcp://127.0.0.1:5555"
    """PUB socket of masks and events."""
    control_address: str | None = "tcp://127.0.0.1:5556"
    """ROUTER socket of commands; null turns it off."""
    encoding: Literal["coco_rle", "bits_zstd"] = "coco_rle"
    high_water_mark: int = Field(4, ge=1, le=1000)
    """Messages kept for a subscriber that does not read; newer ones are dropped until it does."""
    socket_buffer_bytes: int = Field(4_096, ge=4096)
    """SNDBUF: small on purpose, stale masks would wait in it. Raise it for masks of 100 kB and more."""
    curve: CurveConfig | None = None
    """Keys that every socket then asks for."""
    allow_open: bool = False
    """Lets the sockets bind to the network without `curve`: whoever reaches them reads masks and commands."""


class HttpConfig(Section):
    """The page, the API, WHEP and metrics."""

    host: str = "127.0.0.1"
    port: int = Field(8080, ge=0, le=65_535)
    """0 takes a free one and prints it."""
    token: SecretStr | None = None
    """Bearer token that every door then asks for."""
    cors_origins: tuple[str, ...] = ()
    """Other origins (https://host:port) whose pages may call the API."""
    allow_open: bool = False
    """Lets the server bind to the network without `token`: whoever reaches the port watches and commands."""


class SceneAutoprompt(Section):
    """A synthetic scene knows its objects, and starts all of them on the first frame."""

    kind: Literal["scene"] = "scene"


class DetectorAutoprompt(Section):
    """The shipped detector looks at the newest frame every now and then, and starts what it finds."""

    kind: Literal["detector"] = "detector"
    classes: tuple[str, ...] = Field(min_length=1)
    """Of COCO's 80: person, car, dog, ..."""
    label: str | None = Field(None, max_length=128)
    """What its objects are called; None: their class."""
    min_score: float = Field(0.45, ge=0, le=1)
    min_box_px: int = Field(24, ge=1)
    """Shorter side of the box."""
    confirmations: int = Field(2, ge=1, le=20)
    """Detections in a row before an object starts."""
    interval_ms: int = Field(400, ge=20)
    """From the start of one detection to the next."""
    max_objects: int = Field(8, ge=1, le=256)
    """Objects that it follows at a time; those of people do not count."""
    cooldown_ms: int = Field(5_000, ge=0)
    """What someone removed is left alone until it was out of the detector's sight for so long."""
    remove_lost_after_ms: int | None = Field(5_000, ge=0)
    """Its objects end so long after they were lost; None: never."""
    remove_unconfirmed_after_ms: int | None = Field(3_000, ge=0)
    """Its objects end when no detection met their mask for so long; None: never."""

    @field_validator("classes")
    @classmethod
    def _classes_exist(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if name not in COCO_CLASSES:
                raise ValueError(describe_unknown_class(name))
        return value


class StreamConfig(Section):
    """One camera."""

    name: str
    """Names the stream in topics, URLs and metrics."""
    source: SourceConfig
    tracking: TrackingConfig = TrackingConfig()
    video: VideoConfig = VideoConfig()
    prompts: tuple[PromptConfig, ...] = ()
    """Objects to start with, applied to the first frame."""
    autoprompt: Annotated[SceneAutoprompt | DetectorAutoprompt, Field(discriminator="kind")] | None = None
    """Starts objects by itself; None: only people and programs do."""

    @field_validator("name")
    @classmethod
    def _name_fits_a_url(cls, value: str) -> str:
        if not STREAM_NAME.fullmatch(value):
            raise ValueError(f"stream name is {value!r}, expected letters, digits, '_', '.', '-'")
        return value


class Config(Section):
    """The whole file."""

    streams: tuple[StreamConfig, ...] = Field(min_length=1)
    model: ModelConfig = ModelConfig()
    zmq: ZmqConfig = ZmqConfig()
    http: HttpConfig = HttpConfig()

    @model_validator(mode="after")
    def _closed_by_default(self) -> Self:
        if not (is_loopback(self.http.host) or self.http.token or self.http.allow_open):
            raise ValueError(
                f"http.host {self.http.host} is open to the network and http.token is not set; "
                "expected a token, or http.allow_open: true"
            )
        for key, address in (("masks", self.zmq.masks_address), ("control", self.zmq.control_address)):
            if not (address is None or is_loopback(address) or self.zmq.curve or self.zmq.allow_open):
                raise ValueError(
                    f"zmq.{key}_address {address} is open to the network and zmq.curve is not set; "
                    "expected keys, or zmq.allow_open: true"
                )
        return self

    @model_validator(mode="after")
    def _stream_names_differ(self) -> Self:
        names = [stream.name for stream in self.streams]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"stream name {name!r} is used {names.count(name)} times, expected once")
        return self


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


def load_config(path: Path) -> Config:
    """Read and check a YAML file.

    Raises:
        ConfigError: the file cannot be read, is not YAML, or a key or value does not fit; the message names
            file, key, what was found and what was expected.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from error
    try:
        raw = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark is not None else str(path)
        raise ConfigError(f"{where}: not YAML: {getattr(error, 'problem', error)}") from error
    return parse_config(raw, str(path))


def parse_config(raw: object, where: str) -> Config:
    """Check what a YAML file held; `where` names it in errors.

    Raises:
        ConfigError: a key or value does not fit.
    """
    if not isinstance(raw, dict):
        raise ConfigError(f"{where}: holds {type(raw).__name__}, expected a mapping with the key 'streams'")
    try:
        return Config.model_validate(raw)
    except ValidationError as error:
        raise ConfigError(f"{where}: {describe_validation_error(error, Config)}") from error
