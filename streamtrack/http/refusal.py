"""Why a request is not let in, as every check says it."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not let in."""

    status: HTTPStatus
    error: str
    kind: str = "forbidden"
    """The error's name for machines."""
    guess: str | None = None
    """The wrong token that was given."""
