"""Nothing outside a family's folder assumes a square map, a token a cell, or SAM 2's numbers of anything."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from streamtrack.config import ModelConfig, TrackingConfig
from streamtrack.engine.runner import EagerRunner
from streamtrack.errors import CheckpointError, ConfigError
from streamtrack.frame import BoolMask, FrameResult, Image, ObjectState
from streamtrack.model.build import LoadedModel
from streamtrack.model.checkpoint import name_of_checkpoint
from streamtrack.model.families import FAMILIES, build_module, family_of, identify
from streamtrack.model.just_in_time import JustInTimeCalls
from streamtrack.tracking import Session, Tracker
from streamtrack.weights.catalog import CATALOG, CatalogEntry
from tests.support.colour_family import ENTRIES, SQUARE, WIDE, ColourFamily, coloured_shapes, entry_of

BOTH = pytest.mark.parametrize("entry", ENTRIES.values(), ids=lambda entry: entry.name)
LEAST_IOU = 0.8
"""A colour tells an object's pixels; its edge is blurred by a low-res pixel of up to 3 frame pixels."""


@pytest.fixture(autouse=True)
def colour_family(monkeypatch: pytest.MonkeyPatch) -> None:
    """The catalog and the families, each with the new ones in it."""
    monkeypatch.setitem(FAMILIES, "colour", ColourFamily())
    for name, entry in ENTRIES.items():
        monkeypatch.setitem(CATALOG, name, entry)


@pytest.fixture(scope="module")
def shapes() -> Sequence[tuple[Image, list[BoolMask]]]:
    return coloured_shapes(14)


def write_weights(entry: CatalogEntry, folder: Path) -> Path:
    path = folder / entry.file_name
    save_file(build_module(entry, entry.image_size).state_dict(), path)
    return path


def tracker_of(entry: CatalogEntry) -> Tracker:
    module: Any = build_module(entry, entry.image_size)
    return Tracker(LoadedModel(entry.name, family_of(entry).make_network(module), "fp32"))


def follow(
    session: Session, shapes: Sequence[tuple[Image, list[BoolMask]]]
) -> list[tuple[FrameResult, list[BoolMask]]]:
    """A point, a box and a mask at the start, a late object on a past frame, corrections, a removal."""
    image, masks = shapes[0]
    session.add(1, points=[(60, 50)])
    session.add(2, box=(190, 105, 270, 155))
    session.add(3, mask=masks[2])
    results = []
    for index, (image, masks) in enumerate(shapes):
        result = session.step(image)
        if index == 5:
            session.add(4, points=[(242, 43)], at_frame=3)
            result = session.result()
        if index == 7:
            result = session.correct(2, points=[(216, 130), (250, 40)], labels=[1, 0])
        if index == 9:
            session.correct(3, mask=shapes[8][1][2], at_frame=8)
            result = session.result()
        if index == 11:
            session.remove(1)
            result = session.result()
        results.append((result, masks))
    return results


def check_found(results: Sequence[tuple[FrameResult, list[BoolMask]]]) -> None:
    seen = 0
    for result, masks in results:
        for object_id, found in result.objects.items():
            truth = masks[object_id - 1]
            assert (found.mask & truth).sum() / (found.mask | truth).sum() >= LEAST_IOU, (
                result.frame_idx,
                object_id,
            )
            assert found.state is ObjectState.TRACKING
            seen += 1
    assert seen >= 45, "some objects were not looked at"


@BOTH
def test_network_of_another_family_runs_through_the_whole_engine(
    entry: CatalogEntry, shapes: Sequence[tuple[Image, list[BoolMask]]]
) -> None:
    tracker = tracker_of(entry)
    assert (tracker.name, tracker.image_size) == (entry.name, entry.image_size)
    check_found(follow(tracker.new_session(TrackingConfig(history_frames=8)), shapes))


def test_carried_frames_fit_a_wide_network(shapes: Sequence[tuple[Image, list[BoolMask]]]) -> None:
    config = TrackingConfig(history_frames=8, keyframe_interval=2)
    check_found(follow(tracker_of(WIDE).new_session(config), shapes))


@pytest.mark.parametrize("compiled", [False, True])
def test_wide_network_in_fixed_shapes_and_compiled_just_in_time(
    compiled: bool, shapes: Sequence[tuple[Image, list[BoolMask]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(EagerRunner, "fixed_shapes", True)
    tracker = tracker_of(WIDE)
    network = tracker._model.network
    if compiled:
        network.compiled = JustInTimeCalls(network, "eager")
    check_found(follow(tracker.new_session(TrackingConfig(history_frames=8)), shapes))
    torch._dynamo.reset()


@BOTH
def test_weights_say_which_family_and_which_of_its_networks(entry: CatalogEntry, tmp_path: Path) -> None:
    path = write_weights(entry, tmp_path)
    assert name_of_checkpoint(path) == entry.name
    tracker = Tracker.from_checkpoint(path, device="cpu", image_size=entry.image_size)
    assert tracker.name == entry.name


def test_image_size_is_checked_by_the_steps_of_the_models_own_family() -> None:
    assert ModelConfig(name=SQUARE.name, image_size=1008).image_size == 1008
    with pytest.raises(ValueError, match="image_size is 1024, expected a multiple of 14"):
        ModelConfig(name=SQUARE.name, image_size=1024)
    with pytest.raises(ValueError, match="image_size is 1008, expected a multiple of 32"):
        ModelConfig(name="nano", image_size=1008)
    with pytest.raises(ConfigError, match=r"^model\.image_size is 100, expected a multiple of 14$"):
        build_module(WIDE, 100)


def test_weights_of_no_family_fit_none() -> None:
    assert identify({}) is None
    assert identify({"image_encoder.trunk.patch_embed.proj.weight": torch.zeros(())}) is None
    assert identify({"image_encoder.trunk.patch_embed.proj.weight": torch.zeros(7, 3, 7, 7)}) is None


def test_entry_of_an_unknown_family_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(FAMILIES, "colour")
    with pytest.raises(CheckpointError, match="colour-x: no family 'colour', expected one of: nano, sam2"):
        build_module(entry_of("colour-x", 140), 140)
