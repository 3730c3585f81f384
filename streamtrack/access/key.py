"""A key: who may come in by it, as what, until when. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from streamtrack.access.principal import Principal
from streamtrack.access.roles import Role
from streamtrack.errors import ConfigError

MAX_NAME_CHARS = 64
TAKEN_NAMES = frozenset({"anyone", "token"})
"""Whoever has these is known without a key."""

_NAME = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._@-]{{0,{MAX_NAME_CHARS - 1}}}")
_SPAN = re.compile(r"(\d{1,6})([smhdwy])")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800, "y": 365 * 86_400}


@dataclass(frozen=True, slots=True)
class Key:
    """One line of the key file."""

    key_id: str
    """Public: the part of the token by which the key is found."""
    name: str
    role: Role
    hashed: str
    """Of the secret."""
    made: datetime
    expires: datetime | None
    """None: never."""

    @property
    def principal(self) -> Principal:
        """Who its holder is."""
        return Principal(self.name, self.role, "key")

    def holds(self, now: datetime) -> bool:
        """Whether it has not expired."""
        return self.expires is None or now < self.expires


def check_name(name: str) -> str:
    """A name that a key may have.

    Raises:
        ConfigError: it may not.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"NAME is {name[:80]!r}, expected 1 to {MAX_NAME_CHARS} letters, digits, dots, dashes, _ or @"
        )
    if name in TAKEN_NAMES:
        raise ConfigError(f"NAME is {name!r}, which stands for whoever has no key; expected another")
    return name


def expiry_of(text: str, now: datetime) -> datetime:
    """The moment that a text names: `30d` from now, or a date or time in ISO 8601 (UTC unless it names a
    zone).

    Raises:
        ConfigError: it names none, or one that has passed.
    """
    got = f"--expires is {text[:40]!r}"
    try:
        span = _SPAN.fullmatch(text)
        if span is not None:
            moment = now + timedelta(seconds=int(span[1]) * _SECONDS[span[2]])
        else:
            moment = datetime.fromisoformat(text)
            moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise ConfigError(f"{got}, expected such as 12h, 30d, 1y or 2027-01-31T18:00") from None
    if moment <= now:
        raise ConfigError(f"{got}, which has passed; expected a moment to come")
    return moment.astimezone(UTC).replace(microsecond=0)
