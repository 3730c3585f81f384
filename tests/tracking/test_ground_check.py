"""A box whose first mask is the ground: what stands before it is looked for, and believed only if it fits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np
import pytest

from streamtrack.engine.film_object import FilmObject
from streamtrack.engine.follower import Slot
from streamtrack.engine.found import Found, Look
from streamtrack.engine.prompt_input import CheckedPrompt
from streamtrack.frame import BoolMask
from streamtrack.tracking.ground_check import PLACES, look_before_the_ground

FRAME_SIZE = 120, 160
BOX = 40, 20, 140, 100
NOBODY = cast(Slot, None)
ANYTHING: Any = None
Finds = Callable[[tuple[float, float]], tuple[BoolMask, float]]


def rectangle(x0: int, y0: int, x1: int, y1: int) -> BoolMask:
    mask: BoolMask = np.zeros(FRAME_SIZE, np.bool_)
    mask[y0:y1, x0:x1] = True
    return mask


SURFER = rectangle(45, 60, 70, 98)
FOAM = rectangle(60, 88, 135, 98)
SEA = rectangle(*BOX) & ~SURFER & ~FOAM


def look_of(mask: BoolMask, estimate: float) -> Look:
    logits = np.where(mask, np.float32(5), np.float32(-5))
    return Look(Found(logits, 1.0, estimate, True, None), 0, None, ANYTHING, ANYTHING)


def box_prompt(box: tuple[float, float, float, float] = BOX) -> CheckedPrompt:
    corners = np.array([box[:2], box[2:]], np.float32)
    return CheckedPrompt(corners, np.array([2, 3], np.int32), None, FRAME_SIZE)


@dataclass
class Clicked:
    """Stands in for an engine: what it finds depends on where it is clicked on."""

    finds: Finds
    prompts: list[CheckedPrompt] = field(default_factory=list)

    def look(self, slot: Slot | FilmObject, frame_idx: int, prompt: CheckedPrompt, **options: Any) -> Look:
        self.prompts.append(prompt)
        x, y = prompt.coords[2].tolist()
        return look_of(*self.finds((x, y)))

    def redraw(self, look: Look, logits: Any) -> Look:
        raise AssertionError("nothing is drawn anew here")


def within(mask: BoolMask, at: tuple[float, float]) -> bool:
    return bool(mask[int(at[1]), int(at[0])])


def test_what_stands_before_the_ground_is_found_by_clicks_on_what_is_left() -> None:
    engine = Clicked(lambda at: (SURFER, 0.55) if within(SURFER, at) else (FOAM, 0.5))
    found, told = look_before_the_ground(engine, NOBODY, 0, box_prompt(), look_of(SEA, 0.6))
    np.testing.assert_array_equal(found.found.low_res_mask_logits > 0, SURFER)
    assert told.labels.tolist() == [2, 3, 1, 0]
    assert within(SURFER, tuple(told.coords[2]))
    assert within(SEA, tuple(told.coords[3]))
    assert 2 <= len(engine.prompts) <= PLACES
    assert len({tuple(prompt.coords[2].tolist()) for prompt in engine.prompts}) == len(engine.prompts)


@pytest.mark.parametrize(
    ("first", "why"),
    [
        (SURFER, "a mask that touches the box here and there is the object"),
        (rectangle(*BOX), "an object that fills its box leaves nothing to click on"),
        (np.zeros(FRAME_SIZE, np.bool_), "no mask is no ground"),
    ],
)
def test_other_masks_are_looked_at_once(first: BoolMask, why: str) -> None:
    def nothing(at: tuple[float, float]) -> tuple[BoolMask, float]:
        raise AssertionError(why)

    prompt, look = box_prompt(), look_of(first, 0.6)
    assert look_before_the_ground(Clicked(nothing), NOBODY, 0, prompt, look) == (look, prompt)


@pytest.mark.parametrize(
    ("instead", "estimate"),
    [(SURFER, 0.3), (SEA | SURFER, 0.9)],
    ids=["what the network doubts far more", "what covers the border as well"],
)
def test_nothing_worse_is_taken_instead(instead: BoolMask, estimate: float) -> None:
    prompt, look = box_prompt(), look_of(SEA, 0.6)
    engine = Clicked(lambda at: (instead, estimate))
    assert look_before_the_ground(engine, NOBODY, 0, prompt, look) == (look, prompt)
    assert engine.prompts


def test_where_the_picture_ends_a_box_has_no_border() -> None:
    # Somebody close up: the mask fills the picture's lower edge and both sides, and is no ground.
    box = 0.0, 40.0, 160.0, 120.0
    person = rectangle(0, 60, 160, 120)
    prompt, look = box_prompt(box), look_of(person, 0.6)
    engine = Clicked(lambda at: (SURFER, 0.9))
    assert look_before_the_ground(engine, NOBODY, 0, prompt, look) == (look, prompt)
    inner = replace(prompt, coords=np.array([[10, 40], [150, 110]], np.float32))
    look_before_the_ground(engine, NOBODY, 0, inner, look)
    assert engine.prompts, "the same mask in a box that ends before the picture does"
