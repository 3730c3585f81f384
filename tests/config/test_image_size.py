"""Sizes of the network's input as people write them."""

from __future__ import annotations

from typing import Any

import pytest

from streamtrack.config.image_size import input_size_of, read_image_size, size_text
from streamtrack.errors import ConfigError
from streamtrack.tracking import Tracker


@pytest.mark.parametrize(
    ("written", "kept", "input_size"),
    [
        (512, 512, (512, 512)),
        ("512", 512, (512, 512)),
        ("512x512", 512, (512, 512)),
        ("1024x576", "1024x576", (576, 1024)),
        (" 576 X 1024 ", "576x1024", (1024, 576)),
    ],
)
def test_sizes_are_read_kept_and_written(written: Any, kept: int | str, input_size: tuple[int, int]) -> None:
    assert read_image_size(written) == kept
    assert input_size_of(kept) == input_size
    assert read_image_size(size_text(input_size)) == kept


@pytest.mark.parametrize(
    ("written", "told"),
    [
        (64, "image_size is 64: expected 128 to 2048 px"),
        ("1024x64", "1024x64, expected 128 to 2048 px"),
        ("99999999999999999999", "expected 128 to 2048 px"),
        ("16:9", "image_size is '16:9': expected a whole number of pixels, 128 to 2048, or two: 1024x576"),
        ("1024x", "expected a whole number of pixels"),
        ("٣٢x٣٢", "expected 128 to 2048 px"),
        (True, "expected a whole number of pixels"),
        (512.0, "expected a whole number of pixels"),
        ([1024, 576], "expected a whole number of pixels"),
        ("1024x600", "image_size is 1024x600, expected a multiple of 32"),
    ],
)
def test_other_sizes_are_refused_in_one_line(written: Any, told: str) -> None:
    with pytest.raises(ConfigError) as refused:
        Tracker.from_checkpoint(image_size=written)
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)
