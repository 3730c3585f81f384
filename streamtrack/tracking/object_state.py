"""Honesty about loss: what to call an object, from its scores and the time since it was last seen. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from streamtrack.clock import NS_PER_MS
from streamtrack.frame import EventKind, ObjectState

EVENT_OF_STATE = {
    ObjectState.TRACKING: EventKind.TRACKING,
    ObjectState.UNCERTAIN: EventKind.UNCERTAIN,
    ObjectState.OCCLUDED: EventKind.OCCLUDED,
    ObjectState.LOST: EventKind.LOST,
}

SURE_AGAIN = 0.1
"""How far above the bound the estimate must come before an `uncertain` object is `tracking` again: estimates
waver from frame to frame, and around one bound every frame would be news (six events a second were seen)."""


@dataclass(slots=True)
class ObjectStateMachine:
    """Follows one object's state over its frames."""

    uncertain_iou_score: float
    """Below this estimate a visible object is `uncertain`."""
    lost_after_ms: int
    """Not visible for longer than this: `lost`."""
    state: ObjectState = ObjectState.TRACKING
    last_seen_ns: int | None = None
    """Stream time at which it was last visible."""
    was_lost: bool = False
    """What shows now is not confirmed, and it was lost before."""

    def update(self, *, visible: bool, iou_score: float, now_ns: int, confirmed: bool = True) -> ObjectState:
        """The state after a frame.

        Args:
            now_ns: stream time, which only ever rises.
            confirmed: False: it was hidden, and what shows may be another; it counts as not seen yet.
        """
        if visible and not confirmed:
            if self.last_seen_ns is None:
                self.last_seen_ns = now_ns
            self.was_lost = self.was_lost or self.state is ObjectState.LOST
            self.state = ObjectState.UNCERTAIN
        elif visible:
            self.was_lost = False
            self.last_seen_ns = now_ns
            was_unsure = self.state is ObjectState.UNCERTAIN
            bound = min(1.0, self.uncertain_iou_score + SURE_AGAIN * was_unsure)
            sure = iou_score >= bound
            self.state = ObjectState.TRACKING if sure else ObjectState.UNCERTAIN
        else:
            if self.last_seen_ns is None:
                self.last_seen_ns = now_ns
            hidden_ns = now_ns - self.last_seen_ns
            lost = hidden_ns > self.lost_after_ms * NS_PER_MS
            self.state = ObjectState.LOST if lost else ObjectState.OCCLUDED
        return self.state


def before_confirmed(before: ObjectState, *, was_lost: bool, visible: bool, confirmed: bool) -> ObjectState:
    """The state before a frame, for what is to be told of the change: an object that was lost is found when
    it is confirmed, and not before."""
    if was_lost and visible and confirmed:
        return ObjectState.LOST
    return ObjectState.OCCLUDED if before is ObjectState.LOST and visible and not confirmed else before


def event_of_change(before: ObjectState, after: ObjectState) -> EventKind | None:
    """What to tell of a change of state; None where nothing changed."""
    if before == after:
        return None
    visible_again = after in (ObjectState.TRACKING, ObjectState.UNCERTAIN)
    if visible_again and before == ObjectState.LOST:
        return EventKind.FOUND
    return EVENT_OF_STATE[after]
