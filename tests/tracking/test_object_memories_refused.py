"""Objects as files that do not fit, and objects of pictures."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from streamtrack.errors import (
    CapacityError,
    ConfigError,
    NothingFoundError,
    ObjectMemoryError,
    PromptError,
    ShapeError,
)
from streamtrack.frame import Image
from streamtrack.model.build import LoadedModel
from streamtrack.tracking import Session, Tracker
from tests.support.colour_family import coloured_shapes
from tests.support.memories import CLICK, CONFIG, begun, make_colour


@pytest.fixture(scope="module")
def colour() -> Tracker:
    return make_colour()


@pytest.fixture(scope="module")
def shapes() -> list[Image]:
    return [image for image, _ in coloured_shapes(24)]


@pytest.fixture(scope="module")
def nano128() -> Tracker:
    return Tracker.from_checkpoint("nano", device="cpu", image_size=128, precision="fp32")


def test_what_does_not_fit_is_refused_in_a_line(
    colour: Tracker, nano128: Tracker, shapes: list[Image]
) -> None:
    session = begun(colour, CONFIG, shapes[:2], points=[CLICK])
    memory = session.export_object(1)
    nano = nano128
    half = Tracker(LoadedModel(nano.name, nano.model.network, "bf16"))
    of_nano = begun(nano, CONFIG, shapes[:1], points=[CLICK]).export_object(1)
    sharper = make_colour()
    with torch.no_grad():
        sharper.model.network.module.get_parameter("sharpness").fill_(21.0)
    refusals = [
        (nano, memory, r"model is colour-small, expected nano"),
        (sharper, memory, r"weights_sha256 is [0-9a-f]{64}, expected [0-9a-f]{64}"),
        (make_colour(896), memory, r"input_size is 448x252, expected 896x504"),
        (half, of_nano, r"precision is fp32, expected bf16"),
    ]
    for tracker, data, words in refusals:
        other = tracker.new_session()
        with pytest.raises(ObjectMemoryError, match=rf"^object memory: {words}$"):
            other.add(1, memory=data)
        assert other.object_ids == ()


def test_a_place_is_needed_and_one_thing_is_said_at_a_time(colour: Tracker, shapes: list[Image]) -> None:
    session = begun(colour, CONFIG.model_copy(update={"max_objects": 1}), shapes[:2], points=[CLICK])
    memory = session.export_object(1)
    with pytest.raises(PromptError, match="object 1 is followed already"):
        session.add(1, memory=memory)
    with pytest.raises(CapacityError, match=r"expected fewer than max_objects \(1\)"):
        session.add(2, memory=memory)
    with pytest.raises(ObjectMemoryError, match="expected one of the three"):
        session.add(2, memory=memory, points=[CLICK])
    with pytest.raises(PromptError, match="object 3 is not followed"):
        session.export_object(3)
    with pytest.raises(ObjectMemoryError, match="object 2: anywhere is given, expected it with a memory"):
        session.add(2, points=[CLICK], anywhere=True)
    session.set_label(1, "x" * 129)
    with pytest.raises(ObjectMemoryError, match="label has 129 characters, expected at most 128"):
        session.export_object(1)  # nobody could take it
    with pytest.raises(ConfigError, match="memories is list, expected what `export_object` gave, by id"):
        list(colour.track(shapes[:2], [], memories=[memory]))  # type: ignore[arg-type]
    waiting = colour.new_session(CONFIG)
    waiting.add(1, points=[CLICK])
    with pytest.raises(PromptError, match="waits for the next frame"):
        waiting.export_object(1)


# -- a reference picture ---------------------------------------------------------------------------


def test_a_picture_and_its_mask_begin_an_object(colour: Tracker, shapes: list[Image]) -> None:
    picture, masks = coloured_shapes(1)[0]
    session = colour.new_session(CONFIG)
    session.step(shapes[20])
    session.add(1, reference=(picture[:150, :140], masks[0][:150, :140]), label="cup")
    found = session.step(shapes[21]).objects[1]
    truth = coloured_shapes(22)[21][1][0]
    assert (found.mask & truth).sum() > 0.8 * (found.mask | truth).sum()
    assert found.label == "cup"


def test_references_that_are_none_are_refused(colour: Tracker, shapes: list[Image]) -> None:
    session = colour.new_session(CONFIG)
    with pytest.raises(ObjectMemoryError, match="expected a picture and its mask"):
        session.add(1, reference=shapes[0])  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match="object 1: mask has shape"):
        session.add(1, reference=(shapes[0], np.zeros((3, 3), bool)))
    with pytest.raises(NothingFoundError, match="reference"):
        colour.remember(np.full_like(shapes[0], 120), box=[0, 0, 2, 2])
    assert session.object_ids == ()


def test_a_session_of_no_known_model_says_so(colour: Tracker, shapes: list[Image]) -> None:
    made = colour.new_session(CONFIG)
    session = Session(made._follower, CONFIG)
    with pytest.raises(ObjectMemoryError, match="does not know its model"):
        session.add(1, memory=b"")
