"""A CURVE key's holder as ZeroMQ carries him: the User-Id of a ZAP answer comes with each of his messages."""

from __future__ import annotations

from streamtrack.access.principal import Principal
from streamtrack.access.roles import Role


def write_user_id(principal: Principal) -> bytes:
    """What the ZAP handler answers, so that whoever gets the messages knows whom they are from."""
    return f"{principal.role.value} {principal.name}".encode()


def read_user_id(user_id: str) -> Principal | None:
    """Whom a message is from; None where the ZAP handler named nobody."""
    role, _, name = user_id.partition(" ")
    if not name or role not in {one.value for one in Role}:
        return None
    return Principal(name, Role(role), "curve")
