"""The model, loaded in a thread while the endpoints answer already."""

from __future__ import annotations

import asyncio
import contextlib
import threading

from streamtrack.config import ModelConfig
from streamtrack.tracking import Tracker


async def load_tracker(config: ModelConfig, stop_requested: asyncio.Event) -> Tracker | None:
    """The model; None where a stop was requested meanwhile: its thread is left behind.

    Raises:
        CheckpointError, ConfigError: it cannot be loaded.
    """
    loop = asyncio.get_running_loop()
    loaded: asyncio.Future[Tracker] = loop.create_future()
    # A thread of its own, a daemon: an executor's thread would be waited for when the process ends.
    threading.Thread(target=_load, args=(config, loop, loaded), name="load-model", daemon=True).start()
    stop = asyncio.create_task(stop_requested.wait())
    try:
        await asyncio.wait((loaded, stop), return_when=asyncio.FIRST_COMPLETED)
    finally:
        stop.cancel()
    if not loaded.done():
        loaded.cancel()
        return None
    return loaded.result()


def _load(config: ModelConfig, loop: asyncio.AbstractEventLoop, loaded: asyncio.Future[Tracker]) -> None:
    """Load a model and tell the loop; runs in a thread."""

    def tell(tracker: Tracker | None, error: Exception | None) -> None:
        if loaded.done():
            return
        if error is not None:
            loaded.set_exception(error)
        elif tracker is not None:
            loaded.set_result(tracker)

    try:
        outcome: tuple[Tracker | None, Exception | None] = (Tracker.from_config(config), None)
    except Exception as error:  # re-raised where it is awaited
        outcome = (None, error)
    with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
        loop.call_soon_threadsafe(tell, *outcome)
