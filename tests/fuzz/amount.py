"""How much is tried: a little in `make test`, the whole in `make fuzz`, or a share of the whole."""

from __future__ import annotations

import os
import random

SHARE = float(os.environ.get("STREAMTRACK_FUZZ", "0"))
"""Of the whole: 1 is all of it, 0.25 with four seeds the same in four runs; 0 a little of each."""
FULL = SHARE > 0
SEED = int(os.environ.get("STREAMTRACK_FUZZ_SEED", "1"))
"""Another one tries other inputs; a failure names what it was given, so it needs no seed to be seen again."""


def amount(short: int, full: int) -> int:
    """How many inputs to try."""
    return max(short, round(full * SHARE))


def dice(what: str) -> random.Random:
    """Random numbers for one target, the same at each run of one seed."""
    return random.Random(f"{SEED}-{what}")
