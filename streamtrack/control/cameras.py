"""Cameras that come, change and go while the server runs: what is told of them, and who sees to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Protocol

from pydantic import BaseModel, Field

from streamtrack.config import Section, SourceConfig, StreamConfig


class CameraInfo(BaseModel):
    """A stream's settings, and where they stand."""

    name: str
    origin: Literal["config", "state", "memory"]
    """config: the config file's, changed there only. state: added, and back after a restart. memory: added,
    and gone with the process."""
    settings: dict[str, Any]
    """The keys that were set, as `POST /streams` takes them; user, password and other secrets are `***`."""
    fault: str = ""
    """Why it does not run, in one line; empty where it does."""


class CamerasInfo(BaseModel):
    """Every stream's settings, and what may be added."""

    cameras: tuple[CameraInfo, ...]
    stored: bool
    """Whether what is added is back after a restart: `cameras.state_dir` is set."""
    max_streams: int
    allow_schemes: tuple[str, ...]
    """Schemes that a source may have that is added."""
    allow_files: bool
    """Whether files of some folders may be added."""
    records: bool
    """Whether films can be kept: `archive.folder` is set."""
    reloads: bool
    """Whether there is a config file to reload."""


class TrialBody(Section):
    """A source to try."""

    source: SourceConfig
    """As in `POST /streams`."""
    name: str | None = Field(None, max_length=64)
    """The stream whose password is meant where the address says `***`."""


class TrialInfo(BaseModel):
    """What was found behind a source's address."""

    source: str
    """The address without credentials."""
    codec: str
    """FFmpeg's name of it; `images` of a folder, `synthetic` of a scene."""
    width_px: int
    height_px: int
    fps: float | None
    """Frames a second, as told or as measured; null where a second was too short to see."""
    num_frames: int | None
    """Of a recording, where its container counts them."""
    live: bool
    """False of a recording, which has an end."""
    first_picture_ms: int
    """From the connection's begin to the first picture."""


class ReloadInfo(BaseModel):
    """What became of the streams when the config was read again."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    """Begun anew, because their settings changed."""
    removed: tuple[str, ...]
    unchanged: tuple[str, ...]
    """Not touched: not a frame is lost."""
    needs_restart: tuple[str, ...]
    """Sections that changed and take effect with the next start of the server."""

    def line(self) -> str:
        """For people."""
        told = [
            f"{len(names)} {what}" + (f" ({', '.join(names)})" if names else "")
            for what, names in (("added", self.added), ("changed", self.changed), ("removed", self.removed))
        ]
        told.append(f"{len(self.unchanged)} unchanged")
        if self.needs_restart:
            told.append(f"{', '.join(self.needs_restart)} from the next start on")
        return ", ".join(told)


class CameraKeeper(Protocol):
    """Whoever adds, changes and removes streams."""

    def cameras(self) -> CamerasInfo:
        """Every stream's settings."""
        ...

    def camera(self, name: str) -> CameraInfo:
        """One stream's settings.

        Raises:
            UnknownStreamError: there is none of that name.
        """
        ...

    async def add(self, config: StreamConfig) -> CameraInfo:
        """Let a stream begin, and keep it.

        Raises:
            DuplicateStreamError: its name is taken. CapacityError: there are too many.
            SourceError, ConfigError, PromptError: it can never work, or may not be.
            PublishError: it cannot be kept; it has not begun.
        """
        ...

    async def change(self, name: str, patch: Mapping[str, Any]) -> CameraInfo:
        """Other settings for a stream: those of `patch` laid over what it has (RFC 7396).

        Raises:
            UnknownStreamError: there is none of that name. FixedStreamError: it is the config file's.
            StreamTrackError: as `add`; it goes on as it was.
        """
        ...

    async def remove(self, name: str) -> None:
        """End a stream, and forget it.

        Raises:
            UnknownStreamError, FixedStreamError, PublishError: as `change`.
        """
        ...

    async def try_source(self, body: TrialBody) -> tuple[TrialInfo, bytes]:
        """What is behind an address, and its first picture as JPEG.

        Raises:
            SourceError: nothing, nothing in time, or nothing that may be looked at.
            BusyError: others try theirs.
        """
        ...

    async def reload(self) -> ReloadInfo:
        """Read the config file again; streams whose settings are as before go on undisturbed.

        Raises:
            StreamTrackError: it cannot be used; everything is as it was.
        """
        ...
