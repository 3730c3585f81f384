"""Errors of those who may not: the same on every endpoint, with the kinds that HTTP and ZeroMQ tell."""

from __future__ import annotations

from streamtrack.access.roles import Role
from streamtrack.errors import StreamTrackError


class UnauthorizedError(StreamTrackError):
    """A request without a key, or with one that does not hold: wrong, revoked, expired."""

    kind = "unauthorized"
    http_status = 401


class ForbiddenError(StreamTrackError):
    """A request whose role is too small."""

    kind = "forbidden"
    http_status = 403

    def __init__(self, what: str, role: Role, needed: Role) -> None:
        super().__init__(f"{what} needs the role {needed.value}, yours is {role.value}")
        self.role = role
        self.needed = needed


class TooManyGuessesError(UnauthorizedError):
    """A token that is not looked at, because others from there were wrong."""

    kind = "too_many_guesses"
    http_status = 429

    def __init__(self, wait_s: int) -> None:
        super().__init__(f"too many wrong tokens came from this address, expected none for {wait_s} s")
        self.wait_s = wait_s
