"""The streams of a process by name; they come and go while it runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

from streamtrack.errors import DuplicateStreamError, UnknownStreamError
from streamtrack.frame import EventKind
from streamtrack.pipeline import Pipeline, RunTotals, Turns
from streamtrack.ptz.desk import PtzDesk
from streamtrack.push.pushes import Pushes
from streamtrack.rules.desk import RulesDesk
from streamtrack.streams.running_stream import RunningStream, Shared
from streamtrack.tracking import Tracker
from streamtrack.video.stream import VideoStream

STOP_TIMEOUT_S = 1.5
"""For cameras and steps to end; what cannot be interrupted (FFmpeg, a step of a large model) is left
behind. Half of the three seconds that a stop may take in all."""
FORGET_AGAIN_S = 30.0
"""After the end of a stream of which a thread was left behind: by then it has let go, too."""
MAX_TOTALS = 256
"""Streams that were removed, whose totals are kept."""

logger = logging.getLogger(__name__)
PartT = TypeVar("PartT")


class PartOfEach(Mapping[str, PartT], Generic[PartT]):
    """One part of every stream by the stream's name, as they are at the moment of asking."""

    def __init__(self, running: Mapping[str, RunningStream], part: Callable[[RunningStream], PartT]) -> None:
        self._running = running
        self._part = part

    def __getitem__(self, name: str) -> PartT:
        return self._part(self._running[name])

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self._running))

    def __len__(self) -> int:
        return len(self._running)


class Streams:
    """Every running stream. Changes belong to the event loop; any thread may look."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._running: dict[str, RunningStream] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tracker: Tracker | None = None
        self._turns = Turns()
        self._past: list[RunTotals] = []
        self.left_behind = False
        """Whether a thread of a stream did not end in time."""
        self.pipelines: Mapping[str, Pipeline] = PartOfEach(self._running, lambda one: one.pipeline)
        self.rules: Mapping[str, RulesDesk] = PartOfEach(self._running, lambda one: one.rules)
        self.pushes: Mapping[str, Pushes] = PartOfEach(self._running, lambda one: one.pushes)
        self.ptz: Mapping[str, PtzDesk | None] = PartOfEach(self._running, lambda one: one.ptz)
        self.videos: Mapping[str, VideoStream] = PartOfEach(self._running, lambda one: one.video)

    def __iter__(self) -> Iterator[RunningStream]:
        return iter(tuple(self._running.values()))

    def __len__(self) -> int:
        return len(self._running)

    def __contains__(self, name: object) -> bool:
        return name in self._running

    def names(self) -> Sequence[str]:
        """In the order in which they came."""
        return tuple(self._running)

    def get(self, name: str) -> RunningStream:
        """One stream.

        Raises:
            UnknownStreamError: there is none of that name.
        """
        try:
            return self._running[name]
        except KeyError:
            raise UnknownStreamError(name, self.names()) from None

    @property
    def totals(self) -> Sequence[RunTotals]:
        """Each stream since its start, those that were removed first."""
        return (*self._past, *(one.pipeline.totals for one in self))

    # -- before and after the run --------------------------------------------------------------------

    def put_all(self, streams: Iterable[RunningStream]) -> None:
        """Take streams over that begin together with the process.

        Raises:
            ConfigError: what was kept of one can neither be read nor be put aside.
        """
        for one in streams:
            one.take_up()
            self._running[one.name] = one

    def open(self, loop: asyncio.AbstractEventLoop) -> None:
        """Take viewers from now on."""
        self._loop = loop
        for one in self:
            one.open(loop)
        if self._shared.keeping is not None:
            self._shared.keeping.start()

    def start(self, tracker: Tracker) -> None:
        """The model is here: every stream starts, and those that come later start at once."""
        self._tracker = tracker
        for one in self:
            one.start(tracker, self._turns)

    @property
    def tracker(self) -> Tracker | None:
        """The model; None while it loads."""
        return self._tracker

    @property
    def turns(self) -> Turns:
        """Whoever uses the model asks for its turn."""
        return self._turns

    async def stop(self) -> None:
        """End every stream; viewers are sent away last."""
        ending = tuple(self)
        # A thread for each: of a dozen cameras that all hang, none waits for another's time to pass.
        with ThreadPoolExecutor(max(1, len(ending)), "stop") as threads:
            loop = asyncio.get_running_loop()
            ended = await asyncio.gather(
                *(loop.run_in_executor(threads, one.end, STOP_TIMEOUT_S) for one in ending)
            )
        kept = await asyncio.to_thread(self._shared.keep_no_more, STOP_TIMEOUT_S)
        self.left_behind = self.left_behind or not all(ended) or not kept
        await asyncio.gather(*(one.dismiss() for one in ending))

    # -- while it runs -------------------------------------------------------------------------------

    def add(self, stream: RunningStream) -> None:
        """Let a stream begin.

        Raises:
            DuplicateStreamError: there is one of that name.
        """
        if stream.name in self._running:
            raise DuplicateStreamError(f"stream {stream.name!r} exists already, expected another name")
        self._running[stream.name] = stream
        self._begin(stream)
        stream.tell(EventKind.STREAM_ADDED, source=stream.pipeline.status().source)

    async def replace(self, stream: RunningStream) -> None:
        """Let a stream begin in the place of the one of its name, whose viewers are sent away."""
        former = self.get(stream.name)
        await self._end(former, "its settings changed")
        self._running[stream.name] = stream
        self._begin(stream)
        stream.tell(EventKind.STREAM_ADDED, source=stream.pipeline.status().source)

    async def remove(self, name: str) -> None:
        """End a stream; at once nobody finds it any more.

        Raises:
            UnknownStreamError: there is none of that name.
        """
        stream = self.get(name)
        del self._running[name]
        await self._end(stream, "it was removed")
        await asyncio.to_thread(stream.forget)
        self._forget(name)
        self._past = [*self._past, stream.pipeline.totals][-MAX_TOTALS:]

    def _forget(self, name: str) -> None:
        if name not in self._running:  # nobody added one of the same name meanwhile
            self._shared.forget(name)

    def _begin(self, stream: RunningStream) -> None:
        stream.take_up()
        if self._loop is not None:
            stream.open(self._loop)
        if self._tracker is not None:
            stream.start(self._tracker, self._turns)

    async def _end(self, stream: RunningStream, reason: str) -> None:
        # Told first: whoever watches learns why before the end comes.
        stream.tell(EventKind.STREAM_REMOVED, reason=reason)
        loop = asyncio.get_running_loop()
        if not await loop.run_in_executor(None, stream.end, STOP_TIMEOUT_S):
            logger.warning("stream %s: ends as soon as the call under way does", stream.name)
            loop.call_later(FORGET_AGAIN_S, self._forget, stream.name)  # what it may yet tell
        await stream.dismiss()
