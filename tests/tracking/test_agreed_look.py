"""A new object's box in nearer windows: masks of the same thing are averaged, others are left out."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import Tensor

from streamtrack.config import TrackingConfig
from streamtrack.engine.follower import Slot
from streamtrack.engine.found import Found, Look, redraw_prediction
from streamtrack.engine.prompt_input import CheckedPrompt
from streamtrack.engine.view import View
from streamtrack.frame import BoolMask
from streamtrack.model.interface import MaskPrediction
from streamtrack.scenes.scene import make_scene
from streamtrack.tracking import Tracker
from streamtrack.tracking.agreed_look import agreed_look, is_box_alone
from streamtrack.tracking.window_policy import WindowRules
from tests.support.pipelines import nano as shipped

FRAME_SIZE = 480, 640
BOX = 200.0, 150.0, 300.0, 250.0
SIDE = 64
NOBODY = cast(Slot, None)


def box_prompt(box: tuple[float, float, float, float] = BOX, *clicks: tuple[float, float]) -> CheckedPrompt:
    coords = np.array([box[:2], box[2:], *clicks], np.float32)
    return CheckedPrompt(coords, np.array([2, 3, *(1 for _ in clicks)], np.int32), None, FRAME_SIZE)


def drawn(box: tuple[float, float, float, float], view: View | None, logit: float) -> Tensor:
    """(1, h, w) logits of a filled box of the picture as a window shows it."""
    seen = view or View.whole(FRAME_SIZE)
    x = seen.x0 + (torch.arange(SIDE) + 0.5) * seen.width / SIDE
    y = seen.y0 + (torch.arange(SIDE) + 0.5) * seen.height / SIDE
    inside = ((y >= box[1]) & (y < box[3]))[:, None] & ((x >= box[0]) & (x < box[2]))[None]
    return torch.where(inside, logit, -logit)[None]


def look_of(logits: Tensor, view: View | None) -> Look:
    prediction = MaskPrediction(logits, torch.full((1, 1), 5.0), torch.full((1,), 0.9), torch.zeros(1, 4))
    nothing: Any = None
    return Look(Found(logits[0].numpy(), 1.0, 0.9, True, view), 0, view, prediction, nothing)


@dataclass
class Shown:
    """Stands in for an engine that finds a box of its own in every nearer window."""

    finds: list[tuple[tuple[float, float, float, float], float]]
    """Box and logit, window after window; the logits are of both signs."""
    asked: list[View | None] = field(default_factory=list)

    def look(self, slot: Slot, frame_idx: int, prompt: CheckedPrompt, **options: Any) -> Look:
        view = options["view"]
        box, logit = self.finds[len(self.asked)]
        self.asked.append(view)
        return look_of(drawn(box, view, logit), view)

    def redraw(self, look: Look, logits: Tensor) -> Look:
        prediction = redraw_prediction(look.prediction, logits)
        found = replace(
            look.found, low_res_mask_logits=logits[0].numpy(), iou_score=float(prediction.iou_scores[0])
        )
        return replace(look, prediction=prediction, found=found)


def agree(engine: Shown, first: Look, prompt: CheckedPrompt | None = None) -> Look:
    return agreed_look(engine, NOBODY, 0, prompt or box_prompt(), first, WindowRules())


def test_masks_of_the_same_thing_are_averaged() -> None:
    first = look_of(drawn((200, 150, 320, 250), None, 4.0), None)
    engine = Shown([(BOX, 4.0), (BOX, 4.0)])
    look = agree(engine, first)
    heights = [view.height for view in engine.asked if view is not None]
    assert heights == [130, 160]
    assert look.view is None
    # Two of three say that the first mask reached too far.
    wanted = drawn(BOX, None, 1.0)[0] > 0
    found = torch.from_numpy(look.found.low_res_mask_logits) > 0
    assert (found & wanted).sum() / (found | wanted).sum() > 0.9
    assert look.found.iou_score < 0.9


def test_a_mask_of_something_else_is_left_out_however_sure_it_is() -> None:
    first = look_of(drawn(BOX, None, 1.0), None)
    look = agree(Shown([((230, 190, 250, 210), 80.0), (BOX, 3.0)]), first)
    np.testing.assert_array_equal(look.found.low_res_mask_logits > 0, first.found.low_res_mask_logits > 0)
    assert agree(Shown([((0, 0, 9, 9), 80.0), ((0, 0, 9, 9), 80.0)]), first) is first


def test_nobody_outvotes_the_others_by_being_surer() -> None:
    first = look_of(drawn(BOX, None, 6.0), None)
    larger = (180.0, 150.0, 320.0, 250.0)
    look = agree(Shown([(larger, 1e6), (BOX, 6.0)]), first)
    np.testing.assert_array_equal(look.found.low_res_mask_logits > 0, first.found.low_res_mask_logits > 0)


def test_an_empty_first_look_stays_so() -> None:
    first = look_of(torch.full((1, SIDE, SIDE), -3.0), None)
    assert agree(Shown([(BOX, 4.0), (BOX, 4.0)]), first) is first


def test_prompts_that_are_more_than_a_box_are_looked_at_once() -> None:
    first, engine = look_of(drawn(BOX, None, 4.0), None), Shown([])
    mask: BoolMask = np.zeros(FRAME_SIZE, np.bool_)
    click = CheckedPrompt(np.array([[250, 200]], np.float32), np.array([1], np.int32), None, FRAME_SIZE)
    no_points = np.zeros((0, 2), np.float32), np.zeros(0, np.int32)
    for prompt in (box_prompt(BOX, (250, 200)), click, CheckedPrompt(*no_points, mask, FRAME_SIZE)):
        assert not is_box_alone(prompt)
        assert agree(engine, first, prompt) is first
    assert engine.asked == []


def test_a_window_that_was_looked_through_is_not_looked_through_again() -> None:
    tiny = box_prompt((200, 150, 220, 170))  # every window of it is the smallest that there is
    first = look_of(drawn(BOX, None, 4.0), None)
    engine = Shown([(BOX, 4.0)])
    agree(engine, first, tiny)
    assert [view.height for view in engine.asked if view is not None] == [96]


@pytest.mark.parametrize("window", ["auto", 2.0])
def test_live_and_film_agree_on_a_first_mask(window: Any) -> None:
    image, masks = make_scene("demo").render(0)
    y, x = np.nonzero(masks[1])
    box = float(x.min()), float(y.min()), float(x.max() + 1), float(y.max() + 1)
    tracker: Tracker = shipped()
    session = tracker.new_session(TrackingConfig(window=window))
    session.add(1, box=box)
    live = session.step(image).objects[1].mask
    with tracker.open_film(np.stack([image]), TrackingConfig(window=window)) as film:
        np.testing.assert_array_equal(film.add(1, box=box).objects[1].mask, live)
