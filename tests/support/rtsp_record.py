"""Starts and ends the RTSP server that is sent to."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.support.rtsp import SYSTEM_PYTHON

SCRIPT = Path(__file__).with_name("rtsp_recorder.py")
START_TIMEOUT_S = 40
"""GStreamer scans its plugins on the first start of a machine."""


class RtspRecorder:
    """A server in a process of its own; asks for user and password."""

    USER, PASSWORD = "me", "pass word"

    def __init__(self) -> None:
        self.port = 0
        self._process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        return f"rtsp://{self.USER}:pass%20word@127.0.0.1:{self.port}/live"

    async def start(self) -> None:
        """Listen, on the same port as before where there was one."""
        self._process = await asyncio.create_subprocess_exec(
            SYSTEM_PYTHON,
            *(str(SCRIPT), "--port", str(self.port), "--user", self.USER, "--password", self.PASSWORD),
            stdout=asyncio.subprocess.PIPE,
        )
        line = await self._line(START_TIMEOUT_S)
        self.port = int(line.rpartition(":")[2].partition("/")[0])

    async def picture(self) -> str:
        """The next picture that came whole: WIDTHxHEIGHT."""
        return (await self._line(20)).removeprefix("picture ")

    async def kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.communicate()

    async def _line(self, timeout_s: float) -> str:
        assert self._process is not None
        assert self._process.stdout is not None
        async with asyncio.timeout(timeout_s):
            return (await self._process.stdout.readline()).decode().strip()
