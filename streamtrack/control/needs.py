"""What each command asks for, on every endpoint; one that is not named here is for admins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from streamtrack.access.roles import Role

VIEW = ("list", "find", "candidates", "export")
CONTROL = (
    *("add", "add_memory", "add_from", "propose", "correct", "mend", "likeness", "start_over", "undo"),
    *("clear", "choose", "merge", "remove", "label", "pause", "resume", "restart", "retry", "replay"),
)
COMMAND_NEEDS: Mapping[str, Role] = {
    **dict.fromkeys(VIEW, Role.VIEW),
    **dict.fromkeys(CONTROL, Role.CONTROL),
}
OF_MACHINES = frozenset({"likeness", "mend"})
"""What detectors send many times a second."""


def op_of(command: Any) -> str:
    """What a command that was not checked yet calls itself."""
    op = command.get("op") if isinstance(command, dict) else None
    return op if isinstance(op, str) else ""


def need_of(command: Any) -> Role:
    """What a command that was not checked yet asks for."""
    return COMMAND_NEEDS.get(op_of(command), Role.ADMIN)
