"""How old masks are when they are published, in steps of their own stream.

Only frames with objects count: what shows nothing costs nothing. A stream's *turn-round* of a frame runs from
the moment at which the stream could have taken the frame up (it was captured, and the frame before was
finished) to the end of its step: waiting for a turn at the shared model is part of it. A frame's age is
publish less capture. It is told

- in `steps`: over the median turn-round of the stream's newest WINDOW frames with as many objects. On a busy
  machine single steps take a multiple of that, and so do frames;
- in `own steps`: over the longer of the turn-rounds that it lived through, its own and the one before it.
  This is what the hand-overs add, whatever a step takes: a queue of n frames would make it n + 1;
- as `overtaken`: where a step of the same stream began after its capture and before its own, which is a
  queue, however busy the machine was.
"""

from __future__ import annotations

import statistics
import threading
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from streamtrack.client import MaskSubscriber
from streamtrack.publish.message import MaskMessage

LIMIT_STEPS = 2.5
WINDOW = 33
SETTLED = 5
"""Frames of a stream before its median says anything."""
GRACE_NS = 50_000_000
"""Between the moment at which a frame is taken up and that at which its step says that it began."""
NS_PER_S = 1e9


@dataclass
class StreamAges:
    """What is known of one stream's run."""

    newest_frame_idx: int = -1
    begun_ns: int = 0
    ended_ns: int = 0
    turn_round_ns: int = 0
    by_objects: defaultdict[int, deque[int]] = field(
        default_factory=lambda: defaultdict(lambda: deque(maxlen=WINDOW))
    )
    """Turn-rounds in nanoseconds, by number of objects."""


@dataclass(frozen=True)
class Aged:
    """One frame's age."""

    age_s: float
    turn_round_s: float
    steps: float | None
    """None: too few frames before it."""
    own_steps: float
    overtaken: bool


class Ages:
    """Ages of the masks of many streams; revisions of a frame that was published before do not count."""

    def __init__(self) -> None:
        self._streams: dict[str, StreamAges] = {}
        self.revisions = self.empty = 0

    def note(self, message: MaskMessage) -> Aged | None:
        """One message in the order of publishing; None where it has no age, or shows nothing."""
        stream = self._streams.setdefault(message.stream, StreamAges())
        if message.frame_idx == 0 and stream.newest_frame_idx > 0:
            stream = self._streams[message.stream] = StreamAges()  # it was removed, and added again
        if message.frame_idx <= stream.newest_frame_idx:
            self.revisions += 1
            return None
        captured_ns, ended_ns = message.capture_monotonic_ns, message.track_end_monotonic_ns
        turn_round_ns = ended_ns - max(captured_ns, stream.ended_ns)
        age_ns = message.publish_monotonic_ns - captured_ns
        alike = stream.by_objects[len(message.objects)]
        alike.append(turn_round_ns)
        steps = age_ns / statistics.median(alike) if len(alike) >= SETTLED else None
        waited = captured_ns < stream.ended_ns
        own_steps = age_ns / max(turn_round_ns, stream.turn_round_ns if waited else 0)
        # The step before this one began after this frame was there: it should have taken this one.
        overtaken = captured_ns + GRACE_NS < stream.begun_ns
        stream.begun_ns = message.track_start_monotonic_ns
        stream.newest_frame_idx, stream.ended_ns = message.frame_idx, ended_ns
        stream.turn_round_ns = turn_round_ns
        if not message.objects:
            self.empty += 1
            return None
        return Aged(age_ns / NS_PER_S, turn_round_ns / NS_PER_S, steps, own_steps, overtaken)


class AgeWatch:
    """A subscriber to every stream's masks, in a thread of its own."""

    def __init__(self, address: str, on_aged: Callable[[str, Aged], None]) -> None:
        self._subscriber = MaskSubscriber(address)
        self._ages = Ages()
        self._on_aged = on_aged
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ages", daemon=True)
        self._thread.start()

    @property
    def revisions(self) -> int:
        """Messages that told a frame again."""
        return self._ages.revisions

    @property
    def empty(self) -> int:
        """Frames without objects."""
        return self._ages.empty

    @property
    def missed(self) -> int:
        """Messages that never came."""
        return self._subscriber.missed

    def close(self) -> None:
        """End."""
        self._over.set()
        self._thread.join(5)
        self._subscriber.close()

    def _run(self) -> None:
        while not self._over.is_set():
            message = self._subscriber.receive(200)
            aged = None if message is None else self._ages.note(message)
            if message is not None and aged is not None:
                self._on_aged(message.stream, aged)
