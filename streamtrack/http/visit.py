"""Who a request is from, as routes see it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import HTTPConnection

from streamtrack.access.door import OPEN_PASS, Door, Pass

KEY = "streamtrack.visit"
"""Where it lies in a request's scope."""


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody who was let in, and by which door."""

    admitted: Pass
    door: Door

    def keep(self, end: Callable[[], None], lasts: Callable[[], bool]) -> None:
        """Have what outlives the request end with the pass; see `Door.keep`."""
        self.door.keep(self.admitted, end, lasts)


def visit_of(request: HTTPConnection) -> Visit | None:
    """The visit; None where nobody was asked for (an open route, or an app without a guard)."""
    found = request.scope.get(KEY)
    return found if isinstance(found, Visit) else None


def admitted_by(request: HTTPConnection) -> Pass:
    """The pass of a request that was let in."""
    visit = visit_of(request)
    return OPEN_PASS if visit is None else visit.admitted
