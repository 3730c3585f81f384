"""What a soak has seen: samples of the server, ages of frames, outcomes, faults; and fits, table and plot."""

from __future__ import annotations

import re
import statistics
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bench.environment import describe_measurement
from bench.report import table
from bench.soak_ages import LIMIT_STEPS, Aged

KEPT_OLD = 60
"""Frames that were too old, told one by one."""
BLOCKS = 12
"""Parts of a run whose means are fitted: samples beside each other are not independent."""
AFTER_FAULT_S = 3.0
"""For so long after a step was made to hang, frames of every stream may be late by it."""
MINUTE_S = 60.0
MOST_ROWS = 240
"""Of samples in the result; of a longer run, neighbours are written as their mean."""


@dataclass
class Minute:
    """The frames of one minute."""

    steps: list[float] = field(default_factory=list)
    own_steps: list[float] = field(default_factory=list)
    ages_s: list[float] = field(default_factory=list)


class Record:
    """Everything that is noted under way; threads may note."""

    def __init__(self) -> None:
        self.begun_s = time.monotonic()
        self.samples: list[dict[str, float]] = []
        self.outcomes: Counter[str] = Counter()
        """By `what: how it ended`."""
        self.errors: Counter[str] = Counter()
        """Answers of 5xx that are no told overload, and requests without an answer."""
        self.log: Counter[str] = Counter()
        """Lines of the server's log, by level; tracebacks."""
        self.faults: list[tuple[float, float, str]] = []
        """From, to, what; seconds since the start."""
        self.old: list[dict[str, Any]] = []
        self.counts: Counter[str] = Counter()
        self._minutes: dict[int, Minute] = {}
        self._log_at = 0

    @property
    def now_s(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.begun_s

    def aged(self, stream: str, aged: Aged) -> None:
        """A frame was published."""
        now_s = self.now_s
        minute = self._minutes.setdefault(int(now_s // MINUTE_S), Minute())
        minute.ages_s.append(aged.age_s)
        minute.own_steps.append(aged.own_steps)
        self.counts["frames"] += 1
        self.counts["overtaken"] += aged.overtaken
        if aged.steps is None:
            self.counts["unsettled"] += 1
        else:
            minute.steps.append(aged.steps)
        old_by_own = aged.own_steps > LIMIT_STEPS
        old = aged.steps is not None and aged.steps > LIMIT_STEPS
        if not (old or old_by_own or aged.overtaken):
            return
        during = self._faults_at(now_s, aged.age_s)
        spoilt = "_in_step_fault" if any("step" in name for name in during) else ""
        self.counts[f"old{spoilt}"] += old
        self.counts["old_by_own"] += old_by_own
        if len(self.old) < KEPT_OLD:
            known = {"at_s": round(now_s, 2), "stream": stream, "during": during}
            self.old.append({**known, **{key: getattr(aged, key) for key in Aged.__dataclass_fields__}})

    def read_log(self, path: Path) -> None:
        """Count what the server logged since the last call."""
        with path.open("rb") as log:
            log.seek(self._log_at)
            text = log.read()
            self._log_at = log.tell()
        for line in text.decode(errors="replace").splitlines():
            if line.startswith("Traceback"):
                self.log["tracebacks"] += 1
            elif level := re.search(r" (WARNING|ERROR|CRITICAL)\b", line):
                self.log[level[1].lower()] += 1

    def _faults_at(self, now_s: float, age_s: float) -> list[str]:
        return [
            name
            for begun_s, ended_s, name in tuple(self.faults)
            if begun_s <= now_s and ended_s + AFTER_FAULT_S >= now_s - age_s
        ]

    def result(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "seconds": round(self.now_s, 1),
            "samples": thinned(self.samples),
            "minutes": [_summed_up(number, minute) for number, minute in sorted(self._minutes.items())],
            "counts": dict(self.counts),
            "old": self.old,
            "outcomes": dict(sorted(self.outcomes.items())),
            "errors": dict(self.errors),
            "log": dict(self.log),
            "faults": [
                f"{begun_s:.0f} s to {ended_s:.0f} s: {what}" for begun_s, ended_s, what in self.faults
            ],
        }


def thinned(samples: Sequence[dict[str, float]], most: int = MOST_ROWS) -> list[dict[str, float]]:
    """At most so many rows, each the mean of as many samples beside each other."""
    together = -(-len(samples) // most) or 1
    groups = [samples[first : first + together] for first in range(0, len(samples), together)]
    return [
        {key: round(statistics.fmean(one[key] for one in group), 2) for key in group[0]} for group in groups
    ]


def _summed_up(number: int, minute: Minute) -> dict[str, float]:
    steps = minute.steps or [0.0]
    return {
        "minute": number,
        "frames": len(minute.ages_s),
        "age_s_p50": round(statistics.median(minute.ages_s), 4),
        "age_s_max": round(max(minute.ages_s), 4),
        "steps_p50": round(statistics.median(steps), 3),
        "steps_p99": round(float(np.percentile(steps, 99)), 3),
        "own_steps_max": round(max(minute.own_steps), 3),
    }


@dataclass(frozen=True)
class Slope:
    """A straight line through block means."""

    per_hour: float
    error: float
    """One standard error of it."""

    @property
    def is_flat(self) -> bool:
        """Whether it cannot be told from level."""
        return abs(self.per_hour) <= 2 * self.error


def slope_per_hour(times_s: Sequence[float], values: Sequence[float], blocks: int = BLOCKS) -> Slope:
    """Least squares through the means of blocks of samples; nan where there are fewer than three blocks."""
    number = min(blocks, len(values))
    if number < 3:
        return Slope(float("nan"), float("nan"))
    hours = np.array([part.mean() for part in np.array_split(np.asarray(times_s) / 3600, number)])
    means = np.array([part.mean() for part in np.array_split(np.asarray(values, float), number)])
    (slope, offset), spread = np.polyfit(hours, means, 1), np.square(hours - hours.mean()).sum()
    left = means - (slope * hours + offset)
    return Slope(float(slope), float(np.sqrt(np.square(left).sum() / (number - 2) / spread)))


def settled(result: dict[str, Any]) -> list[dict[str, float]]:
    """Samples after the warm-up."""
    kept = [one for one in result["samples"] if one["at_s"] >= result["warm_up_s"]]
    return kept or result["samples"]


def growth(result: dict[str, Any], key: str) -> Slope:
    """Of a sampled value, after the warm-up."""
    samples = settled(result)
    return slope_per_hour([one["at_s"] for one in samples], [one[key] for one in samples])


def thirds(result: dict[str, Any], key: str) -> tuple[float, float]:
    """Means of a sampled value over the first and the last third after the warm-up."""
    values = [one[key] for one in settled(result)]
    third = max(1, len(values) // 3)
    return statistics.fmean(values[:third]), statistics.fmean(values[-third:])


def render(result: dict[str, Any]) -> str:
    """What was flat, how old frames were, and what else happened."""
    counts, seconds = result["counts"], result["seconds"]
    samples = settled(result)
    busy, load = (
        statistics.fmean(one[key] for one in samples) if samples else 0.0 for key in ("server_cpu", "load")
    )
    ended = "has not ended yet" if result["exit_code"] is None else f"ended with code {result['exit_code']}"
    lines = [
        describe_measurement(result),
        f"{seconds / 60:.0f} minutes, seed {result['seed']}, after {result['warm_up_s'] / 60:.0f} minutes of "
        f"warm-up; the server took {100 * busy:.0f} % of a core, on a machine whose load was {load:.1f} with "
        f"all that ran on it, and {ended}.",
        table(
            ["", "first third", "last third", "slope an hour", "one standard error"],
            [_growth_row(result, *row) for row in GROWTHS],
        ),
        table(
            [
                *("frames published", f"older than {LIMIT_STEPS:g} own steps", "worst", "overtaken"),
                *(f"older than {LIMIT_STEPS:g} median steps", "the same while a step was made to fail"),
                "median age in median steps",
            ],
            [
                [
                    counts.get("frames", 0),
                    counts.get("old_by_own", 0),
                    f"{max((one['own_steps_max'] for one in result['minutes']), default=0):.2f}",
                    counts.get("overtaken", 0),
                    counts.get("old", 0),
                    counts.get("old_in_step_fault", 0),
                    f"{statistics.median([one['steps_p50'] for one in result['minutes']] or [0.0]):.2f}",
                ]
            ],
        ),
        table(["what came and went", "times"], _grouped(result["outcomes"]).items()),
        table(["errors", "times"], result["errors"].items()) if result["errors"] else "No errors.",
        table(["log of the server", "lines"], sorted(result["log"].items())),
    ]
    return "\n\n".join(lines)


GROWTHS = (
    ("resident memory, MiB", "rss_mib", ".0f"),
    ("threads", "threads", ".1f"),
    ("descriptors", "descriptors", ".1f"),
)


def _growth_row(result: dict[str, Any], title: str, key: str, digits: str) -> list[str]:
    first, last = thirds(result, key)
    slope = growth(result, key)
    return [title, f"{first:{digits}}", f"{last:{digits}}", f"{slope.per_hour:+.1f}", f"{slope.error:.1f}"]


def _grouped(outcomes: dict[str, int]) -> dict[str, str]:
    groups: dict[str, list[str]] = {}
    for name, times in outcomes.items():
        what, _, how = name.partition(": ")
        groups.setdefault(what, []).append(f"{how} {times}")
    return {what: ", ".join(told) for what, told in groups.items()}


AGES = {
    "median, in median steps": "steps_p50",
    "p99, in median steps": "steps_p99",
    "worst, in its own steps": "own_steps_max",
}
"""What is drawn of a minute's frames."""


def draw(result: dict[str, Any], path: Path) -> None:
    """Memory, threads and descriptors, ages, and who was there, over the minutes."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    samples, minutes = result["samples"], result["minutes"]
    at = [one["at_s"] / 60 for one in samples]
    figure, panels = plt.subplots(4, 1, figsize=(9, 10), sharex=True)

    def lines(panel: Any, title: str, **series: str) -> None:
        for name, key in series.items():
            panel.plot(at, [one[key] for one in samples], label=name.replace("_", " "), linewidth=1)
        panel.set_ylabel(title)
        panel.set_ylim(bottom=0)
        panel.grid(alpha=0.3)
        panel.legend(loc="lower right", fontsize=8, ncols=4)

    lines(panels[0], "MiB", resident_memory="rss_mib")
    lines(panels[1], "number", threads="threads", descriptors="descriptors")
    of_minutes = [one["minute"] + 0.5 for one in minutes]
    for name, key in AGES.items():
        panels[2].plot(of_minutes, [one[key] for one in minutes], label=name, linewidth=1)
    panels[2].axhline(LIMIT_STEPS, color="#57606a", linestyle=":", linewidth=1)
    panels[2].set_ylabel("age when published, in steps")
    panels[2].set_yscale("log")
    panels[2].grid(alpha=0.3)
    panels[2].legend(loc="upper right", fontsize=8, ncols=3)
    lines(panels[3], "number", objects="objects", streams="streams", viewers_and_readers="watchers")
    panels[3].set_xlabel("minutes")
    figure.tight_layout()
    figure.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(figure)
