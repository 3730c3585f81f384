"""How long to wait before a lost source is tried again. Pure."""

from __future__ import annotations

from streamtrack.config import ReconnectConfig

MAX_DOUBLINGS = 32
"""Any sane maximum is met long before; beyond this, a camera that is off for a month would overflow."""


def backoff_delay_ms(
    config: ReconnectConfig, failures: int, unit_random: float, *, refused: bool = False
) -> float:
    """Milliseconds to wait after so many failures in a row.

    The delay doubles from `first_delay_ms` and is longer or shorter by the random share, so that cameras that
    went together come back one by one; `max_delay_ms` is never passed.

    Args:
        failures: tries that failed since frames last came, from 1.
        unit_random: 0 up to 1, uniform.
        refused: user or password were refused: `refused_delay_ms`, less its random share, from the first on.
    """
    if failures < 1:
        raise ValueError(f"failures is {failures}, expected 1 or more")
    longest = max(config.first_delay_ms, config.max_delay_ms)
    if refused:
        return max(config.refused_delay_ms, longest) * (1.0 - config.jitter * unit_random / 2)
    middle = min(
        config.first_delay_ms * 2.0 ** min(failures - 1, MAX_DOUBLINGS), longest / (1 + config.jitter)
    )
    return min(longest, middle * (1.0 + config.jitter * (2 * unit_random - 1)))
