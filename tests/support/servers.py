"""A real server in this process, on an event loop in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from streamtrack.config import Config, HttpConfig, ModelConfig, StreamConfig
from streamtrack.pipeline import PipelineReport
from streamtrack.server import Server
from tests.support.pipelines import SOON_S, stream_config, wait_until, zmq_config


def server_config(*streams: StreamConfig, **sections: Any) -> Config:
    """Free ports, nano on one thread, a recording of three frames unless told otherwise."""
    defaults = {
        "streams": streams or (stream_config(),),
        "model": ModelConfig(name="nano", device="cpu", threads=1),
        "http": HttpConfig(port=0),
        "zmq": zmq_config(),
    }
    return Config(**{**defaults, **sections})


@contextmanager
def serving(
    config: Config,
    *,
    ready: bool = True,
    on_report: Callable[[PipelineReport], None] | None = None,
    read_config: Callable[[], Config] | None = None,
) -> Iterator[Server]:
    """Run a server; `ready` waits until every stream has tracked a frame or can't."""
    listening = threading.Event()
    server = Server(
        config, on_listening=lambda _: listening.set(), on_report=on_report, read_config=read_config
    )
    loops: list[asyncio.AbstractEventLoop] = []
    failures: list[BaseException] = []

    async def run() -> None:
        loops.append(asyncio.get_running_loop())
        await server.run()

    def target() -> None:
        try:
            asyncio.run(run(), debug=True)
        except BaseException as error:  # re-raised by whoever started it
            failures.append(error)
            listening.set()

    thread = threading.Thread(target=target, name="server")
    thread.start()
    try:
        assert listening.wait(SOON_S)
        if ready and not failures:
            wait_until(
                lambda: bool(failures) or all(map(has_begun, server.statuses())), "every stream's first frame"
            )
        if not failures:
            yield server
    finally:
        if loops and not loops[0].is_closed():
            loops[0].call_soon_threadsafe(server.request_stop)
        thread.join(SOON_S)
        assert not thread.is_alive(), "the server did not stop"
    if failures:
        raise failures[0]


def has_begun(status: Any) -> bool:
    return status.newest_frame_idx >= 0 or status.state in ("failed", "offline")
