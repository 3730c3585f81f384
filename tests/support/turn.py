"""A real TURN server on loopback: coturn."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

SECRET = "shared with the server"


@asynccontextmanager
async def turn_server(folder: Path) -> AsyncIterator[int]:
    """Serves UDP with passwords made of SECRET; gives the port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    process = await asyncio.create_subprocess_exec(
        "turnserver",
        *(
            "-n",
            "--no-cli",
            "--no-tls",
            "--no-dtls",
            "--listening-ip",
            "127.0.0.1",
            "--relay-ip",
            "127.0.0.1",
        ),
        *(
            "--listening-port",
            str(port),
            "--use-auth-secret",
            "--static-auth-secret",
            SECRET,
            "--realm",
            "test",
        ),
        *("--allow-loopback-peers", "--userdb", str(folder / "turn.db"), "--log-file", "stdout"),
        *("--pidfile", str(folder / "turn.pid"), "--min-port", "50000", "--max-port", "59000"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield port
    finally:
        process.terminate()
        await process.communicate()
