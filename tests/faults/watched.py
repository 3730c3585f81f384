"""A stream as the product runs it, without a model: its source, what is told of it, and when each frame came.

And the neighbour: a healthy camera with a stream of its own, which no fault may disturb.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from streamtrack.clock import SYSTEM_CLOCK, Clock
from streamtrack.config import ReconnectConfig, SourceConfig
from streamtrack.frame import Event, EventKind, Frame
from streamtrack.ingest import SourceState
from streamtrack.mailbox import MailboxClosed
from streamtrack.pipeline.source import StreamSource
from streamtrack.pipeline.source_watch import SourceWatch
from streamtrack.telemetry import Telemetry
from tests.support.camera import Camera
from tests.support.waiting import SOON_S, wait_until

TIMEOUT_MS = 500
QUICK = {
    "open_timeout_ms": TIMEOUT_MS,
    "read_timeout_ms": TIMEOUT_MS,
    "reconnect": ReconnectConfig(first_delay_ms=50, max_delay_ms=200),
}
"""Short limits, so that no test waits for the defaults."""
POLL_S = 0.05
"""How often the watch asks for news, as the supervisor of a stream does."""
NEIGHBOUR_FPS = 10.0
MIN_SHARE = 0.8
"""Of the pictures that a healthy camera sends, those that must arrive while the fault goes on beside it."""


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A frame and when it was taken."""

    frame: Frame
    at_s: float
    """`time.monotonic`."""


@dataclass
class WatchedStream:
    """One source with the threads that a stream has: one takes the newest frame, one asks for news."""

    config: SourceConfig
    telemetry: Telemetry = field(default_factory=Telemetry)
    name: str = "cam"
    clock: Clock = SYSTEM_CLOCK
    keep: Callable[[Frame], None] | None = None
    """Called with each frame in the thread that takes it: the consumer, as slow as it likes."""

    def __post_init__(self) -> None:
        self.source = StreamSource(self.config, self.telemetry.stream(self.name), self.clock)
        self._watch = SourceWatch(self.source, self.clock)
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=target, name=f"{self.name}-{target.__name__}", daemon=True)
            for target in (self._take, self._ask)
        ]
        self.seen: list[Seen] = []
        """Every frame that was taken, without its picture where there are many."""
        self.events: list[tuple[float, Event]] = []
        """What was told, and when."""

    def __enter__(self) -> Self:
        self.source.start()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._over.set()
        self.source.stop(0.5)
        for thread in self._threads:
            thread.join(SOON_S)

    def _take(self) -> None:
        while not self._over.is_set():
            try:
                frame = self.source.frames.get(POLL_S)
            except MailboxClosed:
                return
            if frame is None:
                continue
            if self.keep is not None:
                self.keep(frame)
            self.seen.append(Seen(frame, time.monotonic()))
            if len(self.seen) > 2000:
                del self.seen[:1000]

    def _ask(self) -> None:
        while not self._over.wait(POLL_S):
            self.events += [(time.monotonic(), event) for event in self._watch.news(len(self.seen))]

    # -- what a test asks --------------------------------------------------------------------------

    @property
    def state(self) -> SourceState:
        return self.source.state

    def told(self, kind: EventKind, since_s: float = 0.0) -> list[tuple[float, Event]]:
        """The events of a kind since a moment."""
        return [(at_s, event) for at_s, event in tuple(self.events) if event.kind is kind and at_s >= since_s]

    def wait_told(self, kind: EventKind, since_s: float, patience_s: float = SOON_S) -> float:
        """Seconds from the moment until an event of the kind was told."""
        wait_until(lambda: bool(self.told(kind, since_s)), f"{kind} of {self.name}", patience_s)
        return self.told(kind, since_s)[0][0] - since_s

    def wait_frame(
        self, since_s: float, patience_s: float = SOON_S, *, wanted: Callable[[Frame], bool] = lambda _: True
    ) -> float:
        """Seconds from the moment until a wanted frame was taken."""

        def first() -> Seen | None:
            return next((s for s in tuple(self.seen) if s.at_s >= since_s and wanted(s.frame)), None)

        wait_until(
            lambda: first() is not None, f"a frame of {self.name} ({self.source.last_error})", patience_s
        )
        found = first()
        assert found is not None
        return found.at_s - since_s

    def metric(self, name: str, **labels: str) -> float:
        """A counter or gauge of the stream; 0 where it never moved."""
        return self.telemetry.registry.get_sample_value(name, {"stream": self.name, **labels}) or 0.0

    @property
    def frames_in(self) -> float:
        """Frames that were decoded."""
        return self.metric("streamtrack_frames_in_total")

    @property
    def is_in_order(self) -> bool:
        """Whether frames came as they were taken, with times that rise."""
        frames = [seen.frame for seen in tuple(self.seen)]
        return all(
            a.seq < b.seq and (b.gap_before or a.pts is None or b.pts is None or a.pts < b.pts)
            for a, b in itertools.pairwise(frames)
        )

    @property
    def num_damaged(self) -> float:
        """Pictures that were left out because they may be smeared."""
        return self.dropped("corrupt") + self.dropped("after_damage")

    def dropped(self, reason: str) -> float:
        """Frames dropped for a reason."""
        return self.metric("streamtrack_frames_dropped_total", reason=reason)


@dataclass
class Neighbour:
    """A healthy camera and its stream, watched from the moment that it delivers."""

    stream: WatchedStream
    camera: Camera

    def __post_init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Count from now."""
        self._since_s = time.monotonic()
        self._sent, self._taken = self.camera.num_sent, self.stream.frames_in

    @property
    def share(self) -> float:
        """Of the pictures that the camera sent since `begin`, those that arrived."""
        sent = self.camera.num_sent - self._sent
        arrived = self.stream.frames_in - self._taken
        return 1.0 if sent < 2 else min(1.0, (arrived + 1) / sent)  # one is on its way

    @property
    def is_undisturbed(self) -> bool:
        """Whether it kept its rate, was never called away, and is online."""
        lost = self.stream.told(EventKind.SOURCE_LOST)
        return self.share >= MIN_SHARE and not lost and self.stream.state is SourceState.ONLINE

    def __str__(self) -> str:
        seconds = time.monotonic() - self._since_s
        arrived = self.stream.frames_in - self._taken
        return f"beside it {arrived / seconds:.1f} of {self.camera.fps:g} fps"


@contextlib.contextmanager
def neighbour() -> Iterator[Neighbour]:
    """A healthy stream with limits of its own, from its first frame on."""
    camera = Camera(NEIGHBOUR_FPS)
    try:
        with WatchedStream(SourceConfig(url=camera.url), name="neighbour") as stream:
            stream.wait_frame(0.0)
            yield Neighbour(stream, camera)
    finally:
        camera.unplug()
