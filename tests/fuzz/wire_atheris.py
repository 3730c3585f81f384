"""The wire decoder under inputs that its own coverage leads: `make fuzz-atheris`.

Without atheris (its wheels are Linux's, and not of every Python) the same harness runs under random damage:
`python -m tests.fuzz.wire_atheris --plain 100000`.
"""

from __future__ import annotations

import importlib
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

INSTRUMENTED = ("streamtrack.publish", "streamtrack.object_record")
"""Imported late, so that atheris sees them."""


def one_input(wire: Any) -> Callable[[bytes], None]:
    """Reads a message of whichever kind; whatever is no PublishError of one line is a defect."""

    def read(data: bytes) -> None:
        wire.taken(lambda: wire.read_all(data), wire.PublishError, what=data)

    return read


def plain(count: int) -> None:
    """So many damaged messages."""
    wire = importlib.import_module("tests.fuzz.test_wire")
    rng, sound, read = wire.dice("plain"), wire.sound_messages(), one_input(wire)
    for _ in range(count):
        read(wire.made_up(rng, sound))
    print(f"{count} messages, no defect")


def main() -> None:
    """`--plain COUNT`, or the options of libFuzzer."""
    if sys.argv[1:2] == ["--plain"]:
        plain(int(sys.argv[2]))
        return
    import atheris

    with atheris.instrument_imports(include=list(INSTRUMENTED)):
        wire = importlib.import_module("tests.fuzz.test_wire")
    with tempfile.TemporaryDirectory() as corpus:
        for number, message in enumerate(wire.sound_messages()):
            (Path(corpus) / str(number)).write_bytes(message)
        atheris.Setup([*sys.argv, corpus], one_input(wire))
        atheris.Fuzz()


if __name__ == "__main__":
    main()
