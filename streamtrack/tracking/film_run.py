"""A run through a film: prompts first, then the passes; results are told in the film's own order."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Protocol

from streamtrack.config import TrackingConfig
from streamtrack.frame import Frame, FrameResult
from streamtrack.tracking.film_memory import restore_memory, save_memory
from streamtrack.tracking.film_results import FilmResults
from streamtrack.tracking.film_seen import Seen, SeenStore
from streamtrack.tracking.film_span import Direction, FilmSpan, Passes, plan_passes
from streamtrack.tracking.film_tracks import FilmTracks

SAVE_EVERY = 100
"""Frames after which a pass keeps its memory, to go on from there."""


class FilmSource(Protocol):
    """A film that can be read in any order. `streamtrack.ingest.FilmReader` is one."""

    def frames(self, numbers: range) -> Iterator[Frame]:
        """The frames of these numbers, as far as the film goes; `seq` is the number."""

    def count(self, enough: int | None = None) -> int:
        """The number of frames; where `enough` are there, that says all that was asked."""


class FilmRun:
    """Follows prompted objects through a film once, with a memory that does not grow with it.

    Each object goes its own way, as if it were the only one: forward from its earliest prompt (from `start`,
    where that is given), backward from its latest (from `end`). In a run of both directions it is told as the
    backward pass saw it ahead of its earliest prompt, and as the forward pass did from there on.

    The backward pass comes first, and what it saw lies in the store until its frames are told; forward
    frames are told as they are found.
    """

    def __init__(
        self,
        tracks: FilmTracks,
        source: FilmSource,
        span: FilmSpan,
        direction: Direction,
        store: SeenStore,
        config: TrackingConfig,
        *,
        num_frames: int | None = None,
        first: int | None = None,
        last: int | None = None,
    ) -> None:
        """Plan the passes.

        Args:
            num_frames: of the film; None where nobody counted them, which a run that goes backward from
                `last` wants.
            first, last: positions, as of `plan_passes`.
        Raises:
            ConfigError: no such direction. PromptError: no object has a prompt.
        """
        self._tracks, self._source, self._span, self._store = tracks, source, span, store
        self._direction = direction
        self._first, self._last = first, last
        self.passes: Passes = plan_passes(
            direction, tracks.prompted, span.num_positions(num_frames), first, last
        )
        """Positions that are followed and told."""
        self._results = FilmResults(tracks.by_id, span, tracks.config)
        self._reach = {
            key: (min(track.conditioning), max(track.conditioning)) for key, track in tracks.by_id.items()
        }

    def results(self) -> Iterator[FrameResult | None]:
        """Each frame's result, in the film's order; None for each frame of the backward pass, which comes
        first."""
        for _ in self._go_backward():
            yield None
        yield from self._tell()

    def results_backward(self) -> Iterator[FrameResult]:
        """The results of a run that is backward alone, as they are found: the film's last frame first."""
        assert self.passes.backward is not None
        self._tracks.begin(reverse=True)
        for frame in self._source.frames(self._span.numbers(self.passes.backward)):
            started_ns = time.monotonic_ns()
            position = self._span.position(frame.seq)
            seen = self._follow(frame, position, reverse=True)
            yield self._results.result(frame, seen, started_ns=started_ns)

    # -- passes ------------------------------------------------------------------------------------

    def _go_backward(self) -> Iterator[None]:
        """Follow backward those objects that are told as they were seen so."""
        positions = self.passes.backward
        if positions is None or not any(self._is_told_backward(key, positions[-1]) for key in self._reach):
            return
        positions = self._go_on(positions, reverse=True)
        for frame in self._source.frames(self._span.numbers(positions)):
            position = self._span.position(frame.seq)
            seen = self._follow(frame, position, reverse=True)
            self._keep(position, seen, reverse=True)
            yield

    def _tell(self) -> Iterator[FrameResult]:
        """Follow forward, and tell every frame."""
        forward = range(0) if self.passes.forward is None else self.passes.forward
        new = self._go_on(forward, reverse=False)
        for frame in self._source.frames(self._span.numbers(self.passes.told)):
            started_ns = time.monotonic_ns()
            position = self._span.position(frame.seq)
            seen: dict[int, Seen] = {}
            if self.passes.backward is not None:
                kept = self._store.get(position, reverse=True) or {}
                seen = {key: one for key, one in kept.items() if self._is_told_backward(key, position)}
            if position in new:
                found = self._follow(frame, position, reverse=False)
                self._keep(position, found, reverse=False)
                seen |= found
            elif position in forward:
                seen |= self._store.get(position, reverse=False) or {}
            yield self._results.result(frame, seen, started_ns=started_ns)

    def _follow(self, frame: Frame, position: int, *, reverse: bool) -> dict[int, Seen]:
        among = [key for key in self._reach if self._is_followed(key, position, reverse=reverse)]
        return self._tracks.follow(frame, position, reverse=reverse, among=among)

    def _is_followed(self, object_id: int, position: int, *, reverse: bool) -> bool:
        """Whether a pass has come to an object."""
        earliest, latest = self._reach[object_id]
        if reverse:
            from_end = self._direction == "backward" and self._last is not None
            return (position <= latest or from_end) and self._is_told_backward(object_id, 0)
        from_start = self._direction == "forward" and self._first is not None
        return position >= earliest or from_start

    def _is_told_backward(self, object_id: int, position: int) -> bool:
        """Whether an object's result on a frame is that of the backward pass."""
        if self.passes.backward is None or self.passes.forward is None:
            return self.passes.forward is None
        return position < self._reach[object_id][0]

    # -- going on where a run was broken off -------------------------------------------------------

    def _keep(self, position: int, seen: Mapping[int, Seen], *, reverse: bool) -> None:
        if not self._store.has(position, reverse=reverse):
            self._store.put(position, seen, reverse=reverse)
        if position % SAVE_EVERY == 0:
            memory = partial(save_memory, self._tracks.by_id, reverse=reverse)
            self._store.save_memory(position, memory, reverse=reverse)

    def _go_on(self, positions: range, *, reverse: bool) -> range:
        """What is left of a pass behind the place where its memory was last kept."""
        self._tracks.begin(reverse=reverse)
        saved = self._store.saved_memory(reverse=reverse)
        if saved is None or saved[0] not in positions:
            return positions
        position, memory = saved
        known = positions[: positions.index(position) + 1]
        if not all(self._store.has(one, reverse=reverse) for one in known):
            return positions
        for one in known:
            self._tracks.seen_before(one, self._store.get(one, reverse=reverse) or {}, reverse=reverse)
        restore_memory(self._tracks.by_id, memory, self._tracks.device, reverse=reverse)
        return positions[len(known) :]
