"""Real-time object tracker for live video: SAM 2 frame by frame, with a memory that never grows.

import streamtrack as st

    tracker = st.Tracker.from_checkpoint("nano")
    session = tracker.new_session()
    session.add(object_id=1, box=(40, 60, 200, 240))
    result = session.step(frame)            # frame: (H, W, 3) uint8 RGB
    result.objects[1].mask                  # (H, W) bool

A robot that only reads masks imports `streamtrack.client`, which needs no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from streamtrack.openmp import make_threads_wait_passively

if TYPE_CHECKING:
    from streamtrack.config import TrackingConfig
    from streamtrack.errors import StreamTrackError
    from streamtrack.frame import Event, Frame, FrameResult, ObjectMask, ObjectState
    from streamtrack.prompt import Prompt
    from streamtrack.rules.book import RuleBook
    from streamtrack.rules.to_supervision import to_supervision
    from streamtrack.tracking import FilmSession, Session, Tracker

make_threads_wait_passively()

__version__ = "0.2.0"

__all__ = [
    "Event",
    "FilmSession",
    "Frame",
    "FrameResult",
    "ObjectMask",
    "ObjectState",
    "Prompt",
    "RuleBook",
    "Session",
    "StreamTrackError",
    "Tracker",
    "TrackingConfig",
    "to_supervision",
]

_HOME = {
    "Event": "streamtrack.frame",
    "FilmSession": "streamtrack.tracking",
    "Frame": "streamtrack.frame",
    "FrameResult": "streamtrack.frame",
    "ObjectMask": "streamtrack.frame",
    "ObjectState": "streamtrack.frame",
    "Prompt": "streamtrack.prompt",
    "RuleBook": "streamtrack.rules.book",
    "Session": "streamtrack.tracking",
    "StreamTrackError": "streamtrack.errors",
    "Tracker": "streamtrack.tracking",
    "TrackingConfig": "streamtrack.config",
    "to_supervision": "streamtrack.rules.to_supervision",
}


def __getattr__(name: str) -> Any:
    """Import on first use, so that `streamtrack.client` stays light."""
    if name not in _HOME:
        raise AttributeError(f"module 'streamtrack' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)
