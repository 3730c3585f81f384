"""Inertia: an answer that must hold before it is believed, so that a trembling mask tells nothing."""

from __future__ import annotations

from dataclasses import dataclass

from streamtrack.clock import NS_PER_MS, NS_PER_S
from streamtrack.rules.state import Moment

PATIENCE_NS = 2 * NS_PER_S
"""An answer that holds for so long without a break is believed also within the margin."""


@dataclass(slots=True)
class Settling:
    """A new answer from its first frame on, until it is believed or taken back."""

    since: Moment
    """Its first frame."""
    frames: int = 0
    """How often it was given in a row."""
    clear_frames: int = 0
    """How often of late it was given in a row from beyond the margin."""

    def hold(self, is_clear: bool) -> None:
        """It was given once more."""
        self.frames += 1
        self.clear_frames = self.clear_frames + 1 if is_clear else 0

    def has_held(self, now: Moment, hold_frames: int, hold_ms: int, *, patient: bool) -> bool:
        """Whether to believe it.

        Args:
            patient: time may stand for the margin.
        """
        held_ns = now.time_ns - self.since.time_ns
        if self.frames < hold_frames or held_ns < hold_ms * NS_PER_MS:
            return False
        return self.clear_frames >= hold_frames or (patient and held_ns >= PATIENCE_NS)
