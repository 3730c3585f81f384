"""What an error may quote of what a user wrote: never a text that might be a password, a token or a key.

Credentials end up in wrong places (`http: TOKEN`, `name: rtsp://user:password@camera`), and errors end up in
logs. Numbers, numbers with a unit and a few letters are quoted; of any other text its length is told.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Any

MAX_QUOTED_CHARS = 4
"""Shorter than any secret that is worth one."""
MAX_QUOTED_BITS = 30
"""Of an integer: nine digits."""
MAX_KEY_CHARS = 40
MAX_KEY_DIGITS = 3

_NUMBER_WITH_UNIT = re.compile(r"[+-]?\d{1,6}(?:\.\d{1,3})? ?[A-Za-z%]{0,2}")
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def describe_value(value: Any) -> str:
    """A value as an error may show it."""
    if isinstance(value, str):
        if len(value) <= MAX_QUOTED_CHARS or _NUMBER_WITH_UNIT.fullmatch(value):
            return repr(value)
        return f"{'a URL' if _SCHEME.match(value) else 'text'} of {len(value)} characters"
    if isinstance(value, int) and value.bit_length() > MAX_QUOTED_BITS:
        return "a number of 10 digits or more"
    if value is None or isinstance(value, bool | int | float):
        return repr(value)
    if isinstance(value, list | tuple | dict):
        kind = "mapping" if isinstance(value, dict) else "list"
        return f"a {kind} of {len(value)}" if value else repr(value)
    return type(value).__name__


def describe_address(address: str) -> str:
    """A host, or a ZeroMQ address, as an error may show it: itself where nothing in it was made up."""
    host = address.removeprefix("tcp://").rsplit(":", 1)[0] if "://" in address else address
    host = host.strip("[]")
    try:
        ipaddress.ip_address(host)
    except ValueError:
        known = host in ("*", "localhost") or len(host) <= MAX_QUOTED_CHARS
        return address if known else describe_value(address)
    return address


def describe_key(key: object) -> str:
    """A key as an error may show it: itself where it reads like one."""
    text = str(key)
    if len(text) <= MAX_KEY_CHARS and _KEY.fullmatch(text) and sum(map(str.isdigit, text)) <= MAX_KEY_DIGITS:
        return text
    if text.isdigit() and len(text) <= MAX_QUOTED_CHARS:  # the place in a list
        return text
    return f"({len(text)} characters)"
