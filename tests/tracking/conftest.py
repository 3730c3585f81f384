"""One nano for all tracking tests: loading it costs more than most of them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from streamtrack.frame import Image
from streamtrack.tracking import Tracker
from tests.support.pictures import drifting_ellipses


@pytest.fixture(scope="session")
def nano() -> Tracker:
    return Tracker.from_checkpoint("nano", device="cpu")


@pytest.fixture(scope="session")
def small_nano() -> Tracker:
    """The same at half its size, a third of the time a step: for tests of what is kept, not of quality."""
    return Tracker.from_checkpoint("nano", device="cpu", image_size=128)


@pytest.fixture(scope="session")
def images() -> Sequence[Image]:
    return drifting_ellipses(num_frames=40)
