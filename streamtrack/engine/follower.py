"""The engine under a session: slots that are followed from frame to frame. Numbers and tensors only.

It knows no object's name, no event, no clock and no configuration; frames are numbers of the caller's. Of
what the network finds, only what is finite is remembered, and nothing of a frame that the caller calls unfit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from streamtrack.engine.history import FeatureHistory
from streamtrack.engine.locate import Locator
from streamtrack.engine.memory_bank import MemoryBank, summarise
from streamtrack.engine.object_memory import ObjectMemory
from streamtrack.engine.places import Batching, fewer_together
from streamtrack.engine.prompt_input import CheckedPrompt, scale_prompt
from streamtrack.engine.read_plan import Evidence, MemoryPlan
from streamtrack.engine.rewind import Rewind
from streamtrack.engine.runner import StepRunner
from streamtrack.engine.step import condition_no_sync, propagate_no_sync
from streamtrack.frame import Image
from streamtrack.model.interface import Candidates, FrameFeatures, Network

Slot = ObjectMemory
"""One followed object: `first_frame` and `conditioning` may be read, the rest is the engine's."""


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """One slot on one frame, on the host."""

    low_res_mask_logits: NDArray[np.float32]
    """(h, w), valid until the follower is called again."""
    object_score: float
    """Probability that the object is visible, 0 to 1."""
    iou_score: float
    """The network's estimate of the mask's IoU, 0 to 1."""
    finite: bool
    """False: the network's numbers were not finite. The mask is the frame before's, the scores are 0, and
    nothing was remembered."""


@dataclass(frozen=True, slots=True, eq=False)
class Offered:
    """The masks that the network offered for one prompt, on the host."""

    low_res_mask_logits: NDArray[np.float32]
    """(K, h, w)."""
    iou_scores: NDArray[np.float32]
    """(K,), the network's estimates, 0 to 1."""


@dataclass(frozen=True, slots=True, eq=False)
class Conditioned:
    """What a prompt did to a slot."""

    found: Found
    evicted: int | None
    """The conditioning frame that had to go, if one had."""
    offered: Offered | None
    """The masks among which the network chose, where there were several."""


@dataclass(frozen=True, slots=True, eq=False)
class Replayed:
    """A frame of a replay as memory alone finds it, and after each of its prompts."""

    frame_idx: int
    found: Found
    conditioned: Conditioned | None = None
    """None: by memory alone."""
    prompt: int = -1
    """Which of the frame's prompts conditioned it, from 0."""


class Follower:
    """Follows slots through numbered frames, with memory of a fixed size. One thread at a time.

    Args:
        plan: which frames' memory is read.
        max_conditioning_frames: prompted frames remembered of each slot; the first is never evicted.
        history_frames: encoded frames kept, for prompts on a past frame.
        autocast: the context in which the network runs.
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
        autocast: Callable[[], Any],
    ) -> None:
        self._network = network
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
        self._locator = Locator(self._bank, plan, network.geometry.recent_frames)
        self._history = FeatureHistory(network, history_frames)
        self._history_frames = history_frames
        self._encoded: tuple[int, FrameFeatures] | None = None
        self._unfit: set[int] = set()

    @property
    def num_bytes(self) -> int:
        """Bytes of all tensors kept; constant once the slots are allocated."""
        return self._bank.num_bytes + self._history.num_bytes

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
        """Encode a frame and keep it in the place of the one `history_frames` away.

        Args:
            image: (H, W, 3) uint8 RGB.
            fit_to_remember: False: slots are found on it, but it enters no memory.
        """
        with self._autocast():
            features = self._runner.encode(image)
            self._history.keep(frame_idx, features)
        self._encoded = frame_idx, features
        self._unfit = {index for index in self._unfit if abs(frame_idx - index) < self._history_frames}
        self._unfit.discard(frame_idx)
        if not fit_to_remember:
            self._unfit.add(frame_idx)

    @torch.inference_mode()
    def follow(self, slots: Sequence[Slot], frame_idx: int) -> None:
        """Find slots on a kept frame by their memory. Does not wait for the device: `found` does."""
        with self._autocast():
            features = self._features(frame_idx)
            while True:
                batches = self._locator.locate(slots, frame_idx, self._batching)
                try:
                    propagate_no_sync(self._network, self._bank, features, batches, self._runner.follow)
                    break
                except torch.OutOfMemoryError as error:
                    # The frame anew, in smaller passes: the same masks, later.
                    together = fewer_together(min(len(slots), self._batching.max_batch), error)
                    self._batching = replace(self._batching, max_batch=together)
        for slot in slots:
            slot.not_finite = {i for i in slot.not_finite if abs(frame_idx - i) < self._history_frames}
            self._rewind.forget_before(slot, frame_idx - self._history_frames + 1)
            if frame_idx in self._unfit:
                slot.release(frame_idx)

    def _features(self, frame_idx: int) -> FrameFeatures:
        """Those of the frame encoded last are at hand, once; others come out of the history."""
        encoded, self._encoded = self._encoded, None
        if encoded is not None and encoded[0] == frame_idx:
            return encoded[1]
        return self._history.features(frame_idx)

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
        found = _to_found(logits, scores, [frame_idx not in slot.not_finite for slot in slots])
        for slot, one in zip(slots, found, strict=True):
            _note_evidence(slot, frame_idx, one)
        return found

    # -- prompts -----------------------------------------------------------------------------------

    @torch.inference_mode()
    def condition(
        self, slot: Slot, frame_idx: int, prompt: CheckedPrompt, *, corrects: bool, restarts: bool = False
    ) -> Conditioned | None:
        """Apply a prompt to a slot on a kept frame and remember the frame as a conditioning frame.

        Args:
            corrects: the frame holds a mask of this slot already, which the prompt corrects.
            restarts: everything remembered of later frames is dropped: they will be replayed.
        Returns:
            None where the network's numbers are not finite: then nothing has changed.
        """
        with self._autocast():
            places = None
            if frame_idx != slot.first_frame:
                places = self._locator.locate_to_read(slot, frame_idx)
            prediction, memory_features = condition_no_sync(
                self._network,
                self._bank,
                self._history.features(frame_idx),
                frame_idx,
                slot,
                scale_prompt(prompt, self._network.geometry, self._network.device),
                places,
                corrects=corrects,
            )
            scores = summarise(prediction, memory_features)
            # Looked at before it is stored: a conditioning frame stays for good.
            logits, host_scores = self._runner.download(prediction.low_res_mask_logits, scores)
            if not np.isfinite(host_scores).all():
                return None
            if restarts:
                self._rewind.forget_after(slot, frame_idx)
            self._rewind.before_prompt(slot, frame_idx)
            evicted = self._bank.write_conditioning(slot, frame_idx, prediction, memory_features)
        [found] = _to_found(logits, host_scores, [True])
        _note_evidence(slot, frame_idx, found)
        return Conditioned(found, evicted, _to_offered(prediction.candidates))

    def can_rewind(self, slot: Slot, frame_idx: int) -> bool:
        """Whether `rewind` can put back all that the prompts from a kept frame on displaced."""
        return self._rewind.can_rewind(slot, frame_idx)

    @torch.inference_mode()
    def rewind(self, slot: Slot, frame_idx: int) -> Found | None:
        """Take every prompt of a slot on a kept frame back, and drop everything remembered of later frames:
        they will be replayed.

        Returns:
            What memory alone had found there; None on the slot's first frame, which is nothing without its
            prompt: it must get one.
        """
        restored = self._rewind.to_before_prompts(slot, frame_idx)
        if frame_idx == slot.first_frame:
            return None
        if not restored:
            self.follow((slot,), frame_idx)
        return self.found((slot,), frame_idx)[0]

    def replay(
        self, slot: Slot, frames: Iterable[int], prompts: Mapping[int, Sequence[CheckedPrompt]]
    ) -> Iterator[Replayed]:
        """Follow a slot anew over kept frames, in the order given; `prompts` on them are applied again, one
        after the other."""
        for frame_idx in frames:
            self.follow((slot,), frame_idx)
            [found] = self.found((slot,), frame_idx)
            yield Replayed(frame_idx, found)
            yield from self.repeat(slot, frame_idx, prompts.get(frame_idx, ()))

    def repeat(self, slot: Slot, frame_idx: int, prompts: Sequence[CheckedPrompt]) -> Iterator[Replayed]:
        """Apply prompts on a kept frame again, one after the other, as they came."""
        for index, prompt in enumerate(prompts):
            corrects = index > 0 or frame_idx != slot.first_frame
            conditioned = self.condition(slot, frame_idx, prompt, corrects=corrects)
            if conditioned is not None:
                yield Replayed(frame_idx, conditioned.found, conditioned, index)


def _to_found(
    logits: NDArray[np.float32], scores: NDArray[np.float32], finite: Sequence[bool]
) -> list[Found]:
    object_scores = torch.sigmoid(torch.from_numpy(scores[:, 0])).tolist()
    iou_scores = scores[:, 1].tolist()
    return [
        Found(low_res, object_score, min(max(iou_score, 0.0), 1.0), is_finite)
        for low_res, object_score, iou_score, is_finite in zip(
            logits, object_scores, iou_scores, finite, strict=True
        )
    ]


def _to_offered(candidates: Candidates | None) -> Offered | None:
    if candidates is None:
        return None
    return Offered(candidates.low_res_mask_logits.cpu().numpy(), candidates.iou_scores.cpu().numpy())


def _note_evidence(slot: Slot, frame_idx: int, found: Found) -> None:
    """Keep what a plan may ask of a frame, once, for as long as the frame is stored."""
    if frame_idx in slot.evidence or not (frame_idx in slot.features or frame_idx in slot.pointers):
        return
    slot.evidence[frame_idx] = Evidence(found.object_score, found.iou_score, _box(found.low_res_mask_logits))


def _box(logits: NDArray[np.float32]) -> tuple[float, float, float, float] | None:
    positive = logits > 0
    rows = np.flatnonzero(positive.any(axis=1))
    if rows.size == 0:
        return None
    columns = np.flatnonzero(positive.any(axis=0))
    height, width = logits.shape
    return (
        float(columns[0] / width),
        float(rows[0] / height),
        float((columns[-1] + 1) / width),
        float((rows[-1] + 1) / height),
    )
