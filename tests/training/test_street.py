"""People before a camera on a wall: several, small, of about one size, with limbs that move."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np

from training.bank import Bank
from training.sprites import actor_pictures
from training.street import MAX_WALKERS, walkers


def _add_actor(work: Path) -> None:
    folder = work / "actors" / "shot"
    folder.mkdir(parents=True)
    for t in range(6):
        picture = np.zeros((40, 24, 4), np.uint8)
        cv2.line(picture, (12, 5), (4 + 3 * t, 35), (20, 90, 200, 255), 4)
        cv2.imwrite(str(folder / f"{t:05d}.png"), picture)


def test_walkers_are_several_of_about_one_size_and_may_be_tracked(work: Path) -> None:
    _add_actor(work)
    bank, rng = Bank.open(work, held_out=False), np.random.default_rng(0)

    crowds = [walkers(bank, rng, 256, 4) for _ in range(30)]

    counts = {len(crowd) for crowd in crowds}
    assert min(counts) == 2
    assert 4 < max(counts) <= MAX_WALKERS
    for crowd in crowds:
        sizes = [walker.size for walker in crowd]
        assert max(sizes) / min(sizes) < 5
        assert max(sizes) < 256
        assert all(walker.is_target for walker in crowd)


def test_actor_moves_and_is_only_trained_on(work: Path) -> None:
    _add_actor(work)
    bank, rng = Bank.open(work, held_out=False), np.random.default_rng(1)

    pictures = actor_pictures(bank, rng, 4)

    assert len(pictures) == 4
    assert any((one != other).any() for one, other in pairwise(pictures))
    assert not Bank.open(work, held_out=True).actors
