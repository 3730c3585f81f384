"""Where a video's frames lie: their presentation times by number, and the keyframes among them."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

from streamtrack.ingest.av_decoder import AvDecoder


@dataclass(frozen=True, slots=True)
class FilmIndex:
    """Frames by number. Eight bytes each: a film of hours takes a megabyte or two."""

    times: array[int]
    """Presentation times in ticks, rising."""
    keys: array[int]
    """Numbers of the frames from which on a decoder can begin."""

    def __len__(self) -> int:
        return len(self.times)

    def number_of(self, ticks: int | None) -> int | None:
        """The frame that is shown at a time; None where no frame is."""
        if ticks is None:
            return None
        at = bisect_left(self.times, ticks)
        return at if at < len(self.times) and self.times[at] == ticks else None

    def key_before(self, number: int) -> int:
        """The last frame up to this one from which on a decoder can begin."""
        return self.keys[max(0, bisect_right(self.keys, number) - 1)]


def index_packets(decoder: AvDecoder) -> FilmIndex | None:
    """The frames as the container's packets tell them; None where those cannot be trusted to be one picture
    each, shown at the time they name."""
    times: array[int] = array("q")
    keys: array[int] = array("q")
    newest_dts: int | None = None
    for pts, dts, is_key in decoder.coded_times():
        # A clock that was set, or wraps, says nothing of the order.
        if pts is None or (dts is not None and newest_dts is not None and dts <= newest_dts):
            return None
        newest_dts = dts if dts is not None else newest_dts
        times.append(pts)
        if is_key:
            keys.append(pts)
    index = index_times(times, keys)
    return index if len(index) == len(times) and decoder.is_timed_by_picture else None


def index_times(times: Iterable[int], key_times: Iterable[int]) -> FilmIndex:
    """The index of frames that are shown at these times, in any order."""
    index = FilmIndex(array("q", sorted(set(times))), array("q"))
    numbers = (index.number_of(ticks) for ticks in sorted(set(key_times)))
    index.keys.extend(number for number in numbers if number is not None)
    if not index.keys or index.keys[0] != 0:
        index.keys.insert(0, 0)
    return index
