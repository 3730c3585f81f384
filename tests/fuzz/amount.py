"""How much is tried: a little in `make test`, the whole under STREAMTRACK_FUZZ=full (`make fuzz`)."""

from __future__ import annotations

import os
import random

FULL = os.environ.get("STREAMTRACK_FUZZ") == "full"
SEED = int(os.environ.get("STREAMTRACK_FUZZ_SEED", "1"))
"""Another one tries other inputs; a failure names what it was given, so it needs no seed to be seen again."""


def amount(short: int, full: int) -> int:
    """How many inputs to try."""
    return full if FULL else short


def dice(what: str) -> random.Random:
    """Random numbers for one target, the same at each run of one seed."""
    return random.Random(f"{SEED}-{what}")
