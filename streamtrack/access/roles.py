"""What somebody may do, in three steps: each role may do all that the one before it may."""

from __future__ import annotations

from enum import Enum


class Role(Enum):
    """view < control < admin."""

    VIEW = "view"
    """See and hear everything that is not secret."""
    CONTROL = "control"
    """Change what is followed: prompts, objects, rules, cameras that turn, snoozes, jobs, recording."""
    ADMIN = "admin"
    """Cameras, reload, deletion of recordings and history, keys, the audit log."""

    def allows(self, needed: Role) -> bool:
        """Whether this role may do what needs `needed`."""
        return _RANKS[self] >= _RANKS[needed]


_RANKS = {role: rank for rank, role in enumerate(Role)}
