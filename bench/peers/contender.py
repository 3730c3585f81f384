"""What a tracker must offer to be measured beside the others, and who takes part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bench.scenario import FILL_FRAMES

BoolMasks = NDArray[np.bool_]
"""(N, H, W) bool, one mask an object, in host memory."""


@dataclass(frozen=True)
class Case:
    """What all contenders do."""

    model: str
    image_size: int
    """Side of the square that a SAM 2 network sees; other families see as many pixels."""
    objects: int
    frames: int
    """Frames of the whole run, for those who want the video first."""
    precision: str
    device: str
    threads: int

    @property
    def name(self) -> str:
        """Such as sam2.1-tiny:1024:1."""
        return f"{self.model}:{self.image_size}:{self.objects}"


class Refused(Exception):
    """A contender cannot take part in a case; the text says why."""


class Contender(Protocol):
    """One tracker. Lives in a worker process; calls come in order."""

    weights: str
    """`checkpoint` or `random`."""

    def start(self, case: Case, pictures: Sequence[NDArray[np.uint8]], masks: BoolMasks) -> None:
        """Load, and take the masks of the first picture.

        Args:
            pictures: (H, W, 3) uint8 RGB, every frame of the run; only those who want the video first look
                ahead.
            masks: (N, H, W) bool on the first picture.
        Raises:
            Refused: it cannot do that.
        """

    def step(self, index: int) -> Any:
        """Track one frame: what is timed. From the uint8 picture to masks in host memory."""

    def prepare(self, index: int) -> None:
        """Preprocessing that `step` should have done but did before `start`; timed apart."""

    def masks(self, outcome: Any) -> BoolMasks:
        """What a step gave, as full masks; not timed."""


@dataclass(frozen=True)
class Entry:
    """Where a contender is found."""

    title: str
    module: str
    same_network: bool = True
    """It computes what we compute, so its masks must be ours."""
    fill_frames: int = FILL_FRAMES
    """Frames after which its memory is full."""
    own_environment: bool = False
    """It needs packages that clash with ours, and runs on .venv-peers."""


CONTENDERS: Mapping[str, Entry] = {
    "streamtrack": Entry("streamtrack, compiled", "bench.peers.ours"),
    "streamtrack-eager": Entry("streamtrack, not compiled", "bench.peers.ours_eager"),
    "sam2": Entry("sam2 SAM2VideoPredictor", "bench.peers.sam2_video"),
    "sam2-vos": Entry("the same, vos_optimized", "bench.peers.sam2_vos"),
    "transformers": Entry("transformers Sam2VideoModel, streaming", "bench.peers.transformers_video"),
    "sam2-image": Entry("sam2 image predictor, frame by frame", "bench.peers.sam2_image", same_network=False),
    # It remembers every 5th frame, 5 of them.
    "cutie": Entry(
        "Cutie", "bench.peers.cutie_core", same_network=False, own_environment=True, fill_frames=30
    ),
    "yolo": Entry(
        "YOLO11n-seg + BoT-SORT", "bench.peers.yolo_botsort", same_network=False, own_environment=True
    ),
}
"""In the order of their turns."""
