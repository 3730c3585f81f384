"""Sessions whose objects leave as files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from streamtrack.config import TrackingConfig
from streamtrack.frame import Image
from streamtrack.model.build import LoadedModel
from streamtrack.tracking import Session, Tracker
from tests.support.colour_family import ColourFamily, entry_of

CONFIG = TrackingConfig(history_frames=4, max_objects=4)
CLICK = (60, 50)
"""On the first of the coloured shapes, on the first frame."""


def make_colour(size: int = 448) -> Tracker:
    """A network that finds shapes by their colour, in a millisecond."""
    entry, family = entry_of("colour-small", size), ColourFamily()
    network: Any = family.make_network(family.build_module(entry, size))
    return Tracker(LoadedModel(entry.name, network, "fp32"))


def begun(tracker: Tracker, config: TrackingConfig, images: Sequence[Image], **prompt: Any) -> Session:
    """A session that has followed object 1 over some frames."""
    session = tracker.new_session(config)
    session.add(1, label="cup", **prompt)
    for image in images:
        session.step(image)
    return session
