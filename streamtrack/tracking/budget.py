"""Whom the network looks at on a frame, where it has time for some objects only. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Standby:
    """An object ahead of a frame."""

    carried: int
    """Frames in a row up to the one before on which the network did not look at it."""
    need: float
    """How much it needs to be looked at, beside that; from 0."""
    at_once: bool = False
    """It must be looked at now, whoever else must."""


def longest_carry(number: int, per_step: int, most_carried: int) -> int:
    """For how many frames in a row an object of so many is carried at most: `most_carried`, or where their
    turns are further apart, as long as it takes until all have had theirs."""
    return max(most_carried, -(-number // per_step) - 1)


def choose(standing: Sequence[Standby], per_step: int, most_carried: int) -> list[int]:
    """Places of those who are looked at, ascending.

    Nobody is carried for longer than `longest_carry`, however much others need. So that not too many are due
    on one frame, those who have waited longest go first as soon as the frames that are left would not do for
    all of them. Other turns go to those who need it most.

    Args:
        per_step: objects that are looked at; more only where more must be `at_once`.
    """
    bound = longest_carry(len(standing), per_step, most_carried)
    chosen = {place for place, one in enumerate(standing) if one.at_once}
    waiting = [place for place in range(len(standing)) if place not in chosen]
    waiting.sort(key=lambda place: -standing[place].carried)
    due = 0
    for number, place in enumerate(waiting, start=1):
        frames_left = max(0, bound - standing[place].carried)
        due = max(due, number - per_step * frames_left)
    due = min(due, per_step)
    chosen.update(waiting[:due])
    room = max(0, per_step - len(chosen))
    others = sorted(waiting[due:], key=lambda place: -standing[place].need - standing[place].carried / bound)
    chosen.update(others[:room])
    return sorted(chosen)
