"""A film's state, as sam2's dict is read."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch

from streamtrack.compat.sam2 import SAM2VideoPredictor
from streamtrack.compat.sam2.film_state import HIDDEN_LOGIT
from streamtrack.errors import PromptError
from streamtrack.frame import Image
from streamtrack.model.build import LoadedModel


def test_it_reads_as_sam2s_dict(model: LoadedModel, images: Sequence[Image]) -> None:
    predictor = SAM2VideoPredictor(model)
    state = predictor.init_state(images)
    found = {key: state[key] for key in ("num_frames", "video_height", "video_width", "obj_ids")}
    assert found == {"num_frames": 20, "video_height": 180, "video_width": 320, "obj_ids": []}
    with pytest.raises(KeyError):
        state["images"]


def test_an_object_that_a_frame_does_not_have_is_hidden_there(
    model: LoadedModel, images: Sequence[Image]
) -> None:
    predictor = SAM2VideoPredictor(model)
    state = predictor.init_state(images)
    predictor.add_new_points_or_box(state, 0, 1, box=[60, 55, 140, 105])
    _, ids, logits = predictor.add_new_points_or_box(state, 2, 5, points=[[188, 87]], labels=[1])
    assert ids == [1, 5]
    assert torch.equal(logits[0], torch.full((1, 180, 320), HIDDEN_LOGIT))
    assert (logits[1] > 0).any()
    assert torch.equal(state.mask_logits(9), torch.full((2, 1, 180, 320), HIDDEN_LOGIT))
    with pytest.raises(PromptError, match=r"^object_id is 7, expected one that has a prompt: 1, 5$"):
        state.known(7)
