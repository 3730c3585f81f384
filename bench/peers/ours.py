"""streamtrack: `Session.step`, from the uint8 picture to a FrameResult with cropped masks and scores."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bench.models import from_checkpoint, is_compiled
from bench.peers.contender import BoolMasks, Case, Refused
from streamtrack.config import TrackingConfig
from streamtrack.frame import FrameResult


class Ours:
    """A session of the tracker that anyone gets from the same words."""

    weights = ""
    compile = True

    def start(self, case: Case, pictures: Sequence[NDArray[np.uint8]], masks: BoolMasks) -> None:
        """Load, and prompt with the masks."""
        tracker, self.weights = from_checkpoint(
            case.model,
            image_size=case.image_size,
            device=case.device,
            precision=case.precision,
            threads=case.threads,
            compile=self.compile,
        )
        if self.compile and not is_compiled(tracker):
            raise Refused("did not compile")
        self._pictures = pictures
        config = TrackingConfig(max_objects=max(1, case.objects), window="off", memory="recent")
        self._session = tracker.new_session(config)
        for object_id, mask in enumerate(masks):
            self._session.add(object_id, mask=mask)

    def step(self, index: int) -> FrameResult:
        """One step."""
        return self._session.step(self._pictures[index])

    def prepare(self, index: int) -> None:
        """Nothing: `step` does it."""

    def masks(self, outcome: FrameResult) -> BoolMasks:
        """In the order of the prompts."""
        return np.stack([outcome.objects[object_id].mask for object_id in sorted(outcome.objects)])


CONTENDER = Ours
