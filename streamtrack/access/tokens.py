"""What a key's holder shows: `st_<id>_<secret>`. The id finds the key, so that one hash is computed for a
request; the secret is what only the holder knows."""

from __future__ import annotations

import re
import secrets

ID_BYTES = 5
SECRET_BYTES = 24
"""192 random bits: nobody finds them by trying, whatever the hash costs."""

_TOKEN = re.compile(r"st_([0-9a-f]{10})_([0-9a-f]{48})")


def new_token() -> tuple[str, str]:
    """The id and the secret of a new key."""
    return secrets.token_hex(ID_BYTES), secrets.token_hex(SECRET_BYTES)


def write_token(key_id: str, secret: str) -> str:
    """The text that is handed to the holder."""
    return f"st_{key_id}_{secret}"


def read_token(text: str) -> tuple[str, str] | None:
    """The id and the secret in a text; None where it is no key's token."""
    found = _TOKEN.fullmatch(text)
    return None if found is None else (found[1], found[2])
