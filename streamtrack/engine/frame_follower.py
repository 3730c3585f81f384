"""The engine under a session, but for prompts: slots that are followed from frame to frame.

It knows no object's name, no event, no clock and no configuration; frames are numbers of the caller's. Of
what the network finds, only what is finite is remembered, and nothing of a frame that the caller calls unfit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from streamtrack.engine.appearance import Appearance, pool_appearance
from streamtrack.engine.drift import Carried, Drift
from streamtrack.engine.encoded_frames import EncodedFrames
from streamtrack.engine.found import Found, evidence_of, to_found
from streamtrack.engine.locate import Locator
from streamtrack.engine.memory_bank import MemoryBank, show, shown_at
from streamtrack.engine.object_memory import ObjectMemory
from streamtrack.engine.places import Batching, fewer_together
from streamtrack.engine.read_plan import MemoryPlan
from streamtrack.engine.rewind import Rewind
from streamtrack.engine.runner import StepRunner
from streamtrack.engine.seen_frame import SeenFrame
from streamtrack.engine.step import propagate_no_sync
from streamtrack.engine.view import Expected, View
from streamtrack.frame import Image
from streamtrack.model.interface import Network, Size

Slot = ObjectMemory
"""One followed object: `first_frame` and `conditioning` may be read, the rest is the engine's."""
Logits = NDArray[np.float32]


class Carry(Protocol):
    """Carries a mask to a frame that the network does not look at."""

    def __call__(
        self,
        logits: Logits,
        view: View | None,
        drift: Drift | None,
        frame_size: Size,
        source: int,
        since: int,
        /,
    ) -> tuple[Logits, View | None, Drift]:
        """Low-res mask logits (h, w) of an earlier frame, the source, and the window that they are of, where
        they had gone on the frame `since` (None: that is the source), H, W of the picture: where they are
        now."""


class FrameFollower:
    """Follows slots through numbered frames, with memory of a fixed size. One thread at a time.

    Args:
        plan: which frames' memory is read.
        max_conditioning_frames: prompted frames remembered of each slot; the first is never evicted.
        history_frames: encoded frames kept, for prompts on a past frame.
        windows: slots may be looked for through windows; pictures are then kept in place of features.
        autocast: the context in which the network runs.
        aware: `follow` is told where objects are expected.
        rivals: it also finds who else might be meant, see `Found.rival`.
    """

    def __init__(
        self,
        network: Network,
        *,
        plan: MemoryPlan,
        max_conditioning_frames: int,
        history_frames: int,
        batching: Batching,
        runner: StepRunner,
        windows: bool = False,
        autocast: Callable[[], Any],
        aware: bool = False,
        rivals: bool = False,
    ) -> None:
        self._network = network
        self._plan = plan
        self._batching = batching
        self._runner = runner
        self._autocast = autocast
        self._bank = MemoryBank(
            network.geometry,
            plan,
            max_conditioning_frames=max_conditioning_frames,
            history_frames=history_frames,
            device=network.device,
        )
        self._rewind = Rewind(self._bank)
        recent = network.geometry.recent_frames
        self._locator = Locator(self._bank, plan, recent, expects=aware, rivals=rivals)
        self._frames = EncodedFrames(network, runner, history_frames, windows=windows)
        self._seen = SeenFrame()
        self._history_frames = history_frames
        self._unfit: set[int] = set()

    @property
    def num_bytes(self) -> int:
        """Bytes of all tensors kept; constant once the slots are allocated."""
        return self._bank.num_bytes + self._frames.num_bytes

    # -- slots -------------------------------------------------------------------------------------

    @torch.inference_mode()
    def open(self, first_frame: int) -> Slot:
        """A slot without memory, for an object whose first prompt is on a kept frame.

        Raises:
            CapacityError: the device has no memory for more slots; those that there are stay as they are.
        """
        with self._autocast():
            return self._bank.open(first_frame)

    def close(self, slot: Slot) -> None:
        """Give a slot back; it must not be used again."""
        self._seen.clear()
        self._rewind.close(slot)
        self._bank.close(slot)

    # -- frames ------------------------------------------------------------------------------------

    @torch.inference_mode()
    def encode_ahead(self, image: Image) -> None:
        """Start to encode a frame that `encode` will soon be given; nothing without CUDA."""
        with self._autocast():
            self._runner.encode_ahead(image)

    @torch.inference_mode()
    def encode(self, frame_idx: int, image: Image, *, fit_to_remember: bool = True) -> None:
        """Keep a frame in the place of the one `history_frames` away. Without windows it is encoded now, with
        windows when something asks for it.

        Args:
            image: (H, W, 3) uint8 RGB.
            fit_to_remember: False: slots are found on it, but it enters no memory.
        """
        self._seen.clear()
        with self._autocast():
            self._frames.add(frame_idx, image)
        self._unfit = {index for index in self._unfit if abs(frame_idx - index) < self._history_frames}
        self._unfit.discard(frame_idx)
        if not fit_to_remember:
            self._unfit.add(frame_idx)

    @torch.inference_mode()
    def follow(
        self,
        slots: Sequence[Slot],
        frame_idx: int,
        views: Sequence[View | None] | None = None,
        expected: Sequence[Expected | None] | None = None,
    ) -> None:
        """Find slots on a kept frame by their memory. Does not wait for the device: `found` does.

        Args:
            views: through which window each of them is looked for; None: the whole picture. One encoder pass
                for each window.
            expected: where each of them is expected; without effect unless this engine is `aware`.
        """
        size = self._frames.size_of(frame_idx)
        for place, slot in enumerate(slots):
            told = None if expected is None else expected[place]
            view = None if views is None else views[place]
            slot.expected = None if told is None else told.seen_through(view, size)
        through: dict[View | None, list[Slot]] = {None: list(slots)} if views is None else {}
        for slot, view in zip(slots, views or (), strict=views is not None):
            through.setdefault(view, []).append(slot)
        for view, seen in through.items():
            self._follow_through(view, seen, frame_idx)
        for slot, view in zip(slots, views or [None] * len(slots), strict=True):
            self._note_frame(slot, frame_idx, view)
            if frame_idx in self._unfit:
                slot.release(frame_idx)

    def _follow_through(self, view: View | None, slots: Sequence[Slot], frame_idx: int) -> None:
        with self._autocast():
            features = self._frames.to_follow(frame_idx, view)
            while True:
                batches = self._locator.locate(slots, frame_idx, self._batching)
                try:
                    seen = propagate_no_sync(
                        self._network, self._bank, features, batches, self._runner.follow
                    )
                    break
                except torch.OutOfMemoryError as error:
                    # The frame anew, in smaller passes: the same masks, later.
                    together = fewer_together(min(len(slots), self._batching.max_batch), error)
                    self._batching = replace(self._batching, max_batch=together)
        self._seen.note(frame_idx, view, seen)

    @torch.inference_mode()
    def carry(self, slots: Sequence[Slot], frame_idx: int, carry: Carry) -> None:
        """Carry the masks of slots to a kept frame that the network does not look at for them; nothing is
        remembered of it. Waits for the device."""
        if not slots:
            return
        before = [slot.carried.get(frame_idx - 1) for slot in slots]
        # A mask that is not kept any more is carried on from where it was carried to.
        kept = [
            None if one is None or frame_idx - one.source >= self._history_frames else one for one in before
        ]
        sources = [frame_idx - 1 if one is None else one.source for one in kept]
        logits, *others = shown_at(self._bank, slots, sources)
        (shown,) = self._runner.download(logits)
        moved, size = np.empty_like(shown), self._frames.size_of(frame_idx)
        for place, (slot, was) in enumerate(zip(slots, kept, strict=True)):
            looked_at, view = slot.looked_at(frame_idx - 1), slot.views.get(sources[place])
            earlier, source = None if was is None else was.drift, sources[place]
            since = source if earlier is None else frame_idx - 1
            moved[place], view, drift = carry(shown[place], view, earlier, size, source, since)
            slot.note_followed(frame_idx)
            slot.release(frame_idx)
            slot.note_carried(frame_idx, Carried(looked_at, source, drift))
            self._note_frame(slot, frame_idx, view)
        show(self._bank, slots, frame_idx, torch.from_numpy(moved).to(self._network.device), *others)

    @torch.inference_mode()
    def rest(self, slots: Sequence[Slot], frame_idx: int, views: Sequence[View | None]) -> None:
        """Let slots that the frame before did not show be as they were there: the network does not look for
        them on a kept frame, and nothing is remembered of it.

        Args:
            views: through which window each would be looked for.
        """
        if not slots:
            return
        show(self._bank, slots, frame_idx, *shown_at(self._bank, slots, [frame_idx - 1] * len(slots)))
        for slot, view in zip(slots, views, strict=True):
            slot.note_followed(frame_idx)
            slot.release(frame_idx)
            self._note_frame(slot, frame_idx, view)

    def _note_frame(self, slot: Slot, frame_idx: int, view: View | None) -> None:
        slot.note_view(frame_idx, view)
        slot.forget_far(frame_idx, self._history_frames)
        self._rewind.forget_before(slot, frame_idx - self._history_frames + 1)

    def forget(self, slot: Slot, frame_idx: int, *, prompted: bool = False) -> None:
        """Take a followed frame out of a slot's memory; its mask stays.

        Args:
            prompted: also one that prompts conditioned, unless it is the slot's first.
        """
        slot.release(frame_idx)
        if prompted and frame_idx != slot.first_frame:
            slot.conditioning.pop(frame_idx, None)

    def anchor(self, slot: Slot, frame_idx: int) -> None:
        """Mark a stored frame as one that is remembered for long, where the plan knows such."""
        slot.anchor(frame_idx)

    @torch.inference_mode()
    def appearance_at(self, frame_idx: int, logits: NDArray[np.float32], view: View | None) -> Appearance:
        """How what a mask shows on a kept frame looks.

        Args:
            logits: (h, w), above 0 on it, of any size: of the window's picture, or of the whole one.
        """
        with self._autocast():
            features = self._frames.to_prompt(frame_idx, view)
            shown = torch.from_numpy(logits)[None].to(self._network.device)
            look = pool_appearance(self._network.appearance_map(features), shown)
        return np.array(look[0].float().cpu().numpy())

    @torch.inference_mode()
    def found(self, slots: Sequence[Slot], frame_idx: int) -> list[Found]:
        """Masks and scores of slots on a kept frame; the one wait for the device.

        What is not finite shows here, as the scores come to the host anyway, before anything was read of it.
        """
        if not slots:
            return []
        logits, scores = self._runner.download(*self._bank.predictions(slots, frame_idx))
        not_finite = [slot for slot, row in zip(slots, scores, strict=True) if not np.isfinite(row).all()]
        if not_finite:
            for slot in not_finite:
                self._bank.discard(slot, frame_idx)
            logits, scores = self._runner.download(*self._bank.predictions(slots, frame_idx))
        found = to_found(
            logits,
            scores,
            [frame_idx not in slot.not_finite for slot in slots],
            [slot.views.get(frame_idx) for slot in slots],
        )
        for slot, one in zip(slots, found, strict=True):
            note_evidence(slot, frame_idx, one, self._frames.size_of(frame_idx))
        return found


def note_evidence(slot: Slot, frame_idx: int, found: Found, frame_size: Size) -> None:
    """Keep what a plan may ask of a frame, once, for as long as the frame is stored."""
    if frame_idx in slot.evidence or not (frame_idx in slot.features or frame_idx in slot.pointers):
        return
    slot.evidence[frame_idx] = evidence_of(found, frame_size)
