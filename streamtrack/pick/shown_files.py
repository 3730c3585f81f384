"""What a job left in its folder, as a page lists it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from streamtrack.offline.result_folder import LIST


def shown_files(folder: Path) -> dict[str, int | None]:
    """Files that the newest run wrote to a folder, by name, as its list has them; of a folder inside it how
    many files it holds, None of a file."""
    counts: Counter[str] = Counter()
    files: list[str] = []
    try:
        with (folder / LIST).open(encoding="utf-8") as lines:
            for line in lines:
                name = line.rstrip("\n")
                top, separator, _ = name.partition("/")
                if separator:
                    counts[top] += 1
                elif name and not name.startswith("#") and (folder / name).is_file():
                    files.append(name)
    except FileNotFoundError:  # not one frame was written
        return {}
    return {**dict.fromkeys(sorted(files)), **dict(sorted(counts.items()))}
