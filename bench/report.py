"""From samples to files: raw JSON, and the table that is generated from it."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from bench.environment import describe_machine

RESULTS = Path(__file__).parent / "results"
"""What is committed: the runs that the README and docs/bench.md show."""
EXIT_REFUSED = 2

Render = Callable[[dict[str, Any]], str]


class OneLineParser(argparse.ArgumentParser):
    """Refuses in one clear line, as the product does."""

    def error(self, message: str) -> NoReturn:
        """What does not fit."""
        refuse(message)


def make_parser(module_doc: str | None) -> argparse.ArgumentParser:
    """A bench's command line, with the options that all of them share."""
    parser = OneLineParser(description=module_doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="seconds, not minutes: shows that it works")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for JSON, table and plots")
    parser.add_argument(
        "--threads", type=whole(1), default=os.cpu_count() or 1, help="CPU threads of one step"
    )
    return parser


def some_of(*names: str) -> Callable[[str], str]:
    """The type of an option that takes some of these, with commas between them."""

    def check(text: str) -> str:
        for name in text.split(","):
            if name not in names:
                raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(names)}")
        return text

    return check


def whole(least: int) -> Callable[[str], int]:
    """The type of an option that takes a whole number from a bound on."""

    def check(text: str) -> int:
        if not text.lstrip("+-").isascii() or not text.lstrip("+-").isdigit() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text!r}, expected a whole number from {least} on")
        return int(text)

    return check


def refuse(message: str) -> NoReturn:
    """End with one clear line."""
    print(f"streamtrack: error: {' '.join(message.split())}", file=sys.stderr)
    raise SystemExit(EXIT_REFUSED)


def write_result(name: str, result: dict[str, Any], render: Render, out: Path = RESULTS) -> dict[str, Any]:
    """Write <out>/<name>.json and <name>.md made from it, print the table, return what the JSON holds."""
    full = save_result(name, result, render, out)
    print(render(full))
    return full


def save_result(name: str, result: dict[str, Any], render: Render, out: Path = RESULTS) -> dict[str, Any]:
    """As `write_result`, without a word: for what there is so far of a long run."""
    out.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"machine": describe_machine(), **result}, indent=1)
    full: dict[str, Any] = json.loads(text)  # the table is made of what was written, and of nothing else
    (out / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    (out / f"{name}.md").write_text(render(full) + "\n", encoding="utf-8")
    return full


def progress(message: str) -> None:
    """Tell what is done so far, beside the results."""
    print(message, file=sys.stderr, flush=True)


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def percentiles_ms(seconds: Sequence[float]) -> tuple[float, float, float]:
    """p50, p95, p99 in milliseconds."""
    p50, p95, p99 = np.percentile(1000 * np.asarray(seconds), (50, 95, 99)).tolist()
    return p50, p95, p99


def ms(value: float) -> str:
    """Milliseconds to read: one decimal below 10, none above."""
    return f"{value:.1f} ms" if abs(value) < 10 else f"{value:.0f} ms"
