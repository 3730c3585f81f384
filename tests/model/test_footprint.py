"""What a model is expected to need, beside what torch gives out for it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.bench_fit import measure_step
from streamtrack.config import TrackingConfig
from streamtrack.model.families import build_module, family_of
from streamtrack.model.footprint import (
    CUDA_BYTES,
    GIBIBYTE,
    SHAPES,
    Remembered,
    advise,
    estimate,
    find_fits,
    shape_of,
)
from streamtrack.tracking import Tracker
from streamtrack.weights.catalog import CATALOG, get_entry
from tests.support.pictures import drifting_ellipses

TOLERANCE = 0.15
"""As the module says."""


@pytest.mark.parametrize(
    ("name", "size", "precision"),
    [
        ("nano", 256, "fp32"),
        ("nano", 128, "bf16"),
        ("sam2.1-tiny", 128, "fp32"),
        ("sam2.1-tiny", 256, "bf16"),
    ],
)
def test_it_is_what_torch_gives_out(name: str, size: int, precision: str) -> None:
    entry = get_entry(name)
    module = build_module(entry, size)
    weights = sum(tensor.nbytes for tensor in module.state_dict().values())
    found = measure_step(family_of(entry).make_network(module), precision, Remembered())
    whole = Remembered(windows=False)
    expected = estimate(entry, image_size=size, precision=precision, device="cpu", remembered=whole)
    assert expected is not None
    assert expected.weights == pytest.approx(weights, rel=0.02)
    assert expected.history == found["kept"] * Remembered().history_frames
    assert expected.work == pytest.approx(max(found["encode"], found["follow"]), rel=TOLERANCE)


@pytest.mark.parametrize(("objects", "windows"), [(1, False), (3, False), (3, True)])
def test_what_is_remembered_is_known_to_the_byte(objects: int, windows: bool) -> None:
    config = TrackingConfig(window="auto" if windows else "off")
    session = Tracker.from_checkpoint("nano", device="cpu", image_size=128).new_session(config)
    for index in range(objects):
        session.add(index, box=[60 + index, 55, 140, 105])
    session.step(drifting_ellipses(num_frames=1)[0])
    kept = Remembered(windows=windows)
    expected = estimate(get_entry("nano"), objects=objects, image_size=128, device="cpu", remembered=kept)
    assert expected is not None
    assert session.num_bytes == expected.objects + expected.history


def test_every_model_of_the_catalog_is_known() -> None:
    assert all(shape_of(entry) is not None for entry in CATALOG.values())
    assert estimate(replace(get_entry("nano"), name="mine")) is None
    assert {entry.name.partition("-")[2] or entry.name for entry in CATALOG.values()} == set(SHAPES)


def test_more_of_anything_needs_more() -> None:
    entry = get_entry("sam2.1-large")
    sizes = [
        estimate(entry, objects=objects, image_size=size, precision=precision)
        for objects, size, precision in (
            (1, 512, "bf16"),
            (1, 512, "fp32"),
            (1, 1024, "fp32"),
            (9, 1024, "fp32"),
        )
    ]
    totals = [found.total for found in sizes if found is not None]
    assert totals == sorted(totals)
    assert len(set(totals)) == 4
    assert totals[0] > CUDA_BYTES + entry.num_bytes


def test_what_fits_fits() -> None:
    there = round(2.7 * GIBIBYTE)
    fits = {fit.entry.name: fit for fit in find_fits(there, objects=4)}
    assert list(fits) == list(CATALOG)
    large = fits["sam2.1-large"]
    assert not large.fits
    assert large.needed > there
    assert 0 < large.most_objects < 4
    assert large.largest_size is not None
    for objects, size, expected in (
        (large.most_objects, 1024, True),
        (large.most_objects + 1, 1024, False),
        (4, large.largest_size, True),
        (4, large.largest_size + 32, False),
    ):
        found = estimate(large.entry, objects=objects, image_size=size)
        assert found is not None
        assert (found.total <= there) is expected
    assert fits["nano"].fits


def test_advice_is_one_sentence_whose_proposals_fit() -> None:
    entry = get_entry("sam2.1-large")
    advice = advise(entry, 1024, "fp32", "cuda", round(2.7 * GIBIBYTE))
    assert advice == (
        "cuda has 2.7 GiB for sam2.1-large at 1024 px, where 2 objects or model.image_size 992 for 3 or "
        "sam2.1-base-plus for 3 would fit"
    )
    assert advise(entry, 1024, "fp32", "cuda", 10).endswith("at 1024 px: no model fits")
    assert "smaller model.image_size need less" in advise(replace(entry, name="mine"), 64, "fp32", "cpu", 10)
