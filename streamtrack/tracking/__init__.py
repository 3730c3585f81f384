"""The tracker: prompts, the bounded memory, one step a frame."""

from streamtrack.tracking.film_session import FilmSession
from streamtrack.tracking.prompts import Prompt
from streamtrack.tracking.session import Session
from streamtrack.tracking.tracker import Tracker

__all__ = ["FilmSession", "Prompt", "Session", "Tracker"]
