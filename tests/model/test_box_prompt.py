"""Boxes drawn on the image embedding: where the cells lie, and that nothing changes without a box."""

from __future__ import annotations

import pytest
import torch
from sam2.modeling.sam.prompt_encoder import PromptEncoder

from streamtrack.model.box_prompt import BoxPromptEncoder, box_features

SIZES = {"embed_dim": 32, "image_embedding_size": (4, 4), "input_image_size": (64, 64), "mask_in_chans": 16}


@pytest.fixture
def encoder() -> BoxPromptEncoder:
    """An encoder whose box embedding is no longer the zero it starts as."""
    torch.manual_seed(0)
    encoder = BoxPromptEncoder(**SIZES)
    torch.nn.init.normal_(encoder.box_embedding[2].weight)
    return encoder


def test_cells_are_covered_by_the_share_that_the_box_takes() -> None:
    cover = box_features(torch.tensor([[0.5, 1.0, 2.0, 3.0]]), (4, 4))[0, 0]

    assert cover.tolist() == [[0, 0, 0, 0], [0.5, 1, 0, 0], [0.5, 1, 0, 0], [0, 0, 0, 0]]


def test_offsets_are_one_at_the_box_sides_and_bounded_far_away() -> None:
    features = box_features(torch.tensor([[0.0, 0.0, 2.0, 2.0]]), (2, 16))[0]

    # Cell 1's centre lies half a cell right of the box's centre, which is half of its half side.
    assert features[1, 0, :2].tolist() == [-0.5, 0.5]
    assert features[1, 0, -1] == 2


def test_box_changes_the_dense_embedding_and_leaves_the_tokens(encoder: BoxPromptEncoder) -> None:
    plain = PromptEncoder(**SIZES)
    plain.load_state_dict({k: v for k, v in encoder.state_dict().items() if "box_embedding" not in k})
    box = (torch.tensor([[[8.0, 8.0], [40.0, 40.0]]]), torch.tensor([[2, 3]]))

    sparse, dense = encoder(box, None, None)
    expected_sparse, expected_dense = plain(box, None, None)

    assert torch.equal(sparse, expected_sparse)
    assert not torch.allclose(dense, expected_dense)


def test_box_among_clicks_is_found_in_any_order(encoder: BoxPromptEncoder) -> None:
    coords = torch.tensor([[[8.0, 8.0], [40.0, 40.0], [20.0, 20.0]]])
    labels = torch.tensor([[2, 3, 1]])
    order = [2, 0, 1]

    first, second = (
        encoder(points, None, None)[1] for points in ((coords, labels), (coords[:, order], labels[:, order]))
    )

    assert torch.allclose(first, second)


@pytest.mark.parametrize("labels", [[1], [1, 0], [-1]])
def test_prompts_without_a_box_are_embedded_as_sam2_does(
    encoder: BoxPromptEncoder, labels: list[int]
) -> None:
    plain = PromptEncoder(**SIZES)
    plain.load_state_dict({k: v for k, v in encoder.state_dict().items() if "box_embedding" not in k})
    points = (torch.full((1, len(labels), 2), 20.0), torch.tensor([labels]))

    for ours, theirs in zip(encoder(points, None, None), plain(points, None, None), strict=True):
        assert torch.equal(ours, theirs)


def test_objects_with_and_without_a_box_share_a_batch(encoder: BoxPromptEncoder) -> None:
    coords = torch.tensor([[[8.0, 8.0], [40.0, 40.0]], [[8.0, 8.0], [40.0, 40.0]]])

    _, dense = encoder((coords, torch.tensor([[2, 3], [1, 1]])), None, None)

    assert not torch.allclose(dense[0], dense[1])
    assert torch.allclose(dense[1], encoder.no_mask_embed.weight[0][:, None, None].expand(32, 4, 4))


def test_fresh_encoder_ignores_the_box() -> None:
    fresh = BoxPromptEncoder(**SIZES)

    _, dense = fresh((torch.tensor([[[8.0, 8.0], [40.0, 40.0]]]), torch.tensor([[2, 3]])), None, None)

    assert torch.allclose(dense, fresh.no_mask_embed.weight[0][None, :, None, None].expand(1, 32, 4, 4))
