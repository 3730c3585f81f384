"""What turns a camera, as an interface."""

from __future__ import annotations

from typing import Protocol

from streamtrack.ptz.controller import Aim


class MountError(Exception):
    """The camera is away, refuses, or cannot do it; one line without credentials."""


class MountRefusedError(MountError):
    """It refuses user or password: asked again, but seldom."""


class Mount(Protocol):
    """One camera's motors. Every method on one event loop.

    Raises, each of them:
        MountError: it did not work.
    """

    async def connect(self) -> None:
        """Find out how it is moved."""
        ...

    async def move(self, aim: Aim) -> None:
        """Move at these speeds until told otherwise; by itself it stops after a second or two."""
        ...

    async def stop(self) -> None:
        """Stand still."""
        ...

    async def go_home(self) -> None:
        """Turn to the home position, or to the preset that the config names."""
        ...

    async def close(self) -> None:
        """Let go of connections; may be called again."""
        ...
