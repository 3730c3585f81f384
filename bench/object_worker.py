"""Sessions of 1 and more objects of one tracker, in a process of its own, for `bench scaling`.

    PYTHONPATH=CHECKOUT python bench/object_worker.py

Commands come as JSON lines on stdin, answers go as JSON lines to stdout; between its turns it sleeps on the
pipe. It asks of `streamtrack` and `bench` only what former versions had as well: another checkout, first on
PYTHONPATH, can take turns with this one.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from bench.models import make_tracker
from bench.scenario import FILL_FRAMES, add_objects, make_pictures, time_steps
from streamtrack.config import TrackingConfig


class Worker:
    """A session for each number of objects, each with a full memory."""

    def start(
        self, model: dict[str, Any], name: str, device: str, threads: int, counts: list[int], frames: int
    ) -> dict[str, Any]:
        """Load and fill every memory; says whether it runs compiled."""
        tracker, weights = make_tracker(name, device=device, threads=threads, **model)
        self._device = tracker.device
        self._pictures = make_pictures(FILL_FRAMES + frames)
        self._sessions = {}
        self._index = dict.fromkeys(counts, FILL_FRAMES)
        for count in counts:
            session = tracker.new_session(TrackingConfig(max_objects=count, window="off"))
            add_objects(session, count)
            time_steps(session, self._pictures[:FILL_FRAMES], self._device)
            self._sessions[count] = session
        return {"weights": weights, "compiled": tracker.model.network.compiled is not None}

    def step(self, count: int) -> dict[str, Any]:
        """Seconds of the next step of the session with so many objects."""
        picture = self._pictures[self._index[count]]
        self._index[count] += 1
        [seconds] = time_steps(self._sessions[count], [picture], self._device)
        return {"seconds": seconds}


def main() -> None:
    """Answer commands until stdin ends."""
    # Whatever a library prints must not land among the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    worker = Worker()
    for line in sys.stdin:
        command = json.loads(line)
        answer = getattr(worker, command.pop("do"))(**command)
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
