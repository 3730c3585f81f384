"""Secrets at rest: argon2id, by argon2-cffi."""

from __future__ import annotations

import argon2
from argon2.exceptions import InvalidHashError, VerificationError

from streamtrack.access.tokens import new_token

MAX_MEMORY_KIB, MAX_ROUNDS, MAX_LANES = 1 << 20, 32, 64
"""A file may not ask for more than this to be computed."""


class Hasher:
    """Hashes secrets, and looks whether a secret is the hashed one."""

    def __init__(self, parameters: argon2.Parameters | None = None) -> None:
        """`parameters` of new hashes; None: those that argon2-cffi recommends (RFC 9106, 64 MiB)."""
        self._hasher = (
            argon2.PasswordHasher()
            if parameters is None
            else argon2.PasswordHasher.from_parameters(parameters)
        )

    def hash(self, secret: str) -> str:
        """A salted hash with its parameters, as text."""
        return self._hasher.hash(secret)

    def fits(self, hashed: str, secret: str) -> bool:
        """Whether a hash is of this secret; the comparison takes the same time wherever they differ."""
        try:
            return self._hasher.verify(hashed, secret)
        except (VerificationError, InvalidHashError):
            return False


def decoy_like(hashed: str) -> str:
    """The hash of a secret that nobody has, which costs what `hashed` costs: looked at where there is no key,
    so that time does not tell which keys there are."""
    parameters = argon2.extract_parameters(hashed)
    return Hasher(parameters).hash(new_token()[1])


def hash_fault(hashed: str) -> str | None:
    """What keeps a text from being a hash that can be looked at; None where nothing does."""
    try:
        found = argon2.extract_parameters(hashed)
    except (InvalidHashError, ValueError):
        return "is no argon2 hash"
    if found.type is not argon2.Type.ID:
        return "is no argon2id hash"
    if found.memory_cost > MAX_MEMORY_KIB or found.time_cost > MAX_ROUNDS or found.parallelism > MAX_LANES:
        return "asks for more than 1 GiB or 32 rounds"
    return None
