"""The engine under a film: objects that are found by prompts and followed, on frames of any order.

Beside `Follower`, whose memory has a fixed size for a stream without an end: here any number of conditioning
frames is read, of any time, and what was found anywhere can be read again.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from streamtrack.engine.appearance import pool_appearance
from streamtrack.engine.clean_mask import HOLE_LOGIT, find_holes
from streamtrack.engine.film_memory_read import read_memory
from streamtrack.engine.film_object import FilmObject
from streamtrack.engine.film_outputs import FilmOutput
from streamtrack.engine.film_plan import UNLIMITED, FilmMemory
from streamtrack.engine.memory_bank import summarise
from streamtrack.engine.places import fewer_together
from streamtrack.engine.read_plan import Reading
from streamtrack.engine.view import View
from streamtrack.model.interface import FrameFeatures, MaskPrediction, MemoryRead, Network

ENCODED_FRAMES = 4
"""Encoded frames at hand, for prompts on a frame one after the other."""


_Group = tuple[View | None, int, int]
ExpectedShare = tuple[float, float, float, float, float]
"""As `Expected.seen_through` gives it; zeros where nothing is expected."""


class FilmFollower:
    """Finds objects on a film's frames. One thread at a time.

    Args:
        frames: a frame as (1, 3, H, W) at the network's input size, 0 to 255, on its device.
        windows: the same of a window of a frame; None: frames are looked at as a whole.
        num_frames: of the film; None for one without an end. A film of fewer than 16 frames has its pointers'
            ages stretched, as SAM 2 does.
        max_conditioning_frames: that a frame reads, see `FilmMemory`.
        fills_gaps: see `FilmMemory`.
        recent_frames: whose memory features a frame reads; None: as many as the network was trained to.
        fill_hole_area: holes of so many mask pixels at most are filled; 0: none.
        autocast: the context in which the network runs.
        anchors: frames that are read beside the recent ones, where any are marked, see `AnchoredMemory`.
        keeps_looks: outputs say how objects look.
    """

    def __init__(
        self,
        network: Network,
        frames: Callable[[int], Tensor],
        *,
        windows: Callable[[int, View], Tensor] | None = None,
        fills_gaps: bool = False,
        num_frames: int | None,
        max_conditioning_frames: int = UNLIMITED,
        recent_frames: int | None = None,
        fill_hole_area: int = 0,
        autocast: Callable[[], Any],
        anchors: int = 0,
        keeps_looks: bool = False,
    ) -> None:
        self._network = network
        self._frames = frames
        self._windows = windows
        self._fills_gaps = fills_gaps
        self._fill_hole_area = fill_hole_area
        self._autocast = autocast
        self._anchors = anchors
        self._keeps_looks = keeps_looks
        self._max_conditioning_frames = max_conditioning_frames
        self._recent_frames = recent_frames
        self._together = network.best_batch
        self._encoded: OrderedDict[tuple[int, View | None], FrameFeatures] = OrderedDict()
        self.set_num_frames(num_frames)

    def set_num_frames(self, num_frames: int | None) -> None:
        """Another length of the film; None for one without an end."""
        geometry = self._network.geometry
        longest = geometry.recent_pointers
        pointers = longest if num_frames is None else min(longest, num_frames - 1)
        pointers = max(1, pointers)
        self._age_scale = longest / pointers
        recent = min(self._recent_frames or geometry.recent_frames, geometry.recent_frames)
        self._plans = {
            reverse: FilmMemory(
                recent,
                pointers,
                reverse,
                self._max_conditioning_frames,
                self._fills_gaps,
                min(self._anchors, recent - 1),
            )
            for reverse in (False, True)
        }

    @torch.inference_mode()
    def follow(
        self,
        objects: Sequence[FilmObject],
        frame_idx: int,
        *,
        reverse: bool = False,
        as_prompted: bool = False,
        fit_to_remember: bool = True,
        views: Sequence[View | None] | None = None,
        expected: Sequence[ExpectedShare | None] | None = None,
    ) -> list[FilmOutput | None]:
        """Find objects on a frame by their memory; it becomes one of the frames that were followed.

        Args:
            as_prompted: the masks are remembered as those of prompts are.
            fit_to_remember: False: the frame is shown, and no other frame reads it.
            views: through which window each of them is looked for; None: in the whole frame. One encoder pass
                for each window.
            expected: where each is expected, as shares of its window, see `MemoryRead.expected`; None: nobody
                asks.
        Returns:
            What was found of each. None where the network's numbers are not finite: of those nothing is kept.
        """
        # Objects that read equally much, in the same picture, share a pass.
        groups: dict[_Group, list[tuple[int, Reading]]] = defaultdict(list)
        for place, tracked in enumerate(objects):
            reading = self._plans[reverse].plan(tracked.stored(frame_idx))
            view = None if views is None else views[place]
            groups[view, len(reading.features), len(reading.pointers)].append((place, reading))
            if view is not None:
                tracked.views[frame_idx] = view
            else:
                tracked.views.pop(frame_idx, None)
        outputs: list[FilmOutput | None] = [None] * len(objects)
        scores: list[tuple[list[int], Tensor]] = []
        with self._autocast():
            for (view, _, _), group in groups.items():
                features = self._features(frame_idx, view)
                while group:
                    batch = group[: self._together or len(group)]
                    try:
                        scores.append(
                            self._follow_batch(
                                objects, batch, features, outputs, expected, as_prompted=as_prompted
                            )
                        )
                    except torch.OutOfMemoryError as error:
                        self._together = fewer_together(len(batch), error)
                    else:
                        del group[: len(batch)]
        # All at once: the one wait for the device.
        for places, batch_scores in scores:
            for place, row in zip(places, batch_scores.isfinite().all(dim=1).tolist(), strict=True):
                outputs[place] = outputs[place] if row else None
        for tracked, output in zip(objects, outputs, strict=True):
            tracked.note(frame_idx, output, fit_to_remember=fit_to_remember)
        return outputs

    def _follow_batch(
        self,
        objects: Sequence[FilmObject],
        batch: Sequence[tuple[int, Reading]],
        features: FrameFeatures,
        outputs: list[FilmOutput | None],
        expected: Sequence[ExpectedShare | None] | None,
        *,
        as_prompted: bool,
    ) -> tuple[list[int], Tensor]:
        """Find some of the objects; returns their places and scores, which say whether all is finite."""
        places = [place for place, _ in batch]
        read = self._read([(objects[place], reading) for place, reading in batch])
        boxes = [] if expected is None else [one for one in (expected[place] for place in places) if one]
        if boxes:
            read = replace(read, expected=torch.tensor(boxes).to(self._network.device))
        prediction, memory_features = self._network.follow(features, read)
        prediction = self._with_looks(features, prediction)
        if as_prompted:
            memory_features = self._network.encode_memory(features, prediction, from_prompt=True)
        scores = summarise(prediction, memory_features)
        # Holes are filled in what is shown, not in what was remembered: so it is in SAM 2.
        prediction = self._without_holes(prediction)
        for row, place in enumerate(places):
            outputs[place] = make_output(prediction, memory_features, row)
        return places, scores

    @torch.inference_mode()
    def find_by_points(
        self,
        tracked: FilmObject,
        frame_idx: int,
        coords: Tensor,
        labels: Tensor,
        *,
        previous: FilmOutput | None,
        with_memory: bool,
        reverse: bool = False,
        as_prompted: bool = True,
    ) -> FilmOutput | None:
        """Find an object on a frame by points. Nothing is stored; None where the numbers are not finite.

        Args:
            coords: (1, P, 2) float32 x, y in pixels of the network's input.
            labels: (1, P) int32: 1 on the object, 0 off it, 2 and 3 the corners of a box.
            previous: the frame's output so far, which the points correct.
            with_memory: read the object's memory as well.
            as_prompted: the mask is remembered as those of prompts are.
        """
        with self._autocast():
            features = self._features(frame_idx)
            memory = None
            if with_memory:
                reading = self._plans[reverse].plan(tracked.stored(frame_idx))
                memory = self._read([(tracked, reading)]) if reading.features else None
            previous_logits = None if previous is None else previous.low_res_mask_logits[None]
            device = self._network.device
            prediction = self._network.decode_points(
                features, memory, coords.to(device), labels.to(device), previous_logits
            )
            return self._remembered(features, prediction, as_prompted=as_prompted)

    @torch.inference_mode()
    def adopt_mask(self, frame_idx: int, mask: Tensor, *, as_transformers: bool = False) -> FilmOutput | None:
        """Take a mask as an object's output. Nothing is stored; None where the numbers are not finite.

        Args:
            mask: (1, 1, H, W) float32 of the network's input size, 0 or 1.
            as_transformers: remember it in all its detail, and the best candidate's pointer; sam2 remembers
                its low-res form, and the one mask's pointer.
        """
        given = mask.to(self._network.device)
        with self._autocast():
            features = self._features(frame_idx)
            prediction = self._network.adopt_mask(features, given, candidates=as_transformers)
            return self._remembered(features, prediction, mask=given if as_transformers else None)

    def _remembered(
        self,
        features: FrameFeatures,
        prediction: MaskPrediction,
        *,
        as_prompted: bool = True,
        mask: Tensor | None = None,
    ) -> FilmOutput | None:
        prediction = self._without_holes(prediction)
        memory_features = self._network.encode_memory(
            features, prediction, from_prompt=as_prompted, mask=mask
        )
        if not bool(summarise(prediction, memory_features).isfinite().all()):
            return None
        return make_output(prediction, memory_features, 0)

    def _with_looks(self, features: FrameFeatures, prediction: MaskPrediction) -> MaskPrediction:
        if not self._keeps_looks:
            return prediction
        looks = pool_appearance(self._network.appearance_map(features), prediction.low_res_mask_logits)
        return replace(prediction, appearances=looks)

    def _features(self, frame_idx: int, view: View | None = None) -> FrameFeatures:
        features = self._encoded.pop((frame_idx, view), None)
        if features is None and view is not None:
            assert self._windows is not None
            features = self._network.encode(self._windows(frame_idx, view))
        elif features is None:
            features = self._network.encode(self._frames(frame_idx))
        self._encoded[frame_idx, view] = features
        if len(self._encoded) > ENCODED_FRAMES:
            self._encoded.popitem(last=False)
        return features

    def _read(self, batch: Sequence[tuple[FilmObject, Reading]]) -> MemoryRead:
        return read_memory(self._network, batch, self._age_scale)

    def _without_holes(self, prediction: MaskPrediction) -> MaskPrediction:
        if self._fill_hole_area < 1:
            return prediction
        logits = prediction.low_res_mask_logits
        holes = np.stack([find_holes(mask, self._fill_hole_area) for mask in (logits > 0).cpu().numpy()])
        filled = logits.masked_fill(torch.from_numpy(holes).to(logits.device), HOLE_LOGIT)
        return replace(prediction, low_res_mask_logits=filled)


def make_output(prediction: MaskPrediction, memory_features: Tensor, row: int) -> FilmOutput:
    """One object of a prediction, with the memory features that it leaves."""
    rivals, looks = prediction.rivals, prediction.appearances
    one = prediction.iou_scores[row : row + 1]
    return FilmOutput(
        prediction.low_res_mask_logits[row],
        prediction.object_score_logits[row],
        prediction.object_pointers[row].float(),
        memory_features[row],
        one,
        torch.ones_like(one) if rivals is None else rivals[row : row + 1],
        one.new_zeros(0) if looks is None else looks[row],
    )
