"""The engine under a session: slots that are followed from frame to frame. Numbers and tensors only.

It knows no object's name, no event, no clock and no configuration; frames are numbers of the caller's. Of
what the network finds, only what is finite is remembered, and nothing of a frame that the caller calls unfit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from streamtrack.engine.carried import CarriedMemory, put_in, take_out
from streamtrack.engine.found import (
    Conditioned,
    Found,
    Look,
    Replayed,
    redraw_prediction,
    to_found,
    to_offered,
)
from streamtrack.engine.frame_follower import Carry, FrameFollower, Slot, note_evidence
from streamtrack.engine.memory_bank import MemoryBank, amend, summarise
from streamtrack.engine.prompt_input import CheckedPrompt, scale_prompt
from streamtrack.engine.runner import StepRunner
from streamtrack.engine.step import condition_no_sync
from streamtrack.engine.view import Expected, View, change_view
from streamtrack.model.interface import MaskPrediction, Size

__all__ = ["Follower", "LookAt", "Slot"]


class LookAt(Protocol):
    """Looks at a slot's prompt on a kept frame, as `Follower.look` does."""

    def __call__(
        self, slot: Slot, frame_idx: int, prompt: CheckedPrompt, /, *, corrects: bool
    ) -> Look | None: ...


class Follower(FrameFollower):
    """Follows slots, and lets prompts say what they are. One thread at a time."""

    @torch.inference_mode()
    def amend(self, slot: Slot, frame_idx: int, logits: NDArray[np.float32]) -> None:
        """Another mask for a followed frame, by who knows better; it is remembered in place of the network's.

        Args:
            logits: (h, w), seen through the same window.
        """
        view = slot.views.get(frame_idx)
        low_res = torch.from_numpy(logits).to(self._network.device)[None]
        features = None
        if frame_idx in slot.features:
            _, scores = self._bank.predictions([slot], frame_idx)
            pointers = scores.new_zeros(1, self._network.geometry.pointer_dim)
            prediction = MaskPrediction(low_res, scores[:, :1], scores[:, 1], pointers)
            with self._autocast():
                frame = self._frames.to_prompt(frame_idx, view)
                features = self._network.encode_memory(frame, prediction, from_prompt=False)
        amend(self._bank, slot, frame_idx, low_res, features)
        slot.evidence.pop(frame_idx, None)

    # -- memories ----------------------------------------------------------------------------------

    @torch.inference_mode()
    def glance(self, slot: Slot, frame_idx: int, view: View | None = None) -> Look | None:
        """What a slot's memory finds on a kept frame, through a window; nothing is remembered. None where the
        network's numbers are not finite."""
        with self._autocast():
            places = self._locator.locate_to_read(slot, frame_idx)
            features = self._frames.to_prompt(frame_idx, view)
            prediction, memory_features = self._network.follow(features, self._bank.read(places))
        return _download(self._runner, prediction, memory_features, frame_idx, view)

    @torch.inference_mode()
    def take_out(self, slot: Slot, next_frame: int) -> CarriedMemory:
        """A copy of what a slot remembers that was followed up to the frame before `next_frame`."""
        return take_out(self._bank, slot, self._plan, self._network.geometry, next_frame)

    @torch.inference_mode()
    def put_in(self, carried: CarriedMemory, next_frame: int) -> Slot:
        """A slot with the memory of another one, to be followed onto `next_frame`.

        Raises:
            CapacityError: the device has no memory for more slots; those that there are stay as they are.
        """
        with self._autocast():
            return put_in(self._bank, carried, next_frame)

    # -- prompts -----------------------------------------------------------------------------------

    @torch.inference_mode()
    def look(
        self,
        slot: Slot,
        frame_idx: int,
        prompt: CheckedPrompt,
        *,
        corrects: bool,
        view: View | None = None,
        anew: bool = False,
        beside: bool = False,
    ) -> Look | None:
        """What a prompt makes of a slot on a kept frame; nothing is remembered.

        Args:
            corrects: the frame holds a mask of this slot already, which the prompt corrects.
            view: the window that is looked through. What of the prompt lies outside it counts for nothing.
            anew: the prompt alone says what the object is, and not its memory.
            beside: the frame is the one that the slot was just followed onto. What of it is known by then is
                not computed again, and what it leaves in memory not before it is taken.
        Returns:
            None where the network's numbers are not finite, or nothing of the prompt lies in the window.
        """
        shown = prompt if view is None else view.prompt(prompt)
        if shown is None:
            return None
        with self._autocast():
            places = None
            if frame_idx != slot.first_frame and not (anew or prompt.anew):
                places = self._locator.locate_to_read(slot, frame_idx)
            features = self._frames.to_prompt(frame_idx, view)
            prediction = condition_no_sync(
                self._network,
                self._bank,
                features,
                scale_prompt(shown, self._network.geometry, self._network.device),
                places,
                previous=_previous(self._bank, slot, frame_idx, view, prompt.frame_size)
                if corrects and not prompt.anew
                else None,
                seen=self._seen.by(slot.slot, frame_idx, view) if beside else None,
            )
            left = None
            if not beside:
                left = self._network.encode_memory(features, prediction, from_prompt=True)
        return _download(self._runner, prediction, left, frame_idx, view)

    @torch.inference_mode()
    def redraw(self, look: Look, logits: Tensor) -> Look | None:
        """A look with another mask of it, (1, h, w) logits of its window, see `redraw_prediction`. None where
        the numbers are not finite."""
        prediction = redraw_prediction(look.prediction, logits)
        with self._autocast():
            features = self._frames.to_prompt(look.frame_idx, look.view)
            left = self._network.encode_memory(features, prediction, from_prompt=True)
        return _download(self._runner, prediction, left, look.frame_idx, look.view)

    @torch.inference_mode()
    def remember(
        self, slot: Slot, look: Look, *, restarts: bool = False, mended: bool = False
    ) -> Conditioned:
        """Remember a look's frame as a conditioning frame.

        Args:
            mended: by what was found, and not by what anybody said: it has a place of its own.
            restarts: everything remembered of later frames is dropped: they will be replayed.
        """
        frame_idx = look.frame_idx
        self._seen.clear()
        if restarts:
            self._rewind.forget_after(slot, frame_idx)
        (slot.mended.add if mended else slot.mended.discard)(frame_idx)
        self._rewind.before_prompt(slot, frame_idx)
        evicted = self._bank.write_conditioning(slot, frame_idx, look.prediction, self._left_by(look))
        slot.note_view(frame_idx, look.view)
        note_evidence(slot, frame_idx, look.found, self._frames.size_of(frame_idx))
        return Conditioned(look.found, evicted, to_offered(look.prediction.candidates, look.view))

    @torch.inference_mode()
    def retake(self, slot: Slot, look: Look) -> None:
        """Let a look stand in for what memory found on a followed frame; it stays a followed one."""
        self._bank.write_followed(slot, look.frame_idx, look.prediction, self._left_by(look))
        slot.note_view(look.frame_idx, look.view)
        note_evidence(slot, look.frame_idx, look.found, self._frames.size_of(look.frame_idx))

    def condition(
        self,
        slot: Slot,
        frame_idx: int,
        prompt: CheckedPrompt,
        *,
        corrects: bool,
        restarts: bool = False,
        view: View | None = None,
    ) -> Conditioned | None:
        """`look` and `remember`; None, and nothing has changed, where the look is."""
        # Looked at before it is stored: a conditioning frame stays for good.
        look = self.look(slot, frame_idx, prompt, corrects=corrects, view=view)
        return None if look is None else self.remember(slot, look, restarts=restarts)

    def _left_by(self, look: Look) -> Tensor:
        """(1, L, M): what a look leaves in memory."""
        if look.memory_features is not None:
            return look.memory_features
        with self._autocast():
            features = self._frames.to_prompt(look.frame_idx, look.view)
            return self._network.encode_memory(features, look.prediction, from_prompt=True)

    def can_rewind(self, slot: Slot, frame_idx: int) -> bool:
        """Whether `rewind` can put back all that the prompts from a kept frame on displaced."""
        return self._rewind.can_rewind(slot, frame_idx)

    @torch.inference_mode()
    def rewind(
        self,
        slot: Slot,
        frame_idx: int,
        view: View | None = None,
        expected: Expected | None = None,
        carry: Carry | None = None,
        rests: bool = False,
    ) -> Found | None:
        """Take every prompt of a slot on a kept frame back, and drop everything remembered of later frames:
        they will be replayed.

        Args:
            carry: to the frame, where the slot was left out on it.
            rests: the network did not look for it there, see `rest`.
        Returns:
            What memory alone had found there; None on the slot's first frame, which is nothing without its
            prompt: it must get one.
        """
        self._seen.clear()
        restored = self._rewind.to_before_prompts(slot, frame_idx)
        if frame_idx == slot.first_frame:
            return None
        if not restored:
            self._follow_again(slot, frame_idx, view, expected, carry, rests=rests)
        return self.found((slot,), frame_idx)[0]

    def replay(
        self,
        slot: Slot,
        frames: Iterable[int],
        prompts: Mapping[int, Sequence[CheckedPrompt]],
        *,
        view_of: Callable[[int], View | None] = lambda frame_idx: None,
        expected_of: Callable[[int], Expected | None] = lambda frame_idx: None,
        carry_to: Callable[[int], Carry | None] = lambda frame_idx: None,
        rests_on: Callable[[int], bool] = lambda frame_idx: False,
        look_at: LookAt | None = None,
    ) -> Iterator[Replayed]:
        """Follow a slot anew over kept frames, in the order given; `prompts` on them are applied again, one
        after the other. `view_of`, `expected_of`, `carry_to` and `rests_on` are asked for a frame when all
        before it is known; where the slot was left out it is carried."""
        for frame_idx in frames:
            carry = carry_to(frame_idx) if frame_idx in slot.left_out else None
            view = view_of(frame_idx) if carry is None else None
            rests = carry is None and rests_on(frame_idx)
            self._follow_again(slot, frame_idx, view, expected_of(frame_idx), carry, rests=rests)
            [found] = self.found((slot,), frame_idx)
            yield Replayed(frame_idx, found)
            yield from self.repeat(slot, frame_idx, prompts.get(frame_idx, ()), look_at)

    def _follow_again(
        self,
        slot: Slot,
        frame_idx: int,
        view: View | None,
        expected: Expected | None,
        carry: Carry | None,
        *,
        rests: bool,
    ) -> None:
        if carry is not None and frame_idx in slot.left_out:
            self.carry((slot,), frame_idx, carry)
        elif rests:
            self.rest((slot,), frame_idx, (view,))
        else:
            self.follow((slot,), frame_idx, (view,), (expected,))

    def repeat(
        self,
        slot: Slot,
        frame_idx: int,
        prompts: Sequence[CheckedPrompt],
        look_at: LookAt | None = None,
    ) -> Iterator[Replayed]:
        """Apply prompts on a kept frame again, one after the other, as they came."""
        for index, prompt in enumerate(prompts):
            corrects = index > 0 or frame_idx != slot.first_frame
            look = (look_at or self.look)(slot, frame_idx, prompt, corrects=corrects)
            if look is not None:
                conditioned = self.remember(slot, look, mended=frame_idx in slot.mended)
                yield Replayed(frame_idx, conditioned.found, conditioned, index)


def _download(
    runner: StepRunner,
    prediction: MaskPrediction,
    memory_features: Tensor | None,
    frame_idx: int,
    view: View | None,
) -> Look | None:
    """A look on the host; None where its numbers are not finite."""
    scores = summarise(prediction, memory_features)
    logits, host_scores = runner.download(prediction.low_res_mask_logits, scores)
    if not np.isfinite(host_scores).all():
        return None
    # A copy: other looks may come before this one is used.
    [found] = to_found(logits.copy(), host_scores, [True], [view])
    return Look(found, frame_idx, view, prediction, memory_features)


def _previous(bank: MemoryBank, slot: Slot, frame_idx: int, view: View | None, frame_size: Size) -> Tensor:
    """(1, h, w): a kept frame's mask logits so far, as a window shows them."""
    logits = bank.mask_logits(slot, frame_idx)
    seen = slot.views.get(frame_idx)
    if seen == view:
        return logits
    whole = View.whole(frame_size)
    return change_view(logits, seen or whole, view or whole)
