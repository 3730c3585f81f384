"""One clock for all that a recorder writes: it never goes back, whatever a source's own times do. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from streamtrack.recording.film_packet import TICKS_PER_S

MAX_STEP_TICKS = 10 * TICKS_PER_S
"""A source whose times go further ahead at once has jumped; a film would stand still for so long."""
TICKS_PER_MS = TICKS_PER_S // 1000


@dataclass(frozen=True, slots=True)
class Placed:
    """A picture's times on the clock."""

    pts: int
    dts: int
    is_new_run: bool
    """It does not follow the one before: a film cannot hold both."""


class FilmClock:
    """Places the pictures of one stream, given in the order in which they are decoded."""

    def __init__(self) -> None:
        self._offset = 0
        self._last_dts: int | None = None
        self._last_wall_ms = 0
        self._is_new_run = True

    @property
    def now(self) -> int:
        """The newest picture's `dts`."""
        return self._last_dts or 0

    def restart(self) -> None:
        """The next picture follows none of those before."""
        self._is_new_run = True

    def place(self, pts: int | None, dts: int | None, wall_ms: int) -> Placed | None:
        """The times of a picture; None where it tells none.

        Args:
            pts, dts: of the source, in ticks of 1/90000 s.
            wall_ms: when it came.
        """
        if pts is None and dts is None:
            return None
        raw = dts if dts is not None else pts
        assert raw is not None
        last = self._last_dts
        moved = raw + self._offset
        if last is not None and not self._is_new_run and last >= moved > last - TICKS_PER_S:
            moved = last + 1  # a decode time that was guessed from the time of showing
        is_new_run = self._is_new_run or last is None or not last < moved <= last + MAX_STEP_TICKS
        if is_new_run:
            gap = 0 if last is None else max(1, (wall_ms - self._last_wall_ms) * TICKS_PER_MS)
            self._offset = (last or 0) + gap - raw
            moved = raw + self._offset
        self._is_new_run = False
        self._last_dts, self._last_wall_ms = moved, wall_ms
        shown = moved if pts is None else pts + self._offset
        return Placed(max(shown, moved), moved, is_new_run)
