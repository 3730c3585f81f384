"""Prompts taken back, cleared, chosen anew or replaced: the objects are then what they were without them.

What an object is depends on the prompts in force alone. So every change here makes the prompts what they
should have been and follows the object anew from there, with what the prompts had displaced put back.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from streamtrack.engine.found import Found, Offered
from streamtrack.errors import CapacityError, FrameExpiredError, PromptError
from streamtrack.frame import Candidate, EventKind, ObjectMask, Undone
from streamtrack.prompt import Prompt, check_frame_idx, check_index, check_object_id
from streamtrack.tracking.event_log import EventLog
from streamtrack.tracking.frame_log import FrameLog
from streamtrack.tracking.object_prompts import ObjectPrompts, not_finite
from streamtrack.tracking.object_tracks import Change, ObjectTracks
from streamtrack.tracking.prompt_history import Given
from streamtrack.tracking.results import build_object
from streamtrack.tracking.tracked_object import TrackedObject
from streamtrack.tracking.undo_steps import Step


class SecondThoughts:
    """Changes what was said of objects on frames that are kept. Every method is described in `Session`."""

    def __init__(
        self,
        max_objects: int,
        log: FrameLog,
        tracks: ObjectTracks,
        prompts: ObjectPrompts,
        events: EventLog,
    ) -> None:
        self._max_objects = max_objects
        self._log = log
        self._tracks = tracks
        self._prompts = prompts
        self._events = events

    # -- taking back -------------------------------------------------------------------------------

    def undo(self, object_id: int | None) -> Undone:
        """See `Session.undo`."""
        if object_id is not None:
            object_id = check_object_id(object_id)
            if object_id not in self._prompts.waiting:
                self._prompts.known(object_id)
        step = self._prompts.steps.last(object_id)
        if step is None:
            who = "no prompt" if object_id is None else f"object {object_id}: no prompt of it"
            raise PromptError(f"{who} can be taken back, expected one of the last that were given")
        if step.replaced:
            self._put_back(step)
        elif step.what == "start":
            self._prompts.remove(step.object_id)
            self._events.note(EventKind.REMOVED, step.object_id, how="undo")
        else:
            self._log.at(step.at_frame)
            self._check_exact(step.object_id, step.key)
            self._tracks.rewrite(step.object_id, step.key, step.former, "undo")
            self._prompts.steps.taken_back(step)
        return Undone(step.object_id, step.what, step.at_frame)

    def clear(self, object_id: int, at_frame: int | None) -> int:
        """See `Session.clear`; returns the frame."""
        tracked = self._prompts.known(object_id)
        at_frame, key = self._frame_of(tracked, at_frame)
        former = tracked.prompts.on(key)
        if not former:
            raise PromptError(
                f"object {tracked.object_id}: it has no prompt on that frame, expected one to clear"
            )
        if key > tracked.slot.first_frame:
            self._rewrite(tracked, key, at_frame, (), "clear")
        elif tracked.prompts.keys == [key] and list(tracked.slot.conditioning) == [key]:
            self._prompts.remove(tracked.object_id)
            self._events.note(EventKind.REMOVED, tracked.object_id, how="clear")
        else:
            raise PromptError(
                f"object {tracked.object_id}: it begins on that frame, expected a later one; "
                "start it over to give it another beginning"
            )
        return at_frame

    # -- the other masks of a click ----------------------------------------------------------------

    def candidates(self, object_id: int) -> tuple[Candidate, ...]:
        """See `Session.candidates`."""
        tracked = self._prompts.known(object_id)
        _, given, offered = self._offered(tracked)
        size = self._log.at(given.at_frame).size
        chosen = _chosen(given, offered)
        return tuple(
            Candidate(index, given.at_frame, which == chosen, found)
            for index, (which, found) in enumerate(_by_size(tracked, offered, size))
        )

    def choose(self, object_id: int, index: int) -> int:
        """See `Session.choose`; returns the frame."""
        tracked = self._prompts.known(object_id)
        key, given, offered = self._offered(tracked)
        places = _by_size(tracked, offered, self._log.at(given.at_frame).size)
        number = check_index(index, f"object {tracked.object_id}: candidate")
        if not 0 <= number < len(places):
            raise PromptError(
                f"object {tracked.object_id}: candidate {number}, expected one from 0 to {len(places) - 1}"
            )
        chosen = replace(given, prompt=replace(given.prompt, candidate=places[number][0]))
        self._rewrite(tracked, key, given.at_frame, (*tracked.prompts.on(key)[:-1], chosen), "choose")
        return given.at_frame

    # -- objects as a whole ------------------------------------------------------------------------

    def start_over(self, prompt: Prompt, at_frame: int | None) -> int:
        """See `Session.start_over`; returns the frame."""
        tracked = self._prompts.known(prompt.object_id)
        self._prompts.require_seen(tracked)
        at_frame = prompt.at_frame if at_frame is None else check_frame_idx(at_frame)
        at_frame = self._log.newest_frame_idx if at_frame is None else at_frame
        self._replace(tracked, prompt, at_frame, "start_over")
        return at_frame

    def merge(self, object_id: int, other_id: int) -> int:
        """See `Session.merge`; returns the frame."""
        kept, other = self._prompts.known(object_id), self._prompts.known(other_id)
        if kept is other:
            raise PromptError(f"object {kept.object_id}: merged with itself, expected another object")
        for one in (kept, other):
            self._prompts.require_seen(one)
        newest = self._log.at(self._log.newest_frame_idx)
        shown = self._tracks.describe(newest.key, newest.size)
        union = shown[kept.object_id].mask | shown[other.object_id].mask
        if not union.any():
            raise PromptError(
                f"object {kept.object_id}: neither it nor object {other.object_id} is in sight, expected one"
            )
        label = kept.label or other.label
        prompt = Prompt(kept.object_id, mask=union, label=label)
        self._replace(kept, prompt, newest.key_frame_idx, "merge", other)
        return self._log.newest_frame_idx

    # -- inside ------------------------------------------------------------------------------------

    def _rewrite(
        self, tracked: TrackedObject, key: int, at_frame: int, given: tuple[Given, ...], what: str
    ) -> None:
        self._check_exact(tracked.object_id, key)
        former = tracked.prompts.on(key)
        self._tracks.rewrite(tracked.object_id, key, given, what)
        self._prompts.steps.note(Step(tracked.object_id, what, key, at_frame, former))

    def _check_exact(self, object_id: int, key: int) -> None:
        if not self._tracks.can_rewrite(object_id, key):
            raise PromptError(
                f"object {object_id}: too many frames were prompted since then, expected a later prompt"
            )

    def _replace(
        self,
        tracked: TrackedObject,
        prompt: Prompt,
        at_frame: int,
        what: str,
        other: TrackedObject | None = None,
    ) -> None:
        """Start an object over; `other` goes into it."""
        object_id, order = tracked.object_id, tuple(self._tracks.by_id)
        checked, key = self._prompts.checked(prompt, at_frame, starts_object=True)
        label = prompt.label or tracked.label
        why = Change(detail={"how": what})
        former = self._tracks.start_over(object_id, label, checked, key, at_frame, why)
        if former is None:
            raise not_finite(object_id, at_frame)
        replaced = [former]
        if other is not None:
            replaced.append(self._tracks.take_out(other.object_id))
            self._events.note(EventKind.REMOVED, other.object_id, how=what, into=object_id)
        step = Step(
            object_id, what, self._tracks.next_key, self._log.newest_frame_idx, (), tuple(replaced), order
        )
        self._prompts.steps.note(step)

    def _put_back(self, step: Step) -> None:
        """Objects that were started over or merged are what they were."""
        if step.key < self._tracks.oldest_key:
            log = self._log
            raise FrameExpiredError(step.at_frame, log.oldest_frame_idx, log.newest_frame_idx)
        back = [one.object_id for one in step.replaced if one.object_id != step.object_id]
        for object_id in back:
            if object_id in self._tracks.by_id or object_id in self._prompts.waiting:
                raise PromptError(f"object {object_id} is followed anew, expected its id to be free")
        if len(self._tracks.by_id) + len(self._prompts.waiting) + len(back) > self._max_objects:
            raise CapacityError(
                f"object {back[0]}: {self._max_objects} objects are followed, expected a place for it"
            )
        self._tracks.put_back(step.replaced, step.order, step.key)
        self._prompts.steps.taken_back(step)

    def _frame_of(self, tracked: TrackedObject, at_frame: int | None) -> tuple[int, int]:
        """A kept frame, by default that of the object's newest prompt, and its key."""
        if at_frame is None:
            _, given = self._newest(tracked)
            at_frame = given.at_frame
        at_frame = check_frame_idx(at_frame)
        return at_frame, self._log.at(at_frame).key

    def _newest(self, tracked: TrackedObject) -> tuple[int, Given]:
        newest = tracked.prompts.newest
        if newest is None:
            raise PromptError(
                f"object {tracked.object_id}: its prompts are too long ago, expected one on a kept frame"
            )
        return newest

    def _offered(self, tracked: TrackedObject) -> tuple[int, Given, Offered]:
        """The object's newest prompt and the masks that the network offered for it."""
        key, given = self._newest(tracked)
        self._log.at(given.at_frame)
        offered = tracked.prompts.offered(given)
        if offered is None:
            raise PromptError(
                f"object {tracked.object_id}: its newest prompt has one mask only, expected a single click"
            )
        return key, given, offered


def _chosen(given: Given, offered: Offered) -> int:
    if given.prompt.candidate is not None:
        return given.prompt.candidate
    return int(np.argmax(offered.iou_scores))


def _by_size(
    tracked: TrackedObject, offered: Offered, frame_size: tuple[int, int]
) -> list[tuple[int, ObjectMask]]:
    """The network's number of each mask, and the mask, from the largest to the smallest."""
    masks = [
        build_object(
            tracked,
            Found(logits, 1.0, min(max(float(score), 0.0), 1.0), finite=True, view=offered.view),
            frame_size,
        )
        for logits, score in zip(offered.low_res_mask_logits, offered.iou_scores, strict=True)
    ]
    return sorted(enumerate(masks), key=lambda one: -one[1].area_px)
