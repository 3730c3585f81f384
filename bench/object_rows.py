"""What more objects cost: steps of sessions of 1 to 32 objects, compiled and not, before and after a change.

Each way to run lives in a process of its own (`object_worker.py`) and sleeps while another has its turn: one
step of each, for every number of objects, again and again. So a change of the machine hits all alike. A case
ends with its rounds or, where they take too long, with its time.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.report import progress, refuse, table

ROOT = Path(__file__).parents[1]
COUNTS = (1, 2, 4, 8, 16, 32)
CASES = "nano:256,sam2.1-tiny:512"
CASE_SECONDS = 270.0
"""Of steps, memories filled: both cases together stay under ten minutes."""
FEWEST_ROUNDS = 3


@dataclass(frozen=True)
class Way:
    """One way to run a model."""

    title: str
    compile: str
    """`model.compile`."""
    checkout: Path
    """Whose `streamtrack` it is."""


class Contender:
    """One way's process."""

    def __init__(self, way: Way) -> None:
        self.way = way
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(ROOT / "bench" / "object_worker.py")],
            cwd=way.checkout,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            # passive: a process whose turn is over must not spin on a core
            env={
                **os.environ,
                "PYTHONPATH": str(way.checkout),
                "OMP_WAIT_POLICY": "PASSIVE",
                "PYTHONWARNINGS": "ignore",
            },
        )

    def ask(self, what: str, **arguments: Any) -> dict[str, Any]:
        """The answer to one command."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps({"do": what, **arguments}), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        if not line:
            refuse(f"{self.way.title}: ended during '{what}', see above")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def stop(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()


def parse_case(text: str) -> tuple[str, int]:
    """A model and its size in pixels, of `nano:256`.

    Raises:
        ValueError: something else.
    """
    name, _, size = text.partition(":")
    if not name or not size.isdigit():
        raise ValueError(f"case {text!r}, expected MODEL:PIXELS, such as nano:256")
    return name, int(size)


def ways(former: Path | None) -> list[Way]:
    """Compiled and not; with another checkout each of it, too."""
    found = [Way("compiled", "on", ROOT), Way("not compiled", "off", ROOT)]
    if former is not None:
        found += [Way(f"{way.title}, before", way.compile, former) for way in found]
    return found


def measure_case(
    case: tuple[str, int],
    former: Path | None,
    *,
    counts: tuple[int, ...],
    rounds: int,
    device: str,
    threads: int,
    case_seconds: float = CASE_SECONDS,
) -> dict[str, Any]:
    """Seconds of each step, by way and number of objects; no new round after `case_seconds` of steps, once
    there were a few."""
    name, size = case
    contenders = [Contender(way) for way in ways(former)]
    try:
        seconds: dict[str, dict[int, list[float]]] = {}
        filled_with_one = False
        for one in contenders:
            model = {"image_size": size, "compile": one.way.compile}
            ready = one.ask(
                "start", model=model, name=name, device=device, threads=threads, counts=counts, frames=rounds
            )
            if one.way.compile == "on" and not ready["compiled"]:
                progress(f"{name} at {size} px, {one.way.title}: did not compile, takes no part")
                continue
            seconds[one.way.title] = {count: [] for count in counts}
            filled_with_one = ready["filled_with_one"]
        playing = [one for one in contenders if one.way.title in seconds]
        started = time.monotonic()
        for done in range(rounds):
            if done >= FEWEST_ROUNDS and time.monotonic() - started > case_seconds:
                break
            for count in counts:
                for one in playing:
                    seconds[one.way.title][count].append(one.ask("step", count=count)["seconds"])
        for title, rows in seconds.items():
            shown = ", ".join(f"{count}: {1000 * np.median(row):.0f} ms" for count, row in rows.items())
            progress(f"{name} at {size} px, {title}: {shown}")
    finally:
        for one in contenders:
            one.stop()
    return {
        "model": name,
        "image_size": size,
        "filled_with_one": filled_with_one,
        "ways": {title: {str(count): row for count, row in rows.items()} for title, rows in seconds.items()},
    }


def render_case(case: dict[str, Any]) -> str:
    """A row for each number of objects."""
    names = list(case["ways"])
    counts = list(next(iter(case["ways"].values()), {}))
    lines = []
    for count in counts:
        cells: list[object] = [count]
        for name in names:
            median, one = (float(np.median(case["ways"][name][key])) for key in (count, counts[0]))
            cells += [f"{1000 * median:.0f} ms", f"{median / one:.2f}"]
        lines.append(cells)
    header = ["objects followed"]
    for name in names:
        header += [f"{name}: a step, median", f"over {counts[0]} object"]
    steps = len(next(iter(next(iter(case["ways"].values()), {}).values()), ()))
    how = f"in turns, {steps} x each"
    if case.get("filled_with_one"):
        how += ", all memories filled with what was found of one object"
    return f"{case['model']} at {case['image_size']} px, {how}:\n\n{table(header, lines)}"
