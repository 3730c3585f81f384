"""`streams.N.ptz`: a camera that turns after the object that was chosen."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, SecretStr, field_validator, model_validator

from streamtrack.config.section import Section
from streamtrack.config.source import ReconnectConfig

_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*")


class PtzConfig(Section):
    """A camera that pans, tilts and zooms over ONVIF. Needs `pip install 'streamtrack[ptz]'`. docs/ptz.md."""

    host: str
    """The camera's name or address."""
    port: int = Field(80, ge=1, le=65_535)
    """Of its ONVIF service."""
    user: str | None = None
    """null: none."""
    password: SecretStr | None = None
    """Write it as `${PTZ_PASSWORD}`; never shown."""
    profile: str | None = None
    """Token of the media profile that moves. null: the first that does."""
    follow: Literal["asked", "added"] = "asked"
    """asked: follows whom the API names. added: whoever was clicked or found last, too."""
    size: float | None = Field(0.35, gt=0.02, le=0.9)
    """Share of the picture's height or width, whichever is more, that the object should fill. null: never
    zooms."""
    dead_zone: float = Field(0.12, ge=0.02, le=0.5)
    """How far the object may stand from the middle before the camera turns, in halves of the picture. Larger
    is calmer, smaller keeps it nearer to the middle."""
    max_speed: float = Field(0.8, gt=0, le=1)
    """Share of the camera's top speed that is used, panning and tilting."""
    max_zoom_speed: float = Field(0.5, gt=0, le=1)
    """The same for zooming."""
    widths_per_s: float = Field(1.0, gt=0.05, le=10)
    """How many widths of the picture pass in a second at top speed, to begin with: it is learnt while the
    camera moves, within a quarter and four times of this."""
    latency_ms: int = Field(300, ge=0, le=3_000)
    """From a command to the picture that shows its effect. Too low overshoots."""
    home: str | None = None
    """Name or token of the preset to go to where the object is gone for good. null: the camera's home
    position."""
    home_after_s: float = Field(10, ge=1, le=3_600)
    """How long the object may be gone before that."""
    manual_hold_s: float = Field(5, gt=0, le=3_600)
    """How long a move by hand keeps the camera from following."""
    invert_pan: bool = False
    """For a camera whose picture is mirrored."""
    invert_tilt: bool = False
    """For a camera that hangs upside down and does not turn its picture."""
    timeout_ms: int = Field(3_000, ge=200, le=60_000)
    """How long one request may take."""
    reconnect: ReconnectConfig = ReconnectConfig()
    """How a camera that does not answer is tried again, for ever."""

    @field_validator("host")
    @classmethod
    def _host_is_one(cls, value: str) -> str:
        if not _HOST.fullmatch(value):
            raise ValueError("expected a host's name or address, without http://, user or port")
        return value

    @model_validator(mode="after")
    def _password_has_a_user(self) -> PtzConfig:
        if (self.password is None) != (self.user is None):
            raise ValueError("user and password: one is set without the other, expected both or none")
        return self
