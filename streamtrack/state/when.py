"""Moments that another process can compare with its own."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from streamtrack.clock import NS_PER_S, Clock, SystemClock

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

Nanoseconds = Annotated[int, Meta(ge=0, le=2**63 - 1)]


class Moment(msgspec.Struct, frozen=True):
    """When something was, by the wall clock and by the machine's time since it was switched on."""

    wall_ns: Nanoseconds
    boot_id: Annotated[str, Meta(max_length=64)] = ""
    """Names this run of the machine; empty where the system has no such name."""
    boot_ns: Nanoseconds = 0
    """Since the machine was switched on, its sleep included."""


def moment_of(clock: Clock) -> Moment:
    """This moment. A faked clock knows no boot."""
    wall_ns = max(0, clock.wall_ns())
    boot_clock = getattr(time, "CLOCK_BOOTTIME", None)
    if isinstance(clock, SystemClock) and boot_clock is not None:
        with contextlib.suppress(OSError, UnicodeDecodeError):
            boot_id = BOOT_ID.read_text(encoding="ascii").strip()[:64]
            return Moment(wall_ns, boot_id, time.clock_gettime_ns(boot_clock))
    return Moment(wall_ns)


def seconds_between(then: Moment, now: Moment) -> float | None:
    """How much later `now` is; None where that cannot be said: the wall clock went back meanwhile.

    Within one run of the machine it is exact, whatever was done to the wall clock.
    """
    if then.boot_id and then.boot_id == now.boot_id and now.boot_ns >= then.boot_ns:
        return (now.boot_ns - then.boot_ns) / NS_PER_S
    passed_ns = now.wall_ns - then.wall_ns
    return passed_ns / NS_PER_S if passed_ns >= 0 else None
