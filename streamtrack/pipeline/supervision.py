"""When a stream that failed is tried again, and what is said of its failure."""

from __future__ import annotations

from streamtrack.config import SupervisionConfig


def restart_delay_ms(limits: SupervisionConfig, failures: int) -> int:
    """How long to wait before the next try, after so many failures in a row (1 or more)."""
    return min(limits.restart_max_ms, limits.restart_initial_ms << min(failures - 1, 16))


def why_it_failed(error: BaseException) -> str:
    """An exception in one line and in words, also where it says nothing itself."""
    text = " ".join(str(error).split())[:200]
    if not text and isinstance(error, MemoryError):
        text = "the machine has no memory left"
    return f"{type(error).__name__}: {text}" if text else f"{type(error).__name__} without a message"
