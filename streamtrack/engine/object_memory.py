"""One object in the memory bank: which of its frames lies where. Bookkeeping only, no numbers are touched."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from streamtrack.engine.drift import Carried
from streamtrack.engine.read_plan import Evidence, Stored
from streamtrack.engine.view import View


@dataclass(slots=True)
class ObjectMemory:
    """Where one object's memory lies."""

    slot: int
    """Row of the bank's tensors."""
    first_frame: int
    """The frame of its first prompt."""
    free_features: list[int]
    """Positions of memory features that hold nothing."""
    free_pointers: list[int]
    """Positions of object pointers that hold nothing."""
    conditioning: dict[int, int] = field(default_factory=dict)
    """Conditioning frames, oldest first: frame_idx to position among the conditioning slots."""
    mended: set[int] = field(default_factory=set)
    """Frames that were conditioned by what was found, and not by what anybody said."""
    features: dict[int, int] = field(default_factory=dict)
    """Followed frames whose memory features are stored, in the order in which they were followed: frame_idx
    to position."""
    pointers: dict[int, int] = field(default_factory=dict)
    """The same for object pointers."""
    evidence: dict[int, Evidence] = field(default_factory=dict)
    """What was found on the frames that are stored."""
    not_finite: set[int] = field(default_factory=set)
    """Kept frames on which the network's numbers were not finite."""
    views: dict[int, View] = field(default_factory=dict)
    """Kept frames that were seen through a window, and through which."""
    followed: tuple[int, int] = (-1, -1)
    """The frame that was followed before the newest one, and the newest one."""
    origin: int = 0
    """The frame from which a plan counts; another one where the memory comes from another stream."""

    left_out: set[int] = field(default_factory=set)
    """Kept frames on which the network has no time for it: on them its mask is carried, unless a prompt says
    what it is."""
    carried: dict[int, Carried] = field(default_factory=dict)
    """Of those, the ones whose mask is a carried one, and from where."""
    expected: tuple[float, float, float, float, float] | None = None
    """Where it is expected on the frame that is followed next, see `MemoryRead.expected`."""

    def stored(self, frame_idx: int) -> Stored:
        """What a plan may read for a frame."""
        return Stored(
            frame_idx,
            sorted(self.conditioning),
            self.features,
            self.pointers,
            self.evidence,
            origin=self.origin,
        )

    def note_view(self, frame_idx: int, view: View | None) -> None:
        """Through which window a frame is seen; None: whole."""
        self.views.pop(frame_idx, None)
        if view is not None:
            self.views[frame_idx] = view

    def forget_far(self, frame_idx: int, history_frames: int) -> None:
        """Forget what is known of frames that are no longer kept."""
        self.not_finite = {i for i in self.not_finite if abs(frame_idx - i) < history_frames}
        self.mended = {
            i for i in self.mended if i in self.conditioning or abs(frame_idx - i) < history_frames
        }
        self.views = {i: view for i, view in self.views.items() if abs(frame_idx - i) < history_frames}
        if self.left_out:
            self.left_out = {i for i in self.left_out if abs(frame_idx - i) < history_frames}
            self.carried = {i: one for i, one in self.carried.items() if abs(frame_idx - i) < history_frames}

    def anchor(self, frame_idx: int) -> None:
        """A stored frame is one of those that are remembered for long."""
        if frame_idx in self.evidence:
            self.evidence[frame_idx] = replace(self.evidence[frame_idx], anchor=True)

    def note_followed(self, frame_idx: int) -> None:
        """A frame was followed, for the first time or anew."""
        if self.followed[1] != frame_idx:
            self.followed = self.followed[1], frame_idx
        self.not_finite.discard(frame_idx)
        self.evidence.pop(frame_idx, None)
        self.carried.pop(frame_idx, None)

    def note_carried(self, frame_idx: int, how: Carried) -> None:
        """The network did not look at a frame; where its mask had gone is kept of the newest one only."""
        for index, one in self.carried.items():
            if one.drift is not None:
                self.carried[index] = replace(one, drift=None)
        self.carried[frame_idx] = how

    def looked_at(self, frame_idx: int) -> int:
        """The last frame up to a kept one that the network looked at."""
        carried = self.carried.get(frame_idx)
        return frame_idx if carried is None else carried.looked_at

    def evicted_for(self, frame_idx: int, places: int) -> int | None:
        """The conditioning frame that makes room for this one, if one must; there are so many places."""
        # The first prompt says what the object is and stays.
        others = list(self.conditioning)[1:]
        if frame_idx in self.conditioning or not others:
            return None
        mended = [index for index in others if index in self.mended]
        if frame_idx in self.mended:  # what was found has one place, and takes none from anybody
            return mended[0] if mended else None
        if len(self.conditioning) < places:
            return None
        return mended[0] if mended else others[0]

    def has_no_place(self, frame_idx: int, places: int) -> bool:
        """Whether a frame can lie in none of so many places for conditioning frames."""
        return frame_idx not in self.conditioning and len(self.conditioning) >= places

    def release(self, frame_idx: int) -> None:
        """Forget a followed frame; its positions are free again. Conditioning slots stay."""
        for positions, free in ((self.features, self.free_features), (self.pointers, self.free_pointers)):
            if frame_idx in positions:
                free.append(positions.pop(frame_idx))
        if frame_idx not in self.conditioning:
            self.evidence.pop(frame_idx, None)

    def forget_after(self, frame_idx: int) -> None:
        """Forget every frame behind one that is about to change; they will be followed again."""
        for later in [index for index in self.conditioning if index > frame_idx]:
            del self.conditioning[later]
        for later in [index for index in {**self.features, **self.pointers} if index > frame_idx]:
            self.release(later)
        for later in [index for index in self.carried if index > frame_idx]:
            del self.carried[later]


@dataclass(frozen=True, slots=True)
class Rows:
    """Where one frame of an object lies in the bank's tensors; None where it has no such part."""

    slot: int
    features: int | None
    pointer: int | None
    shown: int | None = None
    """Mask logits and scores."""
