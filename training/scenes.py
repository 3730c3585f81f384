"""Clips of the product's own procedural scenes, with seeds that no shown scene uses."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from streamtrack.scenes.scene import Scene, make_scene

SCENES = ("demo", "crossing", "occlusion", "many")
"""Names of the scenes to draw from."""
FIRST_SEED, NUM_SEEDS = 1000, 60
"""Seeds of training; the shown scenes use small ones."""
MAX_START = 1800
"""Frames into a scene at which a clip may start: a minute."""
GAP_SHARE, MAX_GAP = 0.4, 90
"""Share of clips of which some frames were lost, as when a camera was away, and the most that were."""


@lru_cache(maxsize=len(SCENES) * NUM_SEEDS)
def _scene(name: str, seed: int) -> Scene:
    # Setting a scene up takes a hundred times as long as a frame, hence few seeds, kept.
    return make_scene(f"{name}?seed={seed}&width=480&height=270")


def scene_frames(
    rng: np.random.Generator, num_frames: int
) -> tuple[list[npt.NDArray[np.uint8]], list[npt.NDArray[np.int32]]]:
    """Render consecutive RGB frames (H, W, 3) of a random scene and their ids (H, W)."""
    name = SCENES[int(rng.integers(len(SCENES)))]
    scene = _scene(name, FIRST_SEED + int(rng.integers(NUM_SEEDS)))
    start, stride = int(rng.integers(MAX_START)), int(rng.choice([1, 1, 2, 3, 5]))
    times = start + stride * np.arange(num_frames)
    if num_frames >= 3 and rng.random() < GAP_SHARE:
        times[int(rng.integers(1, num_frames)) :] += int(rng.integers(10, MAX_GAP))
    frames, ids = [], []
    for time in times:
        image, masks = scene.render(int(time))
        labels = np.zeros(image.shape[:2], np.int32)
        for identity, mask in masks.items():
            labels[mask] = identity
        frames.append(np.asarray(image, np.uint8))
        ids.append(labels)
    return frames, ids
