"""One object on its key frames, one after the other: what each makes of its state, and following it anew."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import torch

from streamtrack.engine.follower import Follower, Slot
from streamtrack.engine.found import Conditioned, Found, Look, Replayed
from streamtrack.engine.prompt_input import CheckedPrompt
from streamtrack.engine.view import Expected, View, hide_outside
from streamtrack.frame import EventKind, ObjectMask
from streamtrack.tracking.finding_again import (
    is_somebody_else,
    look_where_expected,
    refuse_found,
    show_nothing,
)
from streamtrack.tracking.kalman import Box
from streamtrack.tracking.key_log import KeyLog
from streamtrack.tracking.known_look import KnownLook, look_at
from streamtrack.tracking.looking import Looking
from streamtrack.tracking.memory_rules import Circumstances
from streamtrack.tracking.network_turns import NetworkTurns
from streamtrack.tracking.object_masks import ObjectMasks
from streamtrack.tracking.prompt_history import Given
from streamtrack.tracking.results import build_object
from streamtrack.tracking.telling_apart import look_again
from streamtrack.tracking.tracked_object import TrackedObject, is_visible


class Report(Protocol):
    """Takes what happened to an object on a key frame."""

    def __call__(self, kind: EventKind, key: int, object_id: int | None, **detail: Any) -> None: ...


class ObjectReplay:
    """Lets objects' states follow what was found of them, and follows one again behind a changed prompt.

    Args:
        keys: what is known of kept key frames.
        looking: where objects are looked for.
        masks: of all objects.
        turns: carries objects where the network had no time for them.
    """

    def __init__(
        self,
        follower: Follower,
        keys: KeyLog,
        report: Report,
        looking: Looking,
        masks: ObjectMasks,
        turns: NetworkTurns,
    ) -> None:
        self._follower = follower
        self._keys = keys
        self._looking = looking
        self._report = report
        self._masks = masks
        self._turns = turns

    def rewind(self, tracked: TrackedObject, key: int) -> None:
        """Bring an object to a kept key frame as memory alone had found it there, and give it its prompts on
        that frame again; what it was on later ones is forgotten."""
        tracked.rewind_states(key)
        view, expected = self._view(tracked, key), self._expected(tracked, key)
        # Before the oldest there is nothing left to carry from.
        carry = (
            self._turns.carry_to(key) if key > self._keys.oldest and key in tracked.slot.left_out else None
        )
        rests = self._rests(tracked, key)
        followed = self._follower.rewind(tracked.slot, key, view, expected, carry, rests=rests)
        if followed is not None:
            self.show(tracked, followed, key)
        prompts = tracked.prompts.checked(key)
        for again in self._follower.repeat(tracked.slot, key, prompts, self.look):
            self._take_again(tracked, again)

    def rest(self, objects: Sequence[TrackedObject], key: int) -> None:
        """Let hidden objects be on the newest key frame as they were on the one before."""
        # Each with a window of its own: nobody else's is made larger for it.
        views = [self._view(one, key) for one in objects]
        self._follower.rest([one.slot for one in objects], key, views)

    def behind(self, tracked: TrackedObject, from_key: int, to_key: int) -> None:
        """Follow one object again behind a key frame, its later prompts included."""
        keys = range(from_key + 1, to_key + 1)
        for again in self._follower.replay(
            tracked.slot,
            keys,
            tracked.prompts.by_key(),
            view_of=lambda key: self._view(tracked, key),
            expected_of=lambda key: self._expected(tracked, key),
            carry_to=self._turns.carry_to,
            rests_on=lambda key: self._rests(tracked, key),
            look_at=self.look,
        ):
            self._take_again(tracked, again)

    def take_prompted(self, tracked: TrackedObject, key: int, given: Given, conditioned: Conditioned) -> None:
        """A frame shows what a prompt made of it."""
        tracked.prompts.note_offered(given, conditioned.offered)
        tracked.restart_states(key)
        self.show(tracked, conditioned.found, key, prompted=True)

    def show(self, tracked: TrackedObject, found: Found, key: int, *, prompted: bool = False) -> None:
        """What was found on a key frame, of which nobody needs the mask, changes the object's state."""
        if not prompted and key in tracked.slot.carried:
            mask = build_object(tracked, found, self._keys.size(key))
            tracked.note_carried(mask, key, self._keys.frames_on(key))
            return
        if not prompted and self.keep_body(tracked, found, key):
            [found] = self._follower.found((tracked.slot,), key)
        mask, contested, stranger = build_object(tracked, found, self._keys.size(key)), False, None
        if tracked.memory is not None and not prompted:
            in_one_place, contested = self._masks.claims(key, mask)
            apart = look_again(self._follower, tracked, mask, key) if in_one_place else None
            if apart is not None:
                found, mask = apart, build_object(tracked, apart, self._keys.size(key))
            again = self.find_again(tracked, mask, key)
            found, mask, stranger = again or (found, mask, None)
            if apart is not None or again is not None:
                _, contested = self._masks.claims(key, mask)
        self.update_state(
            tracked, found, mask, key, prompted=prompted, contested=contested, stranger=stranger
        )

    def find_again(
        self, tracked: TrackedObject, mask: ObjectMask, key: int
    ) -> tuple[Found, ObjectMask, Box | None] | None:
        """What of an object's mask on a key frame can be it, or is found where it has to show, and who showed
        in its place; None where nothing has changed."""
        refused = refuse_found(self._follower, tracked, mask, key)
        if refused is not None:
            _, mask = self._now(tracked, key)
        again = look_where_expected(self._follower, tracked, mask, key, self._keys.image(key))
        if again is None and is_somebody_else(tracked, mask, key, self._keys.image(key)):
            show_nothing(self._follower, tracked, key)
            return *self._now(tracked, key), None
        if refused is None and again is None:
            return None
        hidden = again is None and refused is not None and not refused.left
        return *self._now(tracked, key), refused.stranger if hidden and refused is not None else None

    def _now(self, tracked: TrackedObject, key: int) -> tuple[Found, ObjectMask]:
        [found] = self._follower.found((tracked.slot,), key)
        return found, build_object(tracked, found, self._keys.size(key))

    def _look(self, tracked: TrackedObject, found: Found, key: int, *, prompted: bool) -> KnownLook | None:
        """How what was found on a key frame looks; None where nobody has to know."""
        if tracked.memory is None or not (prompted or tracked.memory.wants_look(key)):
            return None
        logits, image = found.low_res_mask_logits.copy(), self._keys.image(key)
        return look_at(self._follower, image, key, logits, found.view)

    def keep_body(self, tracked: TrackedObject, found: Found, key: int) -> bool:
        """Cut other bodies off what was found of a followed object on a key frame. Returns whether there were
        any: then the mask has to be asked for anew."""
        if tracked.body is None or not found.finite or found.object_score <= 0.5:
            return False
        size = self._keys.size(key)
        view, others = found.view or View.whole(size), self._masks.neighbours(tracked, key, size)
        logits = tracked.body.keep(key, found.low_res_mask_logits, view, size, others)
        if logits is not None:
            self._follower.amend(tracked.slot, key, logits)
        return logits is not None

    def cut(self, tracked: TrackedObject, box: Box, key: int) -> bool:
        """Cut what was found of an object on a kept key frame to a box of the picture; False, and nothing has
        changed, where that leaves all of it or nothing."""
        [found] = self._follower.found((tracked.slot,), key)
        if not found.finite or key in tracked.slot.carried:
            return False
        size = self._keys.size(key)
        logits = torch.from_numpy(found.low_res_mask_logits.copy())[None]
        left = hide_outside(logits, found.view or View.whole(size), box)
        before, after = int((logits > 0).sum()), int((left > 0).sum())
        if after == before or not after:
            return False
        self._follower.amend(tracked.slot, key, left[0].numpy())
        _, mask = self._now(tracked, key)
        if tracked.body is not None and mask.area_px:
            tracked.body.tell(key, mask.crop, mask.box, size)
        return True

    def update_state(
        self,
        tracked: TrackedObject,
        found: Found,
        mask: ObjectMask,
        key: int,
        *,
        prompted: bool = False,
        contested: bool = False,
        stranger: Box | None = None,
    ) -> None:
        """The object's state after a key frame, and whether the frame stays in its memory.

        Args:
            contested: another object claims the place of the mask with a better one.
            stranger: what showed in its place, and cannot be it.
        """
        if not found.finite:
            tracked.note_window(mask, key, believed=False)
            if tracked.note_unseen(key):
                self._report(EventKind.NOT_FINITE, key, tracked.object_id, count=tracked.not_finite.count)
            return
        explodes = tracked.explodes(mask, key, prompted=prompted)
        # Whose outline it is has to be known first.
        waits = not prompted and tracked.memory is not None and tracked.memory.waits(key)
        unknown = explodes or not is_visible(mask)
        own = unknown or waits or tracked.note_body(mask, key, prompted=prompted)
        fit = not (explodes or self._keys.came_damaged(key))
        cut = self._keys.begins_scene(key) and not prompted
        look = None
        if tracked.memory is not None and is_visible(mask) and (prompted or tracked.memory.wants_look(key)):
            logits, image = found.low_res_mask_logits.copy(), self._keys.image(key)
            look = look_at(self._follower, image, key, logits, found.view)
        verdict = tracked.judge(
            found, mask, key, look, Circumstances(prompted, fit, contested, cut, stranger)
        )
        if waits and verdict.confirmed and not unknown:
            own = tracked.note_body(mask, key, prompted=False)
        # Hidden frames would crowd out those by which it is known again when it comes back.
        hidden = tracked.window is not None and not is_visible(mask)
        if explodes or hidden or not own or not verdict.remember:
            self._follower.forget(tracked.slot, key)
        elif verdict.anchor:
            self._follower.anchor(tracked.slot, key)
        tracked.note_window(mask, key, believed=fit, same=verdict.same)
        event = tracked.update_state(
            mask, key, self._keys.stream_time.at(key), believed=not explodes, confirmed=verdict.confirmed
        )
        if event is not None:
            self._report(event, key, tracked.object_id)

    def report_eviction(self, tracked: TrackedObject, key: int, evicted: int | None) -> None:
        """A prompt made a conditioning frame go, if it did."""
        if evicted is not None:
            known = evicted if evicted >= tracked.from_key else -1  # another stream's frame
            self._report(EventKind.CONDITIONING_EVICTED, key, tracked.object_id, evicted_frame_idx=known)

    def look(self, slot: Slot, key: int, prompt: CheckedPrompt, *, corrects: bool) -> Look | None:
        """What a prompt makes of an object on a kept key frame; None where its numbers are not finite."""
        if not corrects:
            return self._looking.first_look(self._follower, slot, key, prompt)

        def found() -> Found:
            return self._follower.found((slot,), key)[0]

        return self._looking.correction(self._follower, slot, key, prompt, found)

    def _view(self, tracked: TrackedObject, key: int) -> View | None:
        if self._keys.begins_scene(key):
            tracked.note_cut(key)
        return self._looking.views([tracked.window], key, self._keys.size(key))[0]

    def _expected(self, tracked: TrackedObject, key: int) -> Expected | None:
        return tracked.expected(key, self._keys.size(key))

    def _rests(self, tracked: TrackedObject, key: int) -> bool:
        damaged, frames_on = self._keys.came_damaged(key), self._keys.frames_on(key)
        return self._turns.lets_rest(tracked, key, damaged=damaged, frames_on=frames_on)

    def _take_again(self, tracked: TrackedObject, again: Replayed) -> None:
        if again.conditioned is None:
            self.show(tracked, again.found, again.frame_idx)
            return
        self.report_eviction(tracked, again.frame_idx, again.conditioned.evicted)
        given = tracked.prompts.on(again.frame_idx)[again.prompt]
        self.take_prompted(tracked, again.frame_idx, given, again.conditioned)
