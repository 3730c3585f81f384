"""The tracker: prompts, the bounded memory, one step a frame."""

from streamtrack.tracking.prompts import Prompt
from streamtrack.tracking.session import Session
from streamtrack.tracking.tracker import Tracker

__all__ = ["Prompt", "Session", "Tracker"]
