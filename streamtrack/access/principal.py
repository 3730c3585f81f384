"""Who asks, as far as the server knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from streamtrack.access.refusals import ForbiddenError
from streamtrack.access.roles import Role

Kind = Literal["key", "token", "curve", "anyone"]
"""By what somebody is known: a key of the key file, the config's token, a CURVE key; or not at all, where
nothing asks for authentication."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody who may come in."""

    name: str
    role: Role
    kind: Kind

    def require(self, needed: Role, what: str) -> None:
        """See that this principal may do something.

        Args:
            what: the route or command, for the error.
        Raises:
            ForbiddenError: the role is too small.
        """
        if not self.role.allows(needed):
            raise ForbiddenError(what, self.role, needed)


ANYONE = Principal("anyone", Role.ADMIN, "anyone")
"""Everybody on this machine, where nothing asks for authentication."""
LISTED = Principal("curve", Role.ADMIN, "curve")
"""Whoever has a CURVE key that stands in a list without roles."""
TOKEN = Principal("token", Role.ADMIN, "token")
"""Whoever has the config's one token."""
