"""A camera's motors over ONVIF (PTZ service, version 2), by onvif-zeep-async."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
from collections.abc import Awaitable, Iterator
from typing import Any, TypeVar

from streamtrack.config import PtzConfig
from streamtrack.errors import ConfigError
from streamtrack.ptz.controller import Aim
from streamtrack.ptz.mount import MountError, MountRefusedError

STOPS_BY_ITSELF = "PT2S"
"""A camera that hears nothing more of us stands still after that."""
NEEDED = "ptz needs onvif-zeep-async: pip install 'streamtrack[ptz]'"
REFUSALS = ("not authorized", "notauthorized", "unauthorized", "401")

T = TypeVar("T")


class OnvifMount:
    """One camera."""

    def __init__(self, config: PtzConfig) -> None:
        """
        Raises:
            ConfigError: the library is not installed.
        """
        self._config = config
        with _quiet_import():
            try:
                self._library: Any = importlib.import_module("onvif")
            except ImportError:
                raise ConfigError(NEEDED) from None
        self._camera: Any = None
        self._ptz: Any = None
        self._profile: str | None = None

    async def connect(self) -> None:
        """Ask the camera for its services and the profile that moves."""
        await self.close()
        password = self._config.password
        self._camera = self._library.ONVIFCamera(
            self._config.host,
            self._config.port,
            self._config.user,
            None if password is None else password.get_secret_value(),
            adjust_time=True,  # many cameras' clocks are wrong, and their passwords depend on the time
            nat_override=True,  # whatever address it thinks it has, we reach it at this one
        )
        await self._done(self._camera.update_xaddrs())
        media = await self._done(self._camera.create_media_service())
        profiles = await self._done(media.GetProfiles())
        self._profile = self._choose(profiles)
        self._ptz = await self._done(self._camera.create_ptz_service())

    async def move(self, aim: Aim) -> None:
        """Move at these speeds."""
        pan = -aim.pan if self._config.invert_pan else aim.pan
        tilt = -aim.tilt if self._config.invert_tilt else aim.tilt
        velocity = {"PanTilt": {"x": round(pan, 3), "y": round(tilt, 3)}, "Zoom": {"x": round(aim.zoom, 3)}}
        await self._done(
            self._service.ContinuousMove(
                {"ProfileToken": self._profile, "Velocity": velocity, "Timeout": STOPS_BY_ITSELF}
            )
        )

    async def stop(self) -> None:
        """Stand still."""
        await self._done(self._service.Stop({"ProfileToken": self._profile, "PanTilt": True, "Zoom": True}))

    async def go_home(self) -> None:
        """To the preset that is configured, else to the camera's home position."""
        wanted = self._config.home
        if wanted is None:
            await self._done(self._service.GotoHomePosition({"ProfileToken": self._profile}))
            return
        presets = await self._done(self._service.GetPresets({"ProfileToken": self._profile})) or []
        for preset in presets:
            if wanted in (preset.token, preset.Name):
                await self._done(
                    self._service.GotoPreset({"ProfileToken": self._profile, "PresetToken": preset.token})
                )
                return
        names = ", ".join(str(preset.Name) for preset in presets[:8]) or "none"
        raise MountError(f"ptz.home names no preset of the camera, expected one of: {names}")

    async def close(self) -> None:
        """Let go of connections."""
        camera, self._camera, self._ptz = self._camera, None, None
        if camera is not None:
            await camera.close()

    @property
    def _service(self) -> Any:
        if self._ptz is None:
            raise MountError("not connected")
        return self._ptz

    def _choose(self, profiles: Any) -> str:
        """The token of the profile that moves."""
        able = [one for one in profiles or [] if getattr(one, "PTZConfiguration", None) is not None]
        wanted = self._config.profile
        for one in able:
            if wanted in (None, one.token, one.Name):
                return str(one.token)
        tokens = ", ".join(str(one.token) for one in able[:8]) or "none"
        if wanted is not None:
            raise MountError(f"ptz.profile names no profile that moves, expected one of: {tokens}")
        raise MountError("the camera has no profile that moves")

    async def _done(self, asked: Awaitable[T]) -> T:
        """What the camera answers."""
        try:
            async with asyncio.timeout(self._config.timeout_ms / 1000):
                return await asked
        except TimeoutError:
            raise MountError(f"{self._shown}: no answer within {self._config.timeout_ms} ms") from None
        except MountError:
            raise
        except Exception as error:
            # zeep and aiohttp fail in ways of their own at whatever a camera sends.
            text = " ".join(str(error).split())[:200] or type(error).__name__
            for secret in (
                self._config.user,
                self._config.password and self._config.password.get_secret_value(),
            ):
                text = text.replace(secret, "***") if secret else text
            refused = any(word in text.lower() for word in REFUSALS)
            raise (MountRefusedError if refused else MountError)(f"{self._shown}: {text}") from error

    @property
    def _shown(self) -> str:
        return f"onvif {self._config.host}:{self._config.port}"


@contextlib.contextmanager
def _quiet_import() -> Iterator[None]:
    """The library sets up the process's logging when it is imported; with a handler there it does not."""
    handler, root = logging.NullHandler(), logging.getLogger()
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
