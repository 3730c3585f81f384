"""docs/wire-format.md holds: its ten lines run as they are, and its tables name every key."""

from __future__ import annotations

import os
import re
import sys
import time
from pathlib import Path

import msgspec
import pytest

from streamtrack.frame import EventKind, ObjectState
from streamtrack.publish.wire import EventHeader, MasksHeader, ObjectHeader
from tests.support.masks import disc, make_publisher, make_result
from tests.support.process import started

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "wire-format.md").read_text(encoding="utf-8")


def test_ten_lines_decode_masks_without_streamtrack() -> None:
    block = re.search(r"```python\n(import msgspec.*?)```", TEXT, re.DOTALL)
    assert block is not None
    assert "streamtrack" not in block[1]
    assert len([line for line in block[1].splitlines() if line and not line.startswith("import")]) <= 10
    with make_publisher() as publisher:
        argv = (sys.executable, "-u", "-W", "ignore", "-c", block[1], publisher.address)
        with started(*argv) as child:
            assert child.stdout is not None
            os.set_blocking(child.stdout.fileno(), False)
            lines: list[str] = []
            while len(lines) < 5 and child.poll() is None:
                publisher.publish("cam1", make_result(7), "nano")
                time.sleep(0.02)
                lines += child.stdout.readlines()
    assert lines[0].split() == ["7", "1", "tracking", str(disc(7).sum())]


@pytest.mark.parametrize("header", [MasksHeader, ObjectHeader, EventHeader])
def test_every_header_key_is_in_a_table(
    header: type[msgspec.Struct],
) -> None:
    first_cells = re.findall(r"^\| ([^|]+) \|", TEXT, re.MULTILINE)
    documented = {key for cell in first_cells for key in cell.split(", ")}
    assert set(header.__struct_encode_fields__) <= documented


@pytest.mark.parametrize("value", [*EventKind, *ObjectState])
def test_every_event_kind_and_state_is_named(value: str) -> None:
    assert f"`{value}`" in TEXT
