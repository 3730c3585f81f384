"""What was found beside a session, by a detector, mends what it follows: an object goes on from a box, and
keeps its id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamtrack.engine.follower import Follower
from streamtrack.engine.prompt_input import CheckedPrompt
from streamtrack.engine.view import View
from streamtrack.errors import PromptError
from streamtrack.frame import EventKind
from streamtrack.prompt import Prompt, Values, check_frame_idx
from streamtrack.tracking.frame_log import FrameLog
from streamtrack.tracking.known_look import KnownLook, look_at
from streamtrack.tracking.looking import Looking
from streamtrack.tracking.object_prompts import ObjectPrompts, not_finite
from streamtrack.tracking.object_tracks import Change, ObjectTracks
from streamtrack.tracking.tracked_object import TrackedObject

BESIDE = 0.05
"""Share of a find's sides that the object may reach beside it."""
MAX_LOOKS = 6
"""Kept of an object to compare with, the first for ever."""


class ObjectMending:
    """Of one session; its `mending`."""

    def __init__(
        self,
        follower: Follower,
        looking: Looking,
        log: FrameLog,
        tracks: ObjectTracks,
        prompts: ObjectPrompts,
    ) -> None:
        self._follower = follower
        self._looking = looking
        self._log = log
        self._tracks = tracks
        self._prompts = prompts
        self._looks: dict[int, tuple[KnownLook, ...]] = {}
        """How objects looked, by their id; of those that nobody asks for, nothing is kept."""
        self._shown: tuple[int, dict[tuple[float, ...], KnownLook | None]] = -1, {}
        """The key frame that was asked about last, and how what its boxes show looks, whoever it is."""

    def mend(
        self,
        prompt: Prompt,
        at_frame: int | None = None,
        *,
        in_doubt_from: int | None = None,
        detail: Mapping[str, Any] | None = None,
    ) -> int:
        """Follow an object by what a prompt shows, whatever its mask was, from a kept frame on (None: the
        newest); returns that frame. Told by a `mended` event; `undo` takes no mending back.

        Args:
            in_doubt_from: the first frame on which the object may have been something else: what was
                remembered of it from there on is forgotten. None: nothing is.
            detail: of the event, plain values.
        Raises:
            PromptError, ShapeError, FrameExpiredError: as `Session.refine`.
        """
        at_frame = self._frame(prompt.at_frame if at_frame is None else at_frame)
        tracked = self._prompts.require_there(prompt.object_id, at_frame)
        checked, key = self._prompts.checked(prompt, at_frame, starts_object=False)
        from_key = self._key_of(in_doubt_from, key)
        why = Change(EventKind.MENDED, detail or {}, from_key)
        anew = replace(checked, anew=True)
        if from_key <= tracked.slot.first_frame < key:
            self._start_over(tracked, anew, key, at_frame, why)
        elif not self._tracks.correct(prompt.object_id, anew, key, at_frame, why):
            raise not_finite(prompt.object_id, at_frame)
        return at_frame

    def cut(self, object_id: int, box: Values, at_frame: int | None = None) -> bool:
        """Cut an object's mask on a kept frame (None: the newest) to the box in which it was found: what lies
        beside it is somebody else. The mask is remembered so; masks of later frames stay. No event tells of
        it. Returns whether there was anything to cut; nothing has changed where the mask is not in the box.

        Raises:
            PromptError, ShapeError, FrameExpiredError: as `mend`.
        """
        at_frame = self._frame(at_frame)
        tracked = self._prompts.require_there(object_id, at_frame)
        checked, key = self._prompts.checked(Prompt(object_id, box=box), at_frame, starts_object=False)
        x0, y0, x1, y1 = checked.coords[:2].flatten().tolist()
        beside_x, beside_y = BESIDE * (x1 - x0), BESIDE * (y1 - y0)
        return self._tracks.cut(tracked, (x0 - beside_x, y0 - beside_y, x1 + beside_x, y1 + beside_y), key)

    def _start_over(
        self, tracked: TrackedObject, prompt: CheckedPrompt, key: int, at_frame: int, why: Change
    ) -> None:
        """All that is known of an object is in doubt: it is another one with its id."""
        object_id = tracked.object_id
        former = self._tracks.start_over(object_id, tracked.label, prompt, key, at_frame, why)
        if former is None:
            raise not_finite(object_id, at_frame)
        self._prompts.steps.forget(object_id)
        self._tracks.close(former)

    def keep_look(self, object_id: int, at_frame: int | None = None) -> None:
        """Keep how an object looks on a kept frame (None: the newest), to compare with what is found later.
        Nothing, where it is not to be seen there.

        Raises:
            PromptError, FrameExpiredError: no such object then, or no such frame.
        """
        tracked = self._prompts.require_there(object_id, self._frame(at_frame))
        key = self._log.at(self._frame(at_frame)).key
        [found] = self._follower.found((tracked.slot,), key)
        seen = found.finite and found.object_score > 0.5
        look = self._look_at(found.low_res_mask_logits.copy(), found.view, key) if seen else None
        if look is not None:
            known = self._looks.get(object_id, ())
            # Those of objects that are gone go with the next that is kept.
            self._looks = {one: looks for one, looks in self._looks.items() if one in self._tracks.by_id}
            self._looks[object_id] = (*known[:1], *known[1:][-(MAX_LOOKS - 2) :], look) if known else (look,)

    def likeness(
        self, object_id: int, boxes: Sequence[Values], at_frame: int | None = None
    ) -> tuple[float | None, ...]:
        """How much what each box shows on a kept frame (None: the newest) looks like an object, -1 to 1: the
        lesser of the cosine of the encoder's pooled features and the likeness of colours, with that of its
        kept looks that it is most like; None where none were kept, or nothing is in the box.

        Raises:
            PromptError, ShapeError, FrameExpiredError: as `mend`.
        """
        at_frame = self._frame(at_frame)
        self._prompts.require_there(object_id, at_frame)
        known = self._looks.get(object_id, ())
        return tuple(self._alike(object_id, box, at_frame, known) if known else None for box in boxes)

    def _alike(self, object_id: int, box: Values, at_frame: int, known: Sequence[KnownLook]) -> float | None:
        prompt = Prompt(object_id, box=box)
        checked, key = self._prompts.checked(prompt, at_frame, starts_object=False)
        shown = self._look_in(object_id, checked, key)
        return None if shown is None else max(one.likeness(shown) for one in known)

    def _look_in(self, object_id: int, checked: CheckedPrompt, key: int) -> KnownLook | None:
        """How what a box shows on a key frame looks, by the box alone; None where it shows nothing."""
        if self._shown[0] != key:
            self._shown = key, {}
        place, known = tuple(checked.coords.flatten().tolist()), self._shown[1]
        if place not in known:
            known[place] = self._looked_in(object_id, checked, key)
        return known[place]

    def _looked_in(self, object_id: int, checked: CheckedPrompt, key: int) -> KnownLook | None:
        slot = self._tracks.by_id[object_id].slot
        look = self._looking.correction(
            self._follower,
            slot,
            key,
            replace(checked, anew=True),
            lambda: self._follower.found((slot,), key)[0],
        )
        return None if look is None else self._look_at(look.found.low_res_mask_logits, look.view, key)

    def _look_at(self, logits: NDArray[np.float32], view: View | None, key: int) -> KnownLook | None:
        """How what a mask shows on a key frame looks; None for an empty one."""
        image = self._log.at(self._log.frame_idx_of(key)).frame.image
        return look_at(self._follower, image, key, logits, view)

    def _frame(self, at_frame: int | None) -> int:
        at_frame = self._log.newest_frame_idx if at_frame is None else check_frame_idx(at_frame)
        if at_frame < 0:
            raise PromptError("no frame was followed yet, expected one")
        return at_frame

    def _key_of(self, in_doubt_from: int | None, key: int) -> int:
        """The key from which on memory is in doubt."""
        if in_doubt_from is None:
            return key
        first = max(in_doubt_from, self._log.oldest_frame_idx)
        return key if first > self._log.newest_frame_idx else min(key, self._log.at(first).key)
