"""What a session knows of one object beside its tensors. Frames are numbered by key."""

from __future__ import annotations

from dataclasses import dataclass, replace

from streamtrack.config import TrackingConfig
from streamtrack.engine.follower import Follower, Slot
from streamtrack.engine.found import Found
from streamtrack.engine.view import Expected
from streamtrack.frame import EventKind, ObjectMask, ObjectState
from streamtrack.tracking.carriage import Carriage, carried_on, looked_at
from streamtrack.tracking.known_look import KnownLook
from streamtrack.tracking.looking import Looking
from streamtrack.tracking.looks_in_vain import LooksInVain
from streamtrack.tracking.mask_growth import MaskGrowth
from streamtrack.tracking.memory_rules import ALL_WELL, CUT, Circumstances, Sight, Verdict
from streamtrack.tracking.memory_watch import MemoryWatch
from streamtrack.tracking.object_state import ObjectStateMachine, before_confirmed, event_of_change
from streamtrack.tracking.one_body import KnownBody, OneBody
from streamtrack.tracking.past import HIDDEN_FRAMES
from streamtrack.tracking.prompt_history import PromptHistory
from streamtrack.tracking.window_policy import ObjectWindow, Seen, extent_of

HIDDEN = (ObjectState.OCCLUDED, ObjectState.LOST)
"""States of a frame that did not show an object."""
REST_AFTER = HIDDEN_FRAMES
"""Frames in a row that did not show an object, after which it rests between looks."""
REST_EVERY = 2
"""Of so many frames a resting object is looked for on one, where its memory is choosy. What is left out is in
vain, as a rule: who leaves stays away for longer. What is looked at every 8 frames, the whole picture, is
none of those."""


@dataclass(slots=True)
class Streak:
    """Frames in a row without finite numbers."""

    count: int = 0

    def add(self) -> bool:
        """Count one more; True where that is worth an event: the 1st, 2nd, 4th, 8th, and so on."""
        self.count += 1
        return self.count & (self.count - 1) == 0


@dataclass(frozen=True, slots=True)
class _Noted:
    """How an object stood after a key frame."""

    state: ObjectState
    machine: ObjectStateMachine
    told: ObjectState
    num_not_finite: int
    carriage: Carriage


@dataclass(frozen=True, slots=True)
class Standing:
    """How an object stands after a frame, beside its tensors, for whoever follows it from there."""

    state: ObjectState
    """By its scores."""
    told: ObjectState
    """What was told of it: `unseen` where the numbers were not finite."""
    was_lost: bool
    """It was lost, and what shows since is not confirmed."""
    num_not_finite: int
    """Frames in a row without finite numbers."""
    hidden_ns: int | None
    """Stream time since it was last visible; None: it never was."""
    seen: Seen | None
    """Where its window last saw it; None without windows."""
    believed: tuple[tuple[int, int, int], ...]
    """As `MaskGrowth.lately`."""
    body: tuple[int, KnownBody] | None = None
    """As `OneBody.last`."""


class TrackedObject:
    """One object: its name, its slot, its prompts and states on the frames that are kept."""

    def __init__(
        self,
        object_id: int,
        label: str,
        slot: Slot,
        config: TrackingConfig,
        window: ObjectWindow | None = None,
        growth: MaskGrowth | None = None,
        memory: MemoryWatch | None = None,
        body: OneBody | None = None,
    ) -> None:
        """`window`: None where it is looked for in the whole picture. `growth`: None where every mask is
        believed. `memory`: None where every frame is remembered."""
        self.object_id = object_id
        self.label = label
        self.slot = slot
        self.from_key = slot.first_frame
        """The first key frame that it is shown on; what it remembers may be older, and of another stream."""
        self.look: KnownLook | None = None
        """How it looked where it came from; None: it came from nowhere else."""
        self.anywhere = False
        """It is remembered from elsewhere: all of its first picture is searched for it."""
        self.prompts = PromptHistory()
        self.window = window
        self.memory = memory
        self.not_finite = Streak()
        self.in_vain = LooksInVain(config.history_frames)
        """Looks where it is expected, hidden;"""
        self.apart_in_vain = LooksInVain(config.history_frames)
        """and where it is taken for another one."""
        self._growth = growth
        self._frame_size: tuple[int, int] | None = None
        self.body = body
        self._config = config
        self.clean_areas = config.max_hole_area, config.max_sprinkle_area
        """Holes and specks that are not shown, at most, in pixels of the network's masks."""
        self._machine = self._new_machine()
        self._noted: dict[int, _Noted] = {}
        self._told = ObjectState.TRACKING
        self._carriage = Carriage()

    def seek(self, looking: Looking, follower: Follower, key: int, frame_size: tuple[int, int]) -> None:
        """Begin where it is, anywhere in a kept key frame, if that is not known; once."""
        if not self.anywhere:
            return
        self.anywhere = False
        extent = looking.search(follower, self.slot, key, frame_size)
        if extent is not None and self.window is not None:
            self.window.note(key - 1, extent, frame_size)

    def explodes(self, mask: ObjectMask, key: int, *, prompted: bool) -> bool:
        """Whether a mask is too large to be believed; one that was prompted is."""
        if self._growth is None:
            return False
        if self._frame_size not in (None, mask.frame_size):
            self._growth.note_cut(key)  # its areas are other ones
        self._frame_size = mask.frame_size
        if prompted:
            self._growth.believe(key, mask.crop, mask.area_px)
            return False
        return self._growth.explodes(key, mask.crop, mask.area_px)

    def note_body(self, mask: ObjectMask, key: int, *, prompted: bool) -> bool:
        """Tell what keeps masks on one body how the object looks; False where a mask is rather of more."""
        return self.body is None or self.body.note(
            key, mask.crop, mask.box, mask.frame_size, prompted=prompted
        )

    def expected(self, key: int, frame_size: tuple[int, int]) -> Expected | None:
        """Where it is expected on a frame."""
        return None if self.memory is None else self.memory.expected(key, frame_size)

    def rests(self, key: int) -> bool:
        """Whether the network need not look for it on a key frame: it was hidden on the one before, has been
        for `REST_AFTER`, and was looked for there. Its colours are looked for on every frame."""
        before = self._noted.get(key - 1)
        if self.memory is None or self.anywhere or before is None or before.state not in HIDDEN:
            return False
        hidden = self.memory.hidden(key) if self.window is None else self.window.hidden(key)
        return hidden >= REST_AFTER and hidden % REST_EVERY == 1

    def note_cut(self, key: int) -> None:
        """With a frame another scene begins."""
        for part in (self.window, self._growth, self.memory, self.body):
            if part is not None:
                part.note_cut(key)

    def judge(
        self, found: Found, mask: ObjectMask, key: int, look: KnownLook | None, sight: Circumstances
    ) -> Verdict:
        """What is made of a frame, as its memory has it. `look`: how the object looks there, if it was asked
        for."""
        if self.memory is None:
            return ALL_WELL if not sight.cut else CUT
        shows = is_visible(mask)
        x0, y0, x1, y1 = mask.box
        box = None if self.body is None else self.body.box(key)
        seen = Sight(
            mask.object_score,
            mask.iou_score,
            found.rival,
            look,
            (box or (float(x0), float(y0), float(x1), float(y1))) if shows else None,
            mask.area_px if shows else 0,
            mask.frame_size,
            sight.fit,
            sight.contested,
            sight.stranger,
        )
        return self.memory.judge(key, seen, prompted=sight.prompted)

    def note_window(self, mask: ObjectMask, key: int, *, believed: bool, same: bool = True) -> None:
        """Tell the window where the object was on a frame; one that is not the `same` is not looked after."""
        if self.window is None:
            return
        if not believed:
            self.window.hold(key, mask.frame_size)
        else:
            extent = extent_of(mask.crop, mask.box) if same and is_visible(mask) else None
            self.window.note(key, extent, mask.frame_size)

    def update_state(
        self, mask: ObjectMask, key: int, now_ns: int, *, believed: bool = True, confirmed: bool = True
    ) -> EventKind | None:
        """Note what was found on a frame; returns the event to report where the state changed. A mask that is
        not believed, or not confirmed to be the object's, makes it `uncertain`, whatever its scores."""
        before = self._told
        if before is ObjectState.UNSEEN and self._machine.state is ObjectState.LOST:
            before = ObjectState.LOST
        iou_score = mask.iou_score if believed else -1.0
        was_lost, visible = self._machine.was_lost, is_visible(mask)
        state = self._machine.update(visible=visible, iou_score=iou_score, now_ns=now_ns, confirmed=confirmed)
        self._carriage = looked_at(mask, state)
        before = before_confirmed(before, was_lost=was_lost, visible=visible, confirmed=confirmed)
        was_unseen, self._told = self._told is ObjectState.UNSEEN, state
        self.not_finite.count = 0
        self._note(key, state)
        return event_of_change(ObjectState.UNSEEN if was_unseen and before is state else before, state)

    def note_unseen(self, key: int) -> bool:
        """The network's numbers for a frame were not finite; True where that is worth an event."""
        self._told = ObjectState.UNSEEN
        self._carriage = Carriage(need=1.0)
        self._note(key, ObjectState.UNSEEN)
        return self.not_finite.add()

    def note_carried(self, mask: ObjectMask, key: int, frames: int) -> None:
        """Its mask was carried to a key frame, so many frames behind the one before; its state stays."""
        self._carriage = carried_on(self._carriage, mask, frames)
        shows = is_visible(mask)
        if self.memory is not None:
            self.memory.note_carried(key, mask.box if shows else None, mask.frame_size)
        if self.window is not None and shows:
            self.window.note(key, extent_of(mask.crop, mask.box), mask.frame_size)
        elif self.window is not None:
            self.window.hold(key, mask.frame_size)
        self.note_body(mask, key, prompted=False)
        before = self._noted.get(key - 1)
        self._note(key, self._told if before is None else before.state)

    def carried_at(self, key: int) -> int:
        """Frames up to a kept key frame on which its mask was carried; 0: the network looked at it there."""
        return self._noted[key].carriage.frames

    def need_after(self, key: int) -> float | None:
        """How much it needs to be looked at after a key frame, see `Standby`; None where it was not there."""
        noted = self._noted.get(key)
        return None if noted is None or key < self.from_key else noted.carriage.need

    def _note(self, key: int, state: ObjectState) -> None:
        count = self.not_finite.count
        self._noted[key] = _Noted(state, replace(self._machine), self._told, count, self._carriage)
        # One more than the frames that are kept: the oldest of them may be followed anew.
        self._noted.pop(key - self._config.history_frames - 1, None)

    def standing(self, key: int, now_ns: int) -> Standing:
        """How it stands after a key frame, the newest; `now_ns` is its stream time."""
        seen_ns = self._machine.last_seen_ns
        return Standing(
            self._machine.state,
            self._told,
            self._machine.was_lost,
            self.not_finite.count,
            None if seen_ns is None else max(0, now_ns - seen_ns),
            None if self.window is None else self.window.last(key),
            () if self._growth is None else self._growth.lately(key),
            None if self.body is None else self.body.last(key),
        )

    def resume(self, standing: Standing, key: int, now_ns: int) -> None:
        """Stand so after a key frame, to be followed from there."""
        hidden_ns = standing.hidden_ns
        self._machine.state, self._machine.was_lost = standing.state, standing.was_lost
        self._machine.last_seen_ns = None if hidden_ns is None else now_ns - hidden_ns
        self._told, self.not_finite.count = standing.told, standing.num_not_finite
        if self.window is not None and standing.seen is not None:
            self.window.resume(key, standing.seen)
        if self._growth is not None:
            self._growth.resume(key, standing.believed)
        if self.body is not None and standing.body is not None:
            self.body.resume(key, *standing.body)
        self._note(key, standing.told)

    def restart_states(self, from_key: int) -> None:
        """Forget the states from a corrected frame on. A prompted object counts as seen."""
        self._machine = self._new_machine()
        self.not_finite.count = 0
        self._forget_states(from_key)

    def rewind_states(self, to_key: int) -> None:
        """Stand as before a kept key frame, from which on everything will be followed anew."""
        self._forget_states(to_key)
        before = self._noted.get(to_key - 1)
        self._machine = self._new_machine() if before is None else replace(before.machine)
        self._told = ObjectState.TRACKING if before is None else before.told
        self._carriage = Carriage() if before is None else before.carriage
        self.not_finite.count = 0 if before is None else before.num_not_finite

    def state_at(self, key: int) -> ObjectState:
        """The state on a kept key frame."""
        return self._noted[key].state

    def _forget_states(self, from_key: int) -> None:
        for part in (self.window, self._growth, self.memory, self.body, self.in_vain, self.apart_in_vain):
            if part is not None:
                part.restart(from_key)
        for index in [index for index in self._noted if index >= from_key]:
            del self._noted[index]

    def _new_machine(self) -> ObjectStateMachine:
        return ObjectStateMachine(self._config.uncertain_iou_score, self._config.lost_after_ms)


def is_visible(mask: ObjectMask) -> bool:
    """Whether an object is to be seen on a frame."""
    return mask.area_px > 0 and mask.object_score > 0.5
