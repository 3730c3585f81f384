"""How long to wait before a lost source is tried again. Pure."""

from __future__ import annotations

from streamtrack.config import ReconnectConfig

MAX_DOUBLINGS = 32
"""Any sane maximum is met long before; beyond this, a camera that is off for a month would overflow."""


def backoff_delay_ms(config: ReconnectConfig, failures: int, unit_random: float) -> float:
    """Milliseconds to wait after so many failures in a row.

    The delay doubles from `first_delay_ms` up to `max_delay_ms`; the random share is taken off, never put on,
    so that the longest wait is the configured one.

    Args:
        failures: tries that failed since frames last came, from 1.
        unit_random: 0 up to 1, uniform.
    """
    if failures < 1:
        raise ValueError(f"failures is {failures}, expected 1 or more")
    longest = max(config.first_delay_ms, config.max_delay_ms)
    delay_ms = min(config.first_delay_ms * 2.0 ** min(failures - 1, MAX_DOUBLINGS), longest)
    return delay_ms * (1.0 - config.jitter * unit_random)
