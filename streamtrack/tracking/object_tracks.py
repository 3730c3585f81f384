"""The followed objects of a session, over its key frames: between prompts and results above, and the engine's
numbers below. Frames are numbered by key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from streamtrack.config import TrackingConfig
from streamtrack.engine.follower import Follower
from streamtrack.engine.found import Conditioned
from streamtrack.engine.prompt_input import CheckedPrompt
from streamtrack.errors import CapacityError
from streamtrack.frame import EventKind, Frame, ObjectMask, ObjectState
from streamtrack.tracking.claims import ClashWatch
from streamtrack.tracking.kalman import Box
from streamtrack.tracking.key_log import KeyLog
from streamtrack.tracking.keyframes import Move
from streamtrack.tracking.looking import Looking
from streamtrack.tracking.memory_rules import make_memory_rules
from streamtrack.tracking.memory_watch import MemoryWatch
from streamtrack.tracking.network_turns import NetworkTurns
from streamtrack.tracking.object_masks import ObjectMasks
from streamtrack.tracking.object_replay import ObjectReplay, Report
from streamtrack.tracking.prompt_history import Given
from streamtrack.tracking.results import build_object
from streamtrack.tracking.scene_cut import make_scene_cuts
from streamtrack.tracking.tracked_object import TrackedObject
from streamtrack.tracking.undo_steps import keys_of
from streamtrack.tracking.who_is_who import tell_who_is_who


@dataclass(frozen=True, slots=True)
class Change:
    """Why an object is another one from a key frame on."""

    kind: EventKind = EventKind.CORRECTED
    detail: Mapping[str, Any] = field(default_factory=dict)
    """Of the event."""
    in_doubt_from: int | None = None
    """What was remembered of it from here to the changed key frame is forgotten, all but its first prompt."""


BY_HAND = Change()


STATES_THAT_STAY = (ObjectState.LOST, ObjectState.UNSEEN)
"""States of a key frame that a carried frame takes over even where its mask is empty."""


class ObjectTracks:
    """Starts, follows, corrects and describes objects, and reports what happens to them."""

    def __init__(self, follower: Follower, config: TrackingConfig, report: Report, looking: Looking) -> None:
        self._follower = follower
        self._looking = looking
        self._config, self._report = config, report
        self._tracked: dict[int, TrackedObject] = {}
        self.keys = KeyLog(config.history_frames, make_scene_cuts(config))
        self._memory_rules = make_memory_rules(config)
        self._clashes = ClashWatch(config.clash_iou, config.clash_frames)
        self._masks = ObjectMasks(follower, config, self._tracked)
        self.turns = NetworkTurns(follower, config)
        self._replay = ObjectReplay(follower, self.keys, report, looking, self._masks, self.turns)
        self.cut = self._replay.cut
        self._looked: Sequence[TrackedObject] = ()
        self._carried: Sequence[TrackedObject] = ()

    @property
    def by_id(self) -> Mapping[int, TrackedObject]:
        """The objects, in the order in which they came."""
        return self._tracked

    @property
    def lasting_keys(self) -> set[int]:
        """Keys that objects began on or remember for good."""
        return keys_of(self._tracked.values())

    @property
    def next_key(self) -> int:
        """The key of the next key frame."""
        return self.keys.newest + 1

    @property
    def oldest_key(self) -> int:
        """The oldest key frame that can still be prompted."""
        return self.keys.oldest

    # -- frames ------------------------------------------------------------------------------------

    def follow(self, key: int, frame: Frame, *, frames_on: int = 1, gap: bool = False) -> None:
        """Find every object on the next key frame, so many frames behind the one before. `gap`: time passed
        that nobody saw. Waits only where masks are carried."""
        size, cut = (frame.height_px, frame.width_px), self.keys.look_at(key, frame) is not None
        for one in self._tracked.values() if cut else ():
            one.note_cut(key)
        self._follower.encode(key, frame.image, fit_to_remember=not frame.damaged)
        anew = gap or cut or self.keys.breaks_off(frame)
        self._looked, self._carried = self.turns.share(self._tracked.values(), key, frame, anew=anew)
        awake, resting = self.turns.part(self._looked, key, frame, frames_on)
        for one in awake:
            one.seek(self._looking, self._follower, key, size)
        views = self._looking.views([one.window for one in awake], key, size)
        slots, where = [one.slot for one in awake], [one.expected(key, size) for one in awake]
        self._follower.follow(slots, key, views, where)
        self.turns.carry(self._carried, key)
        self.keys.append(key, frame, frames_on)
        self._replay.rest(resting, key)

    def settle(self) -> dict[int, ObjectMask]:
        """What the newest key frame shows, once it is known; the states of those looked at on it change."""
        key, followed = self.keys.newest, self._looked
        found, size = self._masks.found(key), self.keys.size(key)
        if sum(self._replay.keep_body(one, found[one.object_id], key) for one in followed):
            found = self._masks.found(key)
        masks = self._masks.build(found, size)
        cut = self.keys.cut_at(key)
        if cut is not None:
            self._report(EventKind.SCENE_CUT, key, None, **cut.as_detail())
        worse: set[int] = set()
        strangers: Mapping[int, Box] = {}
        if self._memory_rules is not None:
            carried = {one.object_id for one in self._carried}
            who = tell_who_is_who(
                self._follower, self._replay, self._masks, self._tracked, followed, masks, key, carried
            )
            masks, worse, strangers = who.masks, who.worse, who.strangers
            found = self._masks.found(key) if who.changed else found
        for tracked in followed:
            one = tracked.object_id
            self._replay.update_state(
                tracked, found[one], masks[one], key, contested=one in worse, stranger=strangers.get(one)
            )
        for tracked in self._carried:
            tracked.note_carried(masks[tracked.object_id], key, self.keys.frames_on(key))
        for clash in self._clashes.see(masks):
            self._report(EventKind.IDENTITY_CLASH, key, clash.object_id, **clash.as_detail())
        return _told(self._masks.shown(masks, found, size), self._tracked, key)

    def describe(
        self, key: int, frame_size: tuple[int, int], move: Move | None = None, frames_on: int = 0
    ) -> dict[int, ObjectMask]:
        """What a kept frame shows.

        Args:
            key: the frame's own, or that of the key frame before it.
            frame_size: of the frame itself, H, W in pixels.
            move: how masks come from the key frame to the frame.
            frames_on: how many frames the frame lies behind its key frame.
        """
        found = self._masks.found(key)
        masks = self._masks.build(found, frame_size, move)
        return _told(self._masks.shown(masks, found, frame_size, move), self._tracked, key, frames_on)

    # -- objects -----------------------------------------------------------------------------------

    def start(self, object_id: int, label: str, prompt: CheckedPrompt, key: int, at_frame: int) -> bool:
        """Follow a new object from a kept key frame to the newest; False, and no object, where the network's
        numbers for the prompt are not finite.

        Raises:
            CapacityError: the device has no memory for one more; nothing has changed.
        """
        begun = self._begin(object_id, label, prompt, key, at_frame)
        if begun is None:
            return False
        tracked, conditioned = begun
        self._tracked[object_id] = tracked
        mask = build_object(tracked, conditioned.found, self.keys.size(key))
        self._report(EventKind.ADDED, key, object_id, area_px=mask.area_px)
        self._replay.update_state(tracked, conditioned.found, mask, key, prompted=True)
        self._replay.behind(tracked, key, self.keys.newest)
        return True

    def start_over(
        self, object_id: int, label: str, prompt: CheckedPrompt, key: int, at_frame: int, why: Change
    ) -> TrackedObject | None:
        """Follow an object from a kept key frame as a new one that has its id and its place.

        Returns:
            The former object, to be put back or closed; None, and nothing changed, where the network's
            numbers for the prompt are not finite.
        Raises:
            CapacityError: as `start`.
        """
        begun = self._begin(object_id, label, prompt, key, at_frame)
        if begun is None:
            return None
        tracked, conditioned = begun
        former, self._tracked[object_id] = self._tracked[object_id], tracked
        self._report(why.kind, key, object_id, **why.detail)
        self._replay.show(tracked, conditioned.found, key, prompted=True)
        self._replay.behind(tracked, key, self.keys.newest)
        return former

    def take_out(self, object_id: int) -> TrackedObject:
        """An object that is not followed any more, to be put back or closed."""
        return self._tracked.pop(object_id)

    def put_back(self, objects: Sequence[TrackedObject], order: Sequence[int], from_key: int) -> None:
        """Follow objects that were taken out or started over as if they had never been; who has their ids now
        goes.

        Args:
            order: all objects as they stood then.
            from_key: the first key frame that they did not see; it and all later ones are kept.
        """
        for tracked in objects:
            instead = self._tracked.get(tracked.object_id)
            if instead is not None:
                self.close(instead)
            self._tracked[tracked.object_id] = tracked
            kind = EventKind.ADDED if instead is None else EventKind.CORRECTED
            self._report(kind, max(0, from_key - 1), tracked.object_id, how="undo")
            self._replay.behind(tracked, from_key - 1, self.keys.newest)
        known = [object_id for object_id in order if object_id in self._tracked]
        in_order = {object_id: self._tracked[object_id] for object_id in (*known, *self._tracked)}
        self._tracked.clear()
        self._tracked.update(in_order)

    def join(self, tracked: TrackedObject) -> None:
        """Follow an object that was made elsewhere, from its first key frame: a kept one, or the next."""
        self._tracked[tracked.object_id] = tracked
        self._replay.behind(tracked, tracked.from_key - 1, self.keys.newest)

    def close(self, tracked: TrackedObject) -> None:
        """Give the slot of an object back that is not followed any more."""
        self._follower.close(tracked.slot)

    def _begin(
        self, object_id: int, label: str, prompt: CheckedPrompt, key: int, at_frame: int
    ) -> tuple[TrackedObject, Conditioned] | None:
        # A slot is kept only if the prompt leaves something to follow.
        slot = self._follower.open(key)
        try:
            look = self._replay.look(slot, key, prompt, corrects=False)
        except CapacityError:  # the device's memory is used up: the others go on without it
            self._follower.close(slot)
            raise
        if look is None:
            self._follower.close(slot)
            return None
        conditioned = self._follower.remember(slot, look)
        window, growth = self._looking.new_window(), self._looking.new_growth()
        memory = None
        if self._memory_rules is not None:
            memory = MemoryWatch(self._memory_rules, self._config.history_frames)
        body = self._looking.new_body()
        tracked = TrackedObject(object_id, label, slot, self._config, window, growth, memory, body)
        given = tracked.prompts.next_on(key, prompt, at_frame)
        tracked.prompts.set(key, (given,))
        tracked.prompts.note_offered(given, conditioned.offered)
        return tracked, conditioned

    def correct(
        self, object_id: int, prompt: CheckedPrompt, key: int, at_frame: int, why: Change = BY_HAND
    ) -> bool:
        """Correct an object on a kept key frame, and follow it anew from there to the newest; False, and
        nothing changed, where the network's numbers for the prompt are not finite."""
        tracked = self._tracked[object_id]
        # Clicks on one frame add up; later prompts are repeated by the replay.
        given = tracked.prompts.next_on(key, prompt, at_frame)
        look = self._replay.look(tracked.slot, key, given.prompt, corrects=True)
        if look is None:
            return False
        for in_doubt in range(key if why.in_doubt_from is None else why.in_doubt_from, key):
            self._follower.forget(tracked.slot, in_doubt, prompted=True)
            tracked.prompts.set(in_doubt, ())
        mended = why.kind is EventKind.MENDED
        conditioned = self._follower.remember(tracked.slot, look, restarts=True, mended=mended)
        tracked.prompts.forget_before(self.oldest_key)
        tracked.prompts.set(key, (*tracked.prompts.on(key), given))
        self._replay.report_eviction(tracked, key, conditioned.evicted)
        self._report(why.kind, key, object_id, **why.detail)
        self._replay.take_prompted(tracked, key, given, conditioned)
        self._replay.behind(tracked, key, self.keys.newest)
        return True

    def can_rewrite(self, object_id: int, key: int) -> bool:
        """Whether `rewrite` would be exact: later prompts may have displaced more than there is room for."""
        return self._follower.can_rewind(self._tracked[object_id].slot, key)

    def rewrite(self, object_id: int, key: int, given: tuple[Given, ...], how: str) -> None:
        """Make an object what it were if these had been its prompts on a kept key frame, and follow it anew
        from there to the newest.

        Args:
            how: told in the detail of the event.
        """
        tracked = self._tracked[object_id]
        tracked.prompts.forget_before(self.oldest_key)
        tracked.prompts.set(key, given)
        self._report(EventKind.CORRECTED, key, object_id, how=how)
        self._replay.rewind(tracked, key)
        self._replay.behind(tracked, key, self.keys.newest)

    def remove(self, object_id: int) -> None:
        """Stop following an object."""
        self.close(self.take_out(object_id))


def _told(
    masks: Mapping[int, ObjectMask], objects: Mapping[int, TrackedObject], key: int, frames_on: int = 0
) -> dict[int, ObjectMask]:
    """Masks with their states, and for how long they were carried, so many frames behind a key frame."""
    told = {}
    for object_id, mask in masks.items():
        one = objects[object_id]
        carried, state = one.carried_at(key) + frames_on, one.state_at(key)
        # What was carried out of the picture is not there, whatever the network said before.
        if carried and not mask.area_px and state not in STATES_THAT_STAY:
            state = ObjectState.OCCLUDED
        told[object_id] = replace(mask, state=state, carried_frames=carried)
    return told
