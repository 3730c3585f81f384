"""events.jsonl: what happened, a line each: objects lost and found, prompts evicted, pictures damaged."""

from __future__ import annotations

import json
from typing import Any

from streamtrack.frame import Event, Update
from streamtrack.offline.exporters.exporter import Exporter, Run
from streamtrack.offline.whole_writes import LineFile

FILE = "events.jsonl"


class EventLog(Exporter):
    """The events of a run in the order in which they happened."""

    name = "events"
    summary = f"{FILE}: a line an event: objects lost and found, prompts forgotten, damaged pictures"

    @classmethod
    def outputs(cls, object_ids: tuple[int, ...]) -> tuple[str, ...]:
        return (FILE,)

    def __init__(self, run: Run) -> None:
        self._lines = LineFile(run.folder.new_file(FILE))

    def take(self, update: Update) -> None:
        for event in update.events:
            self._lines.append(json.dumps(event_record(event), separators=(",", ":")) + "\n")

    def close(self) -> None:
        self._lines.close()


def event_record(event: Event) -> dict[str, Any]:
    """An event as JSON."""
    return {
        "frame_idx": event.frame_idx,
        "kind": event.kind.value,
        "object_id": event.object_id,
        "detail": dict(event.detail),
    }
