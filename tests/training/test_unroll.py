"""The unrolled network in training is the network that SAM 2 runs, and it learns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from streamtrack.model.nano.build import build_nano
from training.prompts import PromptKind, boxes_on
from training.train import Options, Trainer, learning_rate_at
from training.unroll import Plan, unroll

SIDE = 64
OPTIONS = Options(
    steps=1000,
    fall=100,
    learning_rate=1e-3,
    trunk_rate=0.1,
    fresh_rate=1.0,
    still_share=0.5,
    still_batch=(1, 1),
    clip_batch=(1, 1),
    clip_frames=(2, 3),
    box_share=0.5,
    threads=1,
    seed=0,
)


@pytest.fixture
def network() -> Any:
    """Random weights; without the fallbacks that only inference has."""
    torch.manual_seed(0)
    return build_nano(SIDE, sam_mask_decoder_extra_args=None, binarize_mask_from_pts_for_mem_enc=False)


@pytest.fixture
def clip() -> tuple[Tensor, Tensor]:
    """One clip of three frames with two squares that move."""
    images = torch.randn(1, 3, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))
    masks = torch.zeros(1, 2, 3, SIDE, SIDE, dtype=torch.bool)
    for t in range(3):
        masks[0, 0, t, 8:30, 8 + 4 * t : 30 + 4 * t] = True
        masks[0, 1, t, 34:60, 20:50] = True
    return images, masks


def test_object_scores_and_masks_equal_sam2s_own_step(network: Any, clip: tuple[Tensor, Tensor]) -> None:
    images, masks = clip
    network.eval()
    box = boxes_on(masks[0, :, 0].numpy(), None)

    with torch.inference_mode():
        ours = unroll(network, images, masks, Plan(PromptKind.BOX))
        bank: dict[str, dict[int, Any]] = {"cond_frame_outputs": {}, "non_cond_frame_outputs": {}}
        theirs = []
        for t in range(3):
            features = network.forward_image(images[:, t].expand(2, -1, -1, -1))
            _, levels, positions, sizes = network._prepare_backbone_features(features)
            prompt = {"point_coords": box.coords, "point_labels": box.labels} if t == 0 else None
            output = network.track_step(
                t, t == 0, levels, positions, sizes, prompt, None, bank, num_frames=16
            )
            bank["cond_frame_outputs" if t == 0 else "non_cond_frame_outputs"][t] = output
            theirs.append(output["object_score_logits"][:, 0])

    # Two orders of the same float32 sums.
    assert torch.allclose(ours.object_score_logits, torch.stack(theirs, 1), atol=1e-4)


@pytest.mark.parametrize("kind", list(PromptKind))
def test_every_prompt_kind_with_corrections_gives_a_gradient(
    network: Any, clip: tuple[Tensor, Tensor], kind: PromptKind
) -> None:
    images, masks = clip
    clicks = {1: 1} if kind is PromptKind.MASK else {0: 2, 1: 1}

    result = unroll(network.train(), images, masks, Plan(kind, clicks), np.random.default_rng(0))
    result.loss.backward()

    assert torch.isfinite(result.loss)
    assert result.ious.shape == (2, 3)
    gradient = network.memory_attention.layers[0].cross_attn_image.q_proj.weight.grad
    assert gradient is not None
    assert bool(gradient.abs().sum() > 0)


def test_a_few_steps_on_one_clip_lower_its_loss(network: Any, clip: tuple[Tensor, Tensor]) -> None:
    images, masks = clip[0][:, :1], clip[1][:, :, :1]
    trainer = Trainer(network.train(), OPTIONS)
    trainer.step = 100  # past the warm-up

    losses = []
    for _ in range(12):
        result = unroll(network, images, masks, Plan(PromptKind.BOX))
        losses.append(result.loss.item())
        assert trainer.update(result.loss)

    assert min(losses[-3:]) < 0.8 * losses[0], "twelve updates on one clip taught it nothing"


def test_resumed_trainer_goes_on_exactly(network: Any, clip: tuple[Tensor, Tensor], tmp_path: Path) -> None:
    images, masks = clip
    trainer = Trainer(network.train(), OPTIONS)
    trainer.update(unroll(network, images, masks, Plan(PromptKind.BOX)).loss)
    trainer.save(tmp_path / "last.pt")
    other = Trainer(build_nano(SIDE).train(), OPTIONS)

    other.resume(tmp_path / "last.pt")

    assert other.step == 1
    for one, two in zip(trainer.network.parameters(), other.network.parameters(), strict=True):
        assert torch.equal(one, two)
    assert len(other.optimiser.state_dict()["state"]) == len(trainer.optimiser.state_dict()["state"])


def test_learning_rate_warms_up_stays_and_falls() -> None:
    rates = [learning_rate_at(step, OPTIONS) for step in (0, 99, 500, 950, 999)]

    assert rates == pytest.approx([2e-5, 1e-3, 1e-3, 5e-4, 2e-5])
