"""The table of exporters in the README: written from what each says of itself.

python -m tests.support.exporter_table
"""

from __future__ import annotations

from pathlib import Path

from streamtrack.offline import find_exporters

README = Path(__file__).parents[2] / "README.md"
HEAD = "| `--export` | writes |"


def exporter_table() -> str:
    """Markdown."""
    rows = [HEAD, "|---|---|"]
    for name, exporter in find_exporters().items():
        names = ", ".join(f"`{one}`" for one in (name, *exporter.aliases))
        rows.append(f"| {names} | {exporter.summary} |")
    return "\n".join(rows) + "\n"


def table_in_readme() -> str:
    """The table as it stands there."""
    text = README.read_text(encoding="utf-8")
    start = text.index(HEAD)
    return text[start : text.index("\n\n", start) + 1]


if __name__ == "__main__":
    text = README.read_text(encoding="utf-8")
    README.write_text(text.replace(table_in_readme(), exporter_table()), encoding="utf-8")
