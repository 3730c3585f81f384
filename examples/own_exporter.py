"""How do I write a recording's objects in a format of my own? Here: the boxes of MOTChallenge.

PYTHONPATH=examples streamtrack track clip.mp4 --point 210,350 --export own_exporter:MotBoxes
"""

from streamtrack.frame import Update
from streamtrack.offline import Exporter, Run

FILE = "mot.txt"


class MotBoxes(Exporter):
    """mot.txt: frame from 1, id, left, top, width, height, confidence, -1, -1, -1; a line an object."""

    name = "mot"
    summary = f"{FILE}: MOTChallenge's boxes"

    @classmethod
    def outputs(cls, object_ids: tuple[int, ...]) -> tuple[str, ...]:
        """What `--overwrite` may remove of an earlier run."""
        return (FILE,)

    def __init__(self, run: Run) -> None:
        self.file = run.folder.new_file(FILE).open("x", encoding="utf-8")

    def take(self, update: Update) -> None:
        """Called once a frame, in order; a full disk ends the run in one line."""
        if update.result is None:
            return
        for object_id, found in update.result.objects.items():
            x0, y0, x1, y1 = found.box
            place = f"{x0},{y0},{x1 - x0},{y1 - y0},{found.object_score:.3f}"
            self.file.write(f"{update.result.frame_idx + 1},{object_id},{place},-1,-1,-1\n")

    def close(self) -> None:
        """Called at the end, however the run ended."""
        self.file.close()
