"""A film's prompts taken back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
import torch
from torch import Tensor

from streamtrack.errors import PromptError
from streamtrack.frame import Image
from streamtrack.tracking import FilmSession, Tracker

FIRST, SECOND = (100, 80), (188, 87)
FRAMES = 5


@pytest.fixture
def films(nano: Tracker, images: Sequence[Image]) -> Iterator[tuple[FilmSession, FilmSession]]:
    """Two of the same film, object 1 on both."""
    with nano.open_film(images[:FRAMES]) as told, nano.open_film(images[:FRAMES]) as plain:
        for film in (told, plain):
            film.add(1, points=[FIRST], at_frame=1)
        yield told, plain


def known(film: FilmSession) -> list[dict[int, Tensor]]:
    return [film.low_res_logits(index) for index in range(FRAMES)]


def assert_same(first: FilmSession, second: FilmSession) -> None:
    """Bit for bit."""
    assert first.object_ids == second.object_ids
    for ours, theirs in zip(known(first), known(second), strict=True):
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(logits, theirs[object_id]) for object_id, logits in ours.items())


def test_undo_is_never_clicked_before_a_pass_and_after_it(films: tuple[FilmSession, FilmSession]) -> None:
    told, plain = films
    for film in films:
        list(film.propagate("both"))
    told.add(2, points=[SECOND], at_frame=0)
    told.correct(1, points=[(60, 120)], labels=[0], at_frame=3)
    undone = told.undo(1)
    assert (undone.object_id, undone.what, undone.frame_idx) == (1, "correct", 3)
    assert told.undo().what == "start"
    assert_same(told, plain)
    told.correct(1, box=(150, 50, 230, 120), at_frame=3)
    list(told.propagate("both"))
    told.clear_prompts(1, 3)
    assert [told.undo().what, told.undo(1).what] == ["clear", "correct"]
    list(told.propagate("both"))
    assert_same(told, plain)
    assert told.undo().what == "start"
    assert told.object_ids == ()
    with pytest.raises(PromptError, match=r"^no prompt can be taken back, expected one of the last"):
        told.undo()
