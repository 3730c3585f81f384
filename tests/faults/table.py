"""What each fault did, and the table of it in docs/faults.md.

    make faults                     runs every fault and writes the table
    python -m tests.faults.table    writes the table from what is kept of the last run

A test measures, then calls `record_fault`. The rows of a run are files in the folder that the variable
`STREAMTRACK_FAULTS` names; without it nothing is written and a row is only judged.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
RESULTS = Path(__file__).with_name("results.json")
"""The newest figures of every row."""
PAGE = ROOT / "docs" / "faults.md"
FOLDER_VARIABLE = "STREAMTRACK_FAULTS"

DETECT_TIMES = 3.0
"""A fault is told within so many times the configured time limit."""
RECOVER_S = 5.0
"""And is over within so many seconds after its cause ends."""

BLOCK = re.compile(r"(<!-- faults -->\n).*?(<!-- /faults -->)", re.DOTALL)
HEAD = ("#", "fault", "promise", "told after", "back after", "what was lost", "held")


@dataclass(frozen=True, slots=True)
class FaultRow:
    """One fault as it was measured."""

    number: int
    """Of the kind of fault, as docs/faults.md lists them; several rows may share it."""
    fault: str
    """What was done, in a few words; with the number it names the row."""
    promise: str
    """What has to be so."""
    detect_s: float | None
    """From the beginning of the cause until an event, state or metric told of it; None: nothing to tell."""
    recover_s: float | None
    """From the end of the cause until frames or answers came again; None: nothing was interrupted."""
    lost: str
    """What nobody gets back, and where it is counted; `nothing` where nothing was."""
    held: bool
    """Whether the promise was kept, apart from the two times."""
    timeout_s: float | None = None
    """The configured time limit that detection is measured against; None: there is none."""

    @property
    def faults(self) -> list[str]:
        """In what the row fails; empty where all was kept."""
        failed = [] if self.held else [f"promised: {self.promise}"]
        if self.timeout_s is not None and (
            self.detect_s is None or self.detect_s > DETECT_TIMES * self.timeout_s
        ):
            failed.append(
                f"told after {self.detect_s} s, expected {DETECT_TIMES:g} x {self.timeout_s} s at most"
            )
        if self.recover_s is not None and self.recover_s > RECOVER_S:
            failed.append(f"back after {self.recover_s:.1f} s, expected {RECOVER_S:g} s at most")
        return failed


def record_fault(row: FaultRow) -> None:
    """Keep a row for the table, and fail where its promise, or one of the two times, was not kept.

    Raises:
        AssertionError: it was not; the row is kept all the same.
    """
    folder = os.environ.get(FOLDER_VARIABLE)
    if folder:
        path = Path(folder) / f"{row.number:02d}-{re.sub(r'[^a-z0-9]+', '-', row.fault.lower())[:80]}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(row)), encoding="utf-8")
    assert not row.faults, f"fault {row.number}, {row.fault}: {'; '.join(row.faults)}; lost: {row.lost}"


def read_rows(folder: Path) -> list[FaultRow]:
    """The rows of a run."""
    return [
        FaultRow(**json.loads(path.read_text(encoding="utf-8"))) for path in sorted(folder.glob("*.json"))
    ]


def kept_rows() -> list[FaultRow]:
    """The rows that the page was made of."""
    return [FaultRow(**row) for row in json.loads(RESULTS.read_text(encoding="utf-8"))]


def merged(kept: Iterable[FaultRow], new: Iterable[FaultRow]) -> list[FaultRow]:
    """Kept rows with new ones in the place of those they repeat, in the order of their numbers."""
    rows = {(row.number, row.fault): row for row in (*kept, *new)}
    return [rows[key] for key in sorted(rows)]


def render(rows: Sequence[FaultRow]) -> str:
    """The table in Markdown, and a line below it that counts."""
    lines = ["| " + " | ".join(HEAD) + " |", "|" + "---|" * len(HEAD)]
    for row in rows:
        cells = (
            str(row.number),
            row.fault,
            row.promise,
            _seconds(row.detect_s, None if row.timeout_s is None else DETECT_TIMES * row.timeout_s),
            _seconds(row.recover_s, None),
            row.lost,
            "no" if row.faults else "yes",
        )
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    held = sum(not row.faults for row in rows)
    return "\n".join([*lines, "", f"{held} of {len(rows)} held."])


def filled(page: str, rows: Sequence[FaultRow]) -> str:
    """The page with the table between its markers."""
    return BLOCK.sub(lambda found: f"{found[1]}{render(rows)}\n{found[2]}", page)


def _seconds(value: float | None, allowed: float | None) -> str:
    if value is None:
        return "-"
    text = f"{value:.2f} s" if value < 10 else f"{value:.0f} s"
    return text if allowed is None else f"{text} of {allowed:g}"


def main(arguments: Sequence[str]) -> None:
    """Merge the rows of a run, the folder of which may be named, and write the page.

    `--all`: the run was of every row; those that it does not have are no more.
    """
    folders = [Path(one) for one in arguments if one != "--all"]
    kept = [] if "--all" in arguments else kept_rows()
    rows = merged(kept, [row for folder in folders for row in read_rows(folder)])
    text = json.dumps([asdict(row) for row in rows], indent=1)
    RESULTS.write_text(text + "\n", encoding="utf-8")
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8"), rows), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
