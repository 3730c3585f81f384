"""Put the tables of bench/results/ into the README, between their markers.

python -m bench.fill_readme
"""

from __future__ import annotations

import re
from pathlib import Path

from bench.environment import RESULTS

README = Path(__file__).parents[1] / "README.md"
BLOCK = re.compile(r"(<!-- bench: (\w+) -->\n).*?(<!-- /bench: \2 -->)", re.DOTALL)


def filled(text: str) -> str:
    """The text with every marked block replaced by its table; a block without a result stays as it is."""

    def replace(found: re.Match[str]) -> str:
        table = RESULTS / f"{found[2]}.md"
        return f"{found[1]}{table.read_text(encoding='utf-8')}{found[3]}" if table.is_file() else found[0]

    return BLOCK.sub(replace, text)


def main() -> None:
    """Rewrite README.md."""
    README.write_text(filled(README.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
