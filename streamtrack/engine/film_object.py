"""One object of a film: what its prompts made of it, and what was found where it was followed."""

from __future__ import annotations

from dataclasses import dataclass, field

from streamtrack.engine.film_outputs import FilmOutput, FollowedOutputs
from streamtrack.engine.read_plan import Stored
from streamtrack.engine.view import View

VIEWS = 64
"""Windows of frames that are no longer there, before they are forgotten."""


@dataclass(slots=True, eq=False)
class FilmObject:
    """Outputs by frame_idx. Prompts wait until `commit`: so long no other frame reads them."""

    followed: FollowedOutputs
    """Frames on which its memory found it."""
    conditioning: dict[int, FilmOutput] = field(default_factory=dict)
    """Frames with prompts, which every frame reads. None of them is among those followed."""
    waiting: dict[int, FilmOutput] = field(default_factory=dict)
    """Frames that will be conditioning frames."""
    waiting_corrections: dict[int, FilmOutput] = field(default_factory=dict)
    """Frames whose followed output will be another one."""
    aside: FollowedOutputs = field(default_factory=lambda: FollowedOutputs(None))
    """Frames that are unfit to be remembered: shown, and never read."""
    anchors: dict[int, FilmOutput] = field(default_factory=dict)
    """Followed frames that are read for long, in the order in which they were followed."""
    views: dict[int, View | None] = field(default_factory=dict)
    """Windows through which frames were looked at, where they were not looked at as a whole."""
    visited: dict[int, bool] = field(default_factory=dict)
    """Frames that a pass has been through, and whether that was backward."""

    def __getitem__(self, frame_idx: int) -> FilmOutput:
        """The output that other frames read. Raises KeyError where there is none."""
        output = self.conditioning.get(frame_idx)
        if output is None and frame_idx not in self.followed:
            output = self.anchors.get(frame_idx)
        return self.followed[frame_idx] if output is None else output

    def anchor(self, frame_idx: int, most: int) -> None:
        """Read a followed frame for long, if it is one; the oldest of more than `most` such frames goes."""
        if frame_idx not in self.followed:
            return
        self.anchors.pop(frame_idx, None)
        self.anchors[frame_idx] = self.followed[frame_idx]
        while len(self.anchors) > most:
            del self.anchors[next(iter(self.anchors))]

    def shown(self, frame_idx: int, *, corrections: bool = False) -> FilmOutput | None:
        """The newest output of a frame, if it has one.

        Args:
            corrections: look at waiting corrections and not at waiting conditioning frames.
        """
        pending = self.waiting_corrections if corrections else self.waiting
        for outputs in (pending, self.conditioning, self.followed, self.aside):
            if frame_idx in outputs:
                return outputs[frame_idx]
        return None

    def note(self, frame_idx: int, output: FilmOutput | None, *, fit_to_remember: bool = True) -> None:
        """Keep what was found on a frame instead of what was found there before; None: nothing was."""
        self.anchors.pop(frame_idx, None)
        kept, other = (self.followed, self.aside) if fit_to_remember else (self.aside, self.followed)
        other.pop(frame_idx, None)
        if output is None:
            kept.pop(frame_idx, None)
        else:
            kept[frame_idx] = output
        if len(self.views) > 2 * (len(self.followed) + len(self.aside) + len(self.conditioning)) + VIEWS:
            self.views = {index: view for index, view in self.views.items() if self.shown(index) is not None}

    def put_aside(self, frame_idx: int) -> None:
        """A followed frame is shown, and read no more."""
        if frame_idx in self.followed:
            self.aside[frame_idx] = self.followed.pop(frame_idx)

    def stored(self, frame_idx: int) -> Stored:
        """What a plan may read for a frame."""
        return Stored(
            frame_idx, sorted(self.conditioning), self.followed, self.followed, {}, tuple(self.anchors)
        )

    def commit(self, *, clear_within: int | None = None) -> None:
        """Let other frames read the prompts that waited.

        Args:
            clear_within: forget what was found this many frames around each of them.
        """
        corrected, prompted = dict(self.waiting_corrections), dict(self.waiting)
        self.followed.update(corrected)
        for frame_idx, output in prompted.items():
            self.conditioning[frame_idx] = output
            self.followed.pop(frame_idx, None)
        if clear_within is not None:
            for frame_idx in (*corrected, *prompted):
                self.forget_around(frame_idx, clear_within)
        self.waiting.clear()
        self.waiting_corrections.clear()

    def clear_prompts(self, frame_idx: int) -> None:
        """A frame is no conditioning frame any more; its mask stays, as one that was followed."""
        self.waiting.pop(frame_idx, None)
        self.waiting_corrections.pop(frame_idx, None)
        output = self.conditioning.pop(frame_idx, None)
        if output is not None:
            self.followed[frame_idx] = output
            self.visited.pop(frame_idx, None)

    def forget_around(self, frame_idx: int, reach: int) -> None:
        """Forget what was found on the frames around a prompt: it may show the object as it never was."""
        for near in range(frame_idx - reach, frame_idx + reach + 1):
            self.followed.pop(near, None)

    def keep_conditioning(self, limit: int) -> None:
        """Forget conditioning frames but the first and the newest, so that at most `limit` are left."""
        others = sorted(self.conditioning)[1:]
        for frame_idx in others[: max(0, len(others) - (limit - 1))]:
            self.followed[frame_idx] = self.conditioning.pop(frame_idx)

    def close(self) -> None:
        """Give back what lies in a file."""
        self.followed.clear()
        self.aside.clear()
        self.anchors.clear()
