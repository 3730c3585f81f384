"""Counters and latencies of each stream, for Prometheus and for the one-second report.

One `Telemetry` a process, one `StreamTelemetry` a stream. Threads write, the report reads: counters are
Prometheus's own (thread-safe), the report's window is behind a lock.
"""

from __future__ import annotations

import os
import threading
from collections import Counter as Tally
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

from streamtrack.clock import NS_PER_S, SYSTEM_CLOCK, Clock

LATENCY_BUCKETS_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.035, 0.05, 0.075, 0.1, 0.15, 0.2, 0.35, 0.5, 1, 2, 5)
CAPTURE_TO_PUBLISH = "capture_to_publish"
"""The stage from the decoder to the socket."""
RATE_WINDOW = 64
"""Tracked frames whose moments are kept to tell the rate at this moment."""
RATE_WINDOW_NS, RATE_FRAMES = 2 * NS_PER_S, 3
"""The rate is that of the last two seconds, or of the last frames where they are farther apart."""
REPORT_WINDOW = 4096
"""Latency samples kept for one report; a stream of 240 fps fits a report every 17 s."""


@dataclass(frozen=True, slots=True)
class StreamReport:
    """One stream since the last report."""

    stream: str
    seconds: float
    """Length of the window."""
    frames_in: int
    frames_tracked: int
    dropped: dict[str, int] = field(default_factory=dict)
    """Frames dropped, by reason."""
    latency_ms: dict[str, tuple[float, float]] = field(default_factory=dict)
    """By stage, p50 and p95 in milliseconds."""
    iou_sum: float = 0.0
    """Of the scored frames' mean IoUs, where the source knows the truth."""
    iou_frames: int = 0

    @property
    def fps(self) -> float:
        """Frames tracked a second."""
        return self.frames_tracked / self.seconds if self.seconds > 0 else 0.0


def percentile(samples: list[float], share: float) -> float:
    """The nearest-rank percentile of unsorted samples; 0.0 for none."""
    if not samples:
        return 0.0
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def count_threads() -> int:
    """Threads of this process, those of libraries included where the system tells them."""
    try:
        return len(os.listdir("/proc/self/task"))
    except OSError:
        return threading.active_count()


class Telemetry:
    """Every metric of the process, in a registry of its own (two servers in one process do not clash)."""

    def __init__(self, clock: Clock = SYSTEM_CLOCK) -> None:
        self.registry = CollectorRegistry()
        self.clock = clock
        self._lock = threading.Lock()
        self._streams: dict[str, StreamTelemetry] = {}
        r = self.registry
        self.frames_in = Counter("streamtrack_frames_in", "Frames decoded", ["stream"], registry=r)
        self.frames_tracked = Counter("streamtrack_frames_tracked", "Frames tracked", ["stream"], registry=r)
        self.frames_dropped = Counter(
            "streamtrack_frames_dropped", "Frames dropped, by reason", ["stream", "reason"], registry=r
        )
        self.reconnects = Counter(
            "streamtrack_reconnects", "Times the source came back", ["stream"], registry=r
        )
        self.fallbacks = Counter(
            "streamtrack_fallbacks", "Times a slower or poorer way was taken", ["stream", "what"], registry=r
        )
        self.autoprompts = Counter(
            "streamtrack_autoprompt", "What the detector led to", ["stream", "outcome"], registry=r
        )
        self.stage_seconds = Histogram(
            "streamtrack_stage_seconds",
            "Time spent, by stage; capture_to_publish runs from the decoder to the socket",
            ["stream", "stage"],
            buckets=LATENCY_BUCKETS_S,
            registry=r,
        )
        self.viewers = Gauge(
            "streamtrack_viewers", "WebRTC and MJPEG viewers", ["stream", "kind"], registry=r
        )
        self.pushed_bytes = Counter("streamtrack_push_bytes", "Bytes sent on", ["stream", "push"], registry=r)
        self.pushing = Gauge("streamtrack_push_up", "1 while it streams", ["stream", "push"], registry=r)
        self.objects = Gauge("streamtrack_objects", "Objects followed", ["stream"], registry=r)
        self.tracker_bytes = Gauge(
            "streamtrack_tracker_bytes", "Bytes of the session's own tensors", ["stream"], registry=r
        )
        self.requests_refused = Counter(
            "streamtrack_requests_refused", "HTTP and ZeroMQ, refused at the entrance", ["kind"], registry=r
        )
        self.alerts = Counter(
            "streamtrack_alerts", "What became of events for alerts", ["receiver", "outcome"], registry=r
        )
        self.events = Counter("streamtrack_events", "What happened, by kind", ["stream", "kind"], registry=r)
        self.failures = Counter(
            "streamtrack_stream_failures", "Times a step failed or stalled", ["stream", "what"], registry=r
        )
        self.restarts = Counter(
            "streamtrack_stream_restarts", "Times a stream tracked again after that", ["stream"], registry=r
        )
        self.up = Gauge(
            "streamtrack_stream_up", "1 while the stream neither failed nor stalls", ["stream"], registry=r
        )
        self.online = Gauge(
            "streamtrack_source_online", "1 while the source delivers frames", ["stream"], registry=r
        )
        ProcessCollector(registry=r)  # memory, CPU time and open descriptors, where the system tells them
        Gauge("process_threads", "Threads of the process", registry=r).set_function(count_threads)

    def refused(self, kind: str) -> None:
        """A request was refused before it was looked at: unauthorized, forbidden, curve (of ZeroMQ), ..."""
        self.requests_refused.labels(kind).inc()

    def alerted(self, receiver: str, outcome: str, number: int = 1) -> None:
        """Something became of events for a receiver: sent, retried, snoozed, dropped_full, ..."""
        self.alerts.labels(receiver, outcome).inc(number)

    def stream(self, name: str) -> StreamTelemetry:
        """The writer of one stream; the same at each call, so that every stage counts into one report."""
        with self._lock:
            if name not in self._streams:
                self._streams[name] = StreamTelemetry(name, self)
            return self._streams[name]

    def forget(self, name: str) -> None:
        """A stream is no more: its series end."""
        with self._lock:
            gone = self._streams.pop(name, None)
        if gone is not None:
            gone.forget()

    def expose(self) -> bytes:
        """The Prometheus text format."""
        return generate_latest(self.registry)


class _Nothing:
    """A series that nobody sees."""

    def inc(self, amount: float = 1) -> None:
        """Nothing."""

    set = observe = inc


class StreamTelemetry:
    """What one stream counts. Every method may be called from any thread."""

    def __init__(self, name: str, telemetry: Telemetry) -> None:
        self.name = name
        self._telemetry = telemetry
        self._clock = telemetry.clock
        self._lock = threading.Lock()
        self._window_start_ns = self._clock.monotonic_ns()
        self._frames_in = 0
        self._frames_tracked = 0
        self._dropped: Tally[str] = Tally()
        self._latencies_ms: dict[str, deque[float]] = {}
        self._tracked_ns: deque[int] = deque(maxlen=RATE_WINDOW)
        self._iou_sum, self._iou_frames = 0.0, 0
        self._series: dict[tuple[str, ...], Any] = {}
        """The stream's own series of each metric, by the metric's name and its other labels."""
        self._removals: list[Callable[[], None]] = []
        self._is_forgotten = False

    def forget(self) -> None:
        """Take the stream's series out of what is exposed; what is counted from now on, nobody sees."""
        with self._lock:
            removals, self._removals, self._is_forgotten = self._removals, [], True
        for remove in removals:
            remove()

    def _of(self, metric: Any, *labels: str) -> Any:
        """The stream's series of a metric."""
        key = (str(metric), *labels)
        with self._lock:
            found = self._series.get(key)
            if found is None and self._is_forgotten:
                return _Nothing()
            if found is None:
                found = self._series[key] = metric.labels(self.name, *labels)
                self._removals.append(partial(metric.remove, self.name, *labels))
        return found

    def frame_in(self) -> None:
        """A frame was decoded."""
        self._of(self._telemetry.frames_in).inc()
        with self._lock:
            self._frames_in += 1

    def frame_tracked(self) -> None:
        """A frame went through `step`."""
        self._of(self._telemetry.frames_tracked).inc()
        with self._lock:
            self._frames_tracked += 1
            self._tracked_ns.append(self._clock.monotonic_ns())

    def scored(self, mean_iou: float) -> None:
        """A frame's objects fit the truth so well."""
        with self._lock:
            self._iou_sum += mean_iou
            self._iou_frames += 1

    def fps(self) -> float:
        """Frames tracked a second at this moment; right from the second frame after `restart_rate` on."""
        now_ns = self._clock.monotonic_ns()
        with self._lock:
            stamps = list(self._tracked_ns)
        recent = sum(stamp > now_ns - RATE_WINDOW_NS for stamp in stamps)
        stamps = stamps[-max(RATE_FRAMES, recent) :]
        if len(stamps) < 2:
            return 0.0
        usual_ns = (stamps[-1] - stamps[0]) / (len(stamps) - 1)
        # A frame that is late makes the rate fall before it comes.
        late_ns = max(0.0, now_ns - stamps[-1] - usual_ns)
        span_ns = stamps[-1] - stamps[0] + late_ns
        return (len(stamps) - 1) * NS_PER_S / span_ns if span_ns else 0.0

    def restart_rate(self) -> None:
        """Time passed in which nothing was to be tracked: `fps` counts from here."""
        with self._lock:
            self._tracked_ns.clear()

    def failed(self, what: str) -> None:
        """The stream stopped tracking: its step `failed` or `stalled`."""
        self._of(self._telemetry.failures, what).inc()
        self._of(self._telemetry.up).set(0)

    def restarted(self) -> None:
        """The stream tracks again."""
        self._of(self._telemetry.restarts).inc()
        self._of(self._telemetry.up).set(1)

    def set_up(self) -> None:
        """The stream has begun."""
        self._of(self._telemetry.up).set(1)

    def dropped(self, reason: str, count: int = 1) -> None:
        """Frames or packets were dropped: superseded, late, corrupt, slow_subscriber, slow_viewer."""
        self._of(self._telemetry.frames_dropped, reason).inc(count)
        with self._lock:
            self._dropped[reason] += count

    def reconnected(self) -> None:
        """The source came back."""
        self._of(self._telemetry.reconnects).inc()

    def happened(self, kind: str) -> None:
        """An event was told."""
        self._of(self._telemetry.events, kind).inc()

    def fell_back(self, what: str) -> None:
        """A slower or poorer way was taken."""
        self._of(self._telemetry.fallbacks, what).inc()

    def autoprompted(self, outcome: str, count: int = 1) -> None:
        """The detector led to this: started, held_at_cap, expired, removed_lost, removed_unconfirmed, ..."""
        if count:
            self._of(self._telemetry.autoprompts, outcome).inc(count)

    def observe(self, stage: str, duration_ns: int) -> None:
        """A stage took this long."""
        self._of(self._telemetry.stage_seconds, stage).observe(duration_ns / NS_PER_S)
        with self._lock:
            window = self._latencies_ms.setdefault(stage, deque(maxlen=REPORT_WINDOW))
            window.append(duration_ns / 1e6)

    def set_viewers(self, kind: str, count: int) -> None:
        """Viewers of a kind (webrtc, mjpeg) at this moment."""
        self._of(self._telemetry.viewers, kind).set(count)

    def pushed(self, push: str, num_bytes: int) -> None:
        """A picture was sent on to a server."""
        self._of(self._telemetry.pushed_bytes, push).inc(num_bytes)

    def set_pushing(self, push: str, streams: bool) -> None:
        """Whether a server takes the stream at this moment."""
        self._of(self._telemetry.pushing, push).set(int(streams))

    def set_objects(self, count: int) -> None:
        """Objects followed at this moment."""
        self._of(self._telemetry.objects).set(count)

    def set_tracker_bytes(self, count: int) -> None:
        """Bytes of the session's own tensors."""
        self._of(self._telemetry.tracker_bytes).set(count)

    def set_online(self, online: bool) -> None:
        """Whether the source delivers frames."""
        self._of(self._telemetry.online).set(int(online))

    def report(self) -> StreamReport:
        """Everything since the last report; starts a new window."""
        now_ns = self._clock.monotonic_ns()
        with self._lock:
            latency_ms = {
                stage: (percentile(list(window), 0.50), percentile(list(window), 0.95))
                for stage, window in self._latencies_ms.items()
                if window
            }
            report = StreamReport(
                stream=self.name,
                seconds=(now_ns - self._window_start_ns) / NS_PER_S,
                frames_in=self._frames_in,
                frames_tracked=self._frames_tracked,
                dropped=dict(self._dropped),
                latency_ms=latency_ms,
                iou_sum=self._iou_sum,
                iou_frames=self._iou_frames,
            )
            self._iou_sum, self._iou_frames = 0.0, 0
            self._window_start_ns = now_ns
            self._frames_in = self._frames_tracked = 0
            self._dropped.clear()
            self._latencies_ms.clear()
        return report
