"""prompts.yaml: what was said of the objects, for another run's `--prompts`."""

from __future__ import annotations

from streamtrack.frame import Update
from streamtrack.offline.exporters.exporter import Exporter, Run
from streamtrack.offline.whole_writes import write_file

FILE = "prompts.yaml"


class PromptsFile(Exporter):
    """The prompts of a run, as it began with them."""

    name = "prompts"
    summary = f"{FILE}: what was said of the objects, for --prompts"

    @classmethod
    def outputs(cls, object_ids: tuple[int, ...]) -> tuple[str, ...]:
        return (FILE,)

    def __init__(self, run: Run) -> None:
        write_file(run.folder.new_file(FILE), run.prompts.encode())

    def take(self, update: Update) -> None:
        """They do not change."""
