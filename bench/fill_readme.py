"""Put the tables of bench/results/ into the documents, between their markers, made from the JSON files.

    python -m bench.fill_readme

`<!-- bench: NAME -->` takes all that bench_NAME.py has to show, `<!-- bench: NAME headline -->` its short
form.
"""

from __future__ import annotations

import importlib
import json
import re
from pathlib import Path

from bench.report import RESULTS

ROOT = Path(__file__).parents[1]
DOCUMENTS = (
    ROOT / "README.md",
    ROOT / "docs" / "bench.md",
    ROOT / "docs" / "faq.md",
    ROOT / "docs" / "faults.md",
    ROOT / "docs" / "memory.md",
)
BLOCK = re.compile(r"(<!-- bench: ([\w-]+)((?: headline)?) -->\n).*?(<!-- /bench: \2\3 -->)", re.DOTALL)


def filled(text: str) -> str:
    """The text with every marked block replaced by its table; a block without a result stays as it is."""

    def replace(found: re.Match[str]) -> str:
        result = RESULTS / f"{found[2]}.json"
        if not result.is_file():
            return found[0]
        # Several runs of one bench: quality, quality-512.
        bench = importlib.import_module(f"bench.bench_{found[2].partition('-')[0]}")
        render = bench.headline if found[3] else bench.render
        return f"{found[1]}{render(json.loads(result.read_text(encoding='utf-8')))}\n{found[4]}"

    return BLOCK.sub(replace, text)


def main() -> None:
    """Rewrite the documents."""
    for document in DOCUMENTS:
        document.write_text(filled(document.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
