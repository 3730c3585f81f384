"""The page of `track --pick`, served from a thread of the test's process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import Queue

from streamtrack.cli.picking import lay_desk
from streamtrack.config import load_recording_config
from streamtrack.offline import FilmJob, PromptSet, RecordingJob
from streamtrack.pick.desk import Desk
from streamtrack.pick.run import Ended, serve_page
from tests.support.pipelines import nano

EXPORTS = ("objects", "masks-png", "prompts")
START_S = 20.0
STOP_S = 30.0
GRACE_S = 60.0
"""Tests open pages one after the other: none of them counts as the last."""


@dataclass
class PickPage:
    """A page that is served."""

    url: str
    """Without the token."""
    token: str
    desk: Desk
    _stop: threading.Event
    _ended: Queue[Ended | BaseException] = field(default_factory=Queue)

    @property
    def path(self) -> str:
        """What stands behind `url` in the address that was printed."""
        return f"/#token={self.token}"

    def stop(self) -> None:
        """As Ctrl-C would."""
        self._stop.set()

    def ended(self) -> Ended:
        """Why it ended, once it has."""
        outcome = self._ended.get(timeout=STOP_S)
        self._ended.put(outcome)
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome


@contextmanager
def serving(desk: Desk, *, grace_s: float = GRACE_S) -> Iterator[PickPage]:
    """Serve a page while the block lasts."""
    addresses: Queue[str] = Queue()
    ended: Queue[Ended | BaseException] = Queue()
    stop = threading.Event()

    def serve() -> None:
        try:
            run = serve_page(
                desk, port=0, on_listening=addresses.put, should_stop=stop.is_set, grace_s=grace_s
            )
            ended.put(asyncio.run(run))
        except BaseException as error:
            ended.put(error)

    thread = threading.Thread(target=serve, name="pick-page")
    thread.start()
    try:
        address, _, token = addresses.get(timeout=START_S).partition("/#token=")
        yield PickPage(address, token, desk, stop, ended)
    finally:
        stop.set()
        thread.join(STOP_S)


@contextmanager
def picking(clip: str, out: Path, *, grace_s: float = GRACE_S) -> Iterator[PickPage]:
    """The page of `track CLIP --pick --out OUT` with nano."""
    config = load_recording_config(clip, None, [])
    job = RecordingJob(FilmJob(PromptSet()), config.streams[0], EXPORTS, out)
    with ThreadPoolExecutor(1) as thread:
        desk = lay_desk(clip, job, nano, thread, ["--out", str(out)])
        with serving(desk, grace_s=grace_s) as page:
            yield page
