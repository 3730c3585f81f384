"""One stream over the last second, and over the whole run: values and the lines that show them."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field

from streamtrack.telemetry import CAPTURE_TO_PUBLISH, StreamReport, percentile

RUN_WINDOW = 16_384
"""Seconds whose latency is kept for the summary: four and a half hours; of a longer run the newest count."""


@dataclass(frozen=True, slots=True)
class PipelineReport:
    """One stream since the last report."""

    counts: StreamReport
    state: str
    detail: str
    """Why it is offline, stalled or failed; empty otherwise."""
    num_objects: int

    @property
    def mean_iou(self) -> float | None:
        """Of the scene's own objects; None where the truth is not known."""
        return self.counts.iou_sum / self.counts.iou_frames if self.counts.iou_frames else None

    @property
    def latency_ms(self) -> tuple[float, float]:
        """Capture to publish, p50 and p95; 0 where nothing was tracked."""
        return self.counts.latency_ms.get(CAPTURE_TO_PUBLISH, (0.0, 0.0))

    def line(self) -> str:
        """What the console shows each second."""
        p50, p95 = self.latency_ms
        parts = [f"{self.counts.stream}: {self.counts.fps:5.1f} fps"]
        if self.counts.frames_tracked:
            parts.append(f"capture-to-publish p50 {p50:.0f} ms p95 {p95:.0f} ms")
        else:
            parts.append(self.state + (f" ({self.detail})" if self.detail else ""))
        parts.append(f"dropped {describe_drops(self.counts.dropped)}")
        parts.append(f"objects {self.num_objects}")
        if self.mean_iou is not None:
            parts.append(f"mean IoU {self.mean_iou:.3f}")
        return ", ".join(parts)


@dataclass(slots=True)
class RunTotals:
    """One stream since it was started."""

    stream: str
    seconds: float = 0.0
    frames_tracked: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    iou_sum: float = 0.0
    iou_frames: int = 0
    _latency_ms: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=RUN_WINDOW))

    def add(self, report: PipelineReport) -> None:
        """Count one report in."""
        self.seconds += report.counts.seconds
        self.frames_tracked += report.counts.frames_tracked
        self.dropped.update(report.counts.dropped)
        self.iou_sum += report.counts.iou_sum
        self.iou_frames += report.counts.iou_frames
        if report.counts.frames_tracked:
            self._latency_ms.append(report.latency_ms)

    def line(self) -> str:
        """The summary of a run."""
        fps = self.frames_tracked / self.seconds if self.seconds else 0.0
        parts = [f"{self.stream}: {self.frames_tracked} frames in {self.seconds:.1f} s ({fps:.1f} fps)"]
        if self._latency_ms:
            # The median second stands for the run: of each second only its percentiles are kept.
            p50 = percentile([p50 for p50, _ in self._latency_ms], 0.5)
            p95 = percentile([p95 for _, p95 in self._latency_ms], 0.5)
            parts.append(f"capture-to-publish p50 {p50:.0f} ms p95 {p95:.0f} ms (median second)")
        parts.append(f"dropped {describe_drops(self.dropped)}")
        if self.iou_frames:
            parts.append(f"mean IoU {self.iou_sum / self.iou_frames:.3f}")
        return ", ".join(parts)


def describe_drops(dropped: dict[str, int]) -> str:
    """Counts by reason, the largest first."""
    ordered = sorted(dropped.items(), key=lambda item: (-item[1], item[0]))
    return " ".join(f"{reason} {count}" for reason, count in ordered if count) or "0"
