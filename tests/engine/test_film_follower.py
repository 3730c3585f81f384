"""The film's engine alone; tests/compat compares its masks with sam2's."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext

import numpy as np
import torch

from streamtrack.engine.film_looker import FilmLooker
from streamtrack.engine.film_object import FilmObject
from streamtrack.engine.film_outputs import FollowedOutputs
from streamtrack.engine.preprocess import to_input
from streamtrack.frame import Image
from streamtrack.tracking import Tracker


def make_follower(tracker: Tracker, images: Sequence[Image], fill_hole_area: int = 0) -> FilmLooker:
    network = tracker._model.network

    def frames(index: int) -> torch.Tensor:
        return to_input(images[index], network.geometry.input_size, network.device)

    return FilmLooker(
        network, frames, num_frames=len(images), fill_hole_area=fill_hole_area, autocast=nullcontext
    )


def test_objects_that_read_unequally_much_are_followed_together(
    nano: Tracker, images: Sequence[Image]
) -> None:
    follower = make_follower(nano, images)
    coords, labels = torch.tensor([[[80.0, 114.0]]]), torch.ones(1, 1, dtype=torch.int32)
    together = [FilmObject(FollowedOutputs(None)) for _ in range(2)]
    alone = FilmObject(FollowedOutputs(None))
    for tracked, prompted in ((together[0], (0,)), (together[1], (0, 5)), (alone, (0, 5))):
        for index in prompted:
            output = follower.find_by_points(tracked, index, coords, labels, previous=None, with_memory=False)
            assert output is not None
            tracked.waiting[index] = output
        tracked.commit()
    for index in range(1, 4):
        follower.follow(together, index)
        follower.follow([alone], index)
        torch.testing.assert_close(
            together[1][index].low_res_mask_logits, alone[index].low_res_mask_logits, atol=1e-3, rtol=0
        )


def test_holes_of_a_prompted_mask_are_filled(nano: Tracker, images: Sequence[Image]) -> None:
    mask = torch.zeros(1, 1, 256, 256)
    mask[..., 60:160, 60:160] = 1
    mask[..., 100:108, 100:108] = 0
    outputs = [make_follower(nano, images, area).adopt_mask(0, mask) for area in (0, 8)]
    holed, filled = (output.low_res_mask_logits for output in outputs if output is not None)
    changed = holed != filled
    assert 1 <= changed.sum() <= 8
    assert (filled[changed] - 0.1).abs().max() < 1e-6


def test_a_mask_that_was_amended_is_shown_and_remembered(nano: Tracker, images: Sequence[Image]) -> None:
    def after(change: float | None) -> tuple[torch.Tensor, torch.Tensor]:
        follower, tracked = make_follower(nano, images), FilmObject(FollowedOutputs(None))
        coords, labels = torch.tensor([[[80.0, 114.0]]]), torch.ones(1, 1, dtype=torch.int32)
        prompted = follower.find_by_points(tracked, 0, coords, labels, previous=None, with_memory=False)
        assert prompted is not None
        tracked.conditioning[0] = prompted
        [output] = follower.follow([tracked], 1)
        assert output is not None
        if change is not None:
            follower.amend(tracked, 1, output.low_res_mask_logits.numpy() + np.float32(change))
        [later] = follower.follow([tracked], 2)
        assert later is not None
        return tracked[1].low_res_mask_logits, later.low_res_mask_logits

    (plain, plain_next), (same, same_next), (empty, empty_next) = (after(x) for x in (None, 0.0, -100.0))
    torch.testing.assert_close(same, plain)
    torch.testing.assert_close(same_next, plain_next, atol=1e-2, rtol=0)
    assert float(empty.max()) < 0
    assert float((empty_next - plain_next).abs().max()) > 0.1
