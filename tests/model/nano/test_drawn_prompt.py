"""Boxes and clicks drawn on the image embedding; without them nothing changes."""

from __future__ import annotations

import math

import pytest
import torch
from sam2.modeling.sam.prompt_encoder import PromptEncoder

from streamtrack.model.nano.drawn_prompt import DrawnPromptEncoder, box_features, click_features

SIZES = {"embed_dim": 32, "image_embedding_size": (4, 4), "input_image_size": (64, 64), "mask_in_chans": 16}


@pytest.fixture
def encoder() -> DrawnPromptEncoder:
    """An encoder whose drawings are no longer the zeros that they start as."""
    torch.manual_seed(0)
    encoder = DrawnPromptEncoder(**SIZES)
    for drawing in (encoder.box_embedding, encoder.click_embedding):
        last = drawing[2]
        assert isinstance(last, torch.nn.Conv2d)
        torch.nn.init.normal_(last.weight)
    return encoder


def as_sam2(encoder: DrawnPromptEncoder) -> PromptEncoder:
    """SAM 2's own encoder with the same weights."""
    plain = PromptEncoder(**SIZES)
    own = plain.state_dict()
    plain.load_state_dict({key: value for key, value in encoder.state_dict().items() if key in own})
    return plain


def test_cells_are_covered_by_the_share_that_the_box_takes() -> None:
    cover = box_features(torch.tensor([[0.5, 1.0, 2.0, 3.0]]), (4, 4))[0, 0]

    assert cover.tolist() == [[0, 0, 0, 0], [0.5, 1, 0, 0], [0.5, 1, 0, 0], [0, 0, 0, 0]]


def test_offsets_are_one_at_the_box_sides_and_bounded_far_away() -> None:
    features = box_features(torch.tensor([[0.0, 0.0, 2.0, 2.0]]), (2, 16))[0]

    # Cell 1's centre lies half a cell right of the box's centre, which is half of its half side.
    assert features[1, 0, :2].tolist() == [-0.5, 0.5]
    assert features[1, 0, -1] == 2


def test_box_changes_the_dense_embedding_and_leaves_the_tokens(encoder: DrawnPromptEncoder) -> None:
    plain = as_sam2(encoder)
    box = (torch.tensor([[[8.0, 8.0], [40.0, 40.0]]]), torch.tensor([[2, 3]]))

    sparse, dense = encoder(box, None, None)
    expected_sparse, expected_dense = plain(box, None, None)

    assert torch.equal(sparse, expected_sparse)
    assert not torch.allclose(dense, expected_dense)


def test_box_among_clicks_is_found_in_any_order(encoder: DrawnPromptEncoder) -> None:
    coords = torch.tensor([[[8.0, 8.0], [40.0, 40.0], [20.0, 20.0]]])
    labels = torch.tensor([[2, 3, 1]])
    order = [2, 0, 1]

    first, second = (
        encoder(points, None, None)[1] for points in ((coords, labels), (coords[:, order], labels[:, order]))
    )

    assert torch.allclose(first, second)


def test_clicks_are_nearest_where_they_are_and_kinds_stay_apart() -> None:
    coords = torch.tensor([[[0.5, 0.5], [3.5, 2.5], [9.0, 9.0]]])
    near, wide, near_negative, _ = click_features(coords, torch.tensor([[1, 0, -1]]), (4, 4))[0]

    assert near[0, 0] == 1
    assert near[0, 1] == pytest.approx(math.exp(-0.5))
    assert near.max() == near[0, 0]
    assert (wide >= near).all()
    assert near_negative[2, 3] == near_negative.max() == 1


def test_nearest_of_several_clicks_counts() -> None:
    both = click_features(torch.tensor([[[0.5, 0.5], [3.5, 3.5]]]), torch.ones(1, 2), (4, 4))
    first, second = (
        click_features(torch.tensor([[[at, at]]]), torch.ones(1, 1), (4, 4)) for at in (0.5, 3.5)
    )

    assert torch.equal(both, torch.maximum(first, second))


def test_click_changes_the_dense_embedding_and_leaves_the_tokens(encoder: DrawnPromptEncoder) -> None:
    embedded = {}
    for label in (0, 1):
        click = (torch.full((1, 1, 2), 20.0), torch.tensor([[label]]))
        sparse, embedded[label] = encoder(click, None, None)
        assert torch.equal(sparse, as_sam2(encoder)(click, None, None)[0])

    assert not torch.allclose(embedded[0], embedded[1])


def test_prompts_without_box_and_click_are_embedded_as_sam2_does(encoder: DrawnPromptEncoder) -> None:
    points = (torch.full((1, 1, 2), 20.0), torch.tensor([[-1]]))

    for ours, theirs in zip(encoder(points, None, None), as_sam2(encoder)(points, None, None), strict=True):
        assert torch.equal(ours, theirs)


def test_objects_with_and_without_a_box_share_a_batch(encoder: DrawnPromptEncoder) -> None:
    coords = torch.tensor([[[8.0, 8.0], [40.0, 40.0]], [[8.0, 8.0], [40.0, 40.0]]])

    _, dense = encoder((coords, torch.tensor([[2, 3], [-1, -1]])), None, None)

    assert not torch.allclose(dense[0], dense[1])
    assert torch.allclose(dense[1], encoder.no_mask_embed.weight[0][:, None, None].expand(32, 4, 4))


def test_fresh_encoder_ignores_box_and_clicks() -> None:
    fresh = DrawnPromptEncoder(**SIZES)

    points = torch.tensor([[[8.0, 8.0], [40.0, 40.0], [20.0, 20.0]]])
    _, dense = fresh((points, torch.tensor([[2, 3, 1]])), None, None)

    assert torch.allclose(dense, fresh.no_mask_embed.weight[0][None, :, None, None].expand(1, 32, 4, 4))
