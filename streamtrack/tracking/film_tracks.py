"""The objects of a film: prompts on any frame, and passes through its frames in either direction."""

from __future__ import annotations

import io
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from streamtrack.config import TrackingConfig
from streamtrack.engine.clean_mask import clean_logits
from streamtrack.engine.film_follower import FilmFollower
from streamtrack.engine.film_object import FilmObject
from streamtrack.engine.film_outputs import FilmOutput, FollowedOutputs
from streamtrack.engine.preprocess import to_input
from streamtrack.engine.prompt_input import CheckedPrompt, scale_prompt
from streamtrack.errors import PromptError
from streamtrack.frame import Frame, Image
from streamtrack.model.build import LoadedModel
from streamtrack.tracking.film_seen import NOTHING, Seen
from streamtrack.tracking.postprocess import crop_mask

DIRECTIONS = (False, True)
"""Whether a pass is backward."""


@dataclass(slots=True, eq=False)
class FilmTrack:
    """One object of a film."""

    object_id: int
    label: str
    passes: tuple[FilmObject, FilmObject]
    """What a forward and a backward pass remember; they share the prompted frames."""
    first: int | None = None
    last: int | None = None
    """The positions between which it exists; None: as far as the film goes."""
    prompts: dict[int, CheckedPrompt] = field(default_factory=dict)
    """By position."""
    fresh: tuple[set[int], set[int]] = field(default_factory=lambda: (set(), set()))
    """Positions that a pass has been through since the last prompt."""

    def exists(self, position: int) -> bool:
        """Whether it is looked for on a frame."""
        return (self.first is None or position >= self.first) and (self.last is None or position <= self.last)

    @property
    def conditioning(self) -> dict[int, FilmOutput]:
        """What the prompts made of it, by position."""
        return self.passes[0].conditioning


class FrameInput:
    """The network's input of the frame that is looked at."""

    def __init__(self, model: LoadedModel) -> None:
        self._network = model.network
        self._shown: tuple[int, Image] | None = None

    def show(self, position: int, image: Image) -> None:
        """Look at a frame."""
        self._shown = position, image

    def __call__(self, position: int) -> Tensor:
        """(1, 3, H, W), 0 to 255."""
        assert self._shown is not None
        assert self._shown[0] == position
        return to_input(self._shown[1], self._network.geometry.input_size, self._network.device)


class FilmTracks:
    """Prompts objects and follows them, frame by frame. One thread at a time.

    Each pass remembers for itself: what a backward pass finds is that of a run which is backward alone.
    """

    def __init__(
        self,
        model: LoadedModel,
        config: TrackingConfig,
        num_positions: int,
        outputs: Callable[[], FollowedOutputs],
        *,
        keep_logits: bool = False,
        keeps_outputs: bool = False,
    ) -> None:
        """Without objects.

        Args:
            num_positions: of the film; where there are many, how many does not matter.
            outputs: makes the store of what a pass finds of an object.
            keep_logits: `Seen.logits` is wanted.
            keeps_outputs: `outputs` forgets nothing, so that no frame need be followed twice.
        """
        self._network = model.network
        self._config = config
        self._outputs = outputs
        self._keep_logits = keep_logits
        self._keeps_outputs = keeps_outputs
        self._input = FrameInput(model)
        self._follower = FilmFollower(
            model.network,
            self._input,
            num_frames=num_positions,
            recent_frames=config.memory_frames,
            autocast=model.autocast,
        )
        self._last_seen: tuple[dict[int, Seen], dict[int, Seen]] = ({}, {})
        self.by_id: dict[int, FilmTrack] = {}
        """In the order in which they came."""

    @property
    def prompted(self) -> set[int]:
        """Positions of prompted frames."""
        return {position for track in self.by_id.values() for position in track.conditioning}

    # -- objects -----------------------------------------------------------------------------------

    def add(self, object_id: int, label: str, first: int | None = None, last: int | None = None) -> FilmTrack:
        """A new object, which wants a prompt."""
        conditioning: dict[int, FilmOutput] = {}
        passes = tuple(FilmObject(self._outputs(), conditioning) for _ in DIRECTIONS)
        track = FilmTrack(object_id, label, (passes[0], passes[1]), first, last)
        self.by_id[object_id] = track
        return track

    def remove(self, object_id: int) -> None:
        """Forget an object."""
        for film in self.by_id.pop(object_id).passes:
            film.close()
        for seen in self._last_seen:
            seen.pop(object_id, None)

    def prompt(self, track: FilmTrack, position: int, frame: Frame, prompt: CheckedPrompt) -> None:
        """Say where an object is on a frame, or correct what was found there.

        A frame that no pass has been through is looked at as an image, as SAM 2 does; where every point is
        off the object, what memory finds there is corrected.

        Raises:
            PromptError: the network's numbers are not finite. Nothing has changed.
        """
        if position in track.prompts:
            prompt = track.prompts[position].followed_by(prompt)
        self._input.show(position, frame.image)
        output = self._output(track, position, prompt)
        if output is None:
            raise PromptError(
                f"object {track.object_id}: the network gave no finite numbers for frame {frame.seq}, "
                "expected another frame"
            )
        track.prompts[position] = prompt
        track.conditioning[position] = output
        for reverse in DIRECTIONS:
            track.passes[reverse].followed.pop(position, None)
            track.fresh[reverse].clear()

    def clear_prompts(self, track: FilmTrack, position: int) -> None:
        """Take an object's prompts on a frame back."""
        track.prompts.pop(position, None)
        track.conditioning.pop(position, None)
        for reverse in DIRECTIONS:
            track.fresh[reverse].clear()

    def _output(self, track: FilmTrack, position: int, prompt: CheckedPrompt) -> FilmOutput | None:
        scaled = scale_prompt(prompt, self._network.geometry, self._network.device)
        if scaled.mask is not None:
            return self._follower.adopt_mask(position, scaled.mask)
        visited = [reverse for reverse in DIRECTIONS if position in track.fresh[reverse]]
        reverse = bool(visited and visited[0])
        film = track.passes[reverse]
        previous = film.shown(position)
        stands_alone = bool((prompt.labels != 0).any())
        if not stands_alone and previous is None and track.conditioning:
            [previous] = self._follower.follow([film], position)
            film.followed.pop(position, None)
        return self._follower.find_by_points(
            film,
            position,
            scaled.coords,
            scaled.labels,
            previous=previous,
            with_memory=bool(visited) or not stands_alone,
            reverse=reverse,
        )

    # -- passes ------------------------------------------------------------------------------------

    def follow(
        self, frame: Frame, position: int, *, reverse: bool, among: Container[int] | None = None
    ) -> dict[int, Seen]:
        """Find the objects that exist on a frame; the frames of a pass come one after the other.

        What a pass has been through since an object's last prompt is not looked at again.

        Args:
            among: ids of the objects that are wanted; None: all.
        """
        tracks = [
            track
            for track in self.by_id.values()
            if track.exists(position) and track.conditioning and (among is None or track.object_id in among)
        ]
        self._input.show(position, frame.image)
        stale = [
            track
            for track in tracks
            if position not in track.conditioning and position not in track.fresh[reverse]
        ]
        found: dict[int, FilmOutput | None] = {
            track.object_id: None if track in stale else track.passes[reverse].shown(position)
            for track in tracks
        }
        outputs = self._follower.follow(
            [track.passes[reverse] for track in stale],
            position,
            reverse=reverse,
            fit_to_remember=not frame.damaged,
        )
        found |= {track.object_id: output for track, output in zip(stale, outputs, strict=True)}
        if self._keeps_outputs:
            for track in tracks:
                track.fresh[reverse].add(position)
        seen = self._seen(found, (frame.height_px, frame.width_px), reverse=reverse)
        self._last_seen[reverse].update(seen)
        return seen

    def _seen(
        self, found: Mapping[int, FilmOutput | None], frame_size: tuple[int, int], *, reverse: bool
    ) -> dict[int, Seen]:
        there = [output for output in found.values() if output is not None]
        if not there:
            return {object_id: self._unseen(object_id, reverse) for object_id in found}
        logits = torch.stack([output.low_res_mask_logits for output in there]).float().cpu().numpy()
        scores = torch.sigmoid(torch.cat([output.object_score_logits for output in there]).float()).tolist()
        ious = torch.cat([output.iou_score for output in there]).float().clamp(0, 1).tolist()
        rows = iter(zip(logits, scores, ious, strict=True))
        seen = {}
        for object_id, output in found.items():
            if output is None:
                seen[object_id] = self._unseen(object_id, reverse)
                continue
            low_res, score, iou = next(rows)
            cleaned = clean_logits(low_res, self._config.max_hole_area, self._config.max_sprinkle_area)
            crop, box = crop_mask(cleaned, frame_size)
            kept = cleaned if self._keep_logits else None
            seen[object_id] = Seen(score, iou, True, crop, box, kept)
        return seen

    def _unseen(self, object_id: int, reverse: bool) -> Seen:
        """The frame before's mask, with scores that say nothing."""
        before = self._last_seen[reverse].get(object_id, NOTHING)
        return Seen(0.0, 0.0, False, before.crop, before.box, before.logits)

    # -- what is known of a frame ------------------------------------------------------------------

    def outputs(self, position: int) -> dict[int, FilmOutput]:
        """What is known of the objects on a frame: by its prompt, else by the newest pass through it."""
        found = {
            track.object_id: next(
                (
                    output
                    for reverse in DIRECTIONS
                    if position in track.conditioning or position in track.fresh[reverse]
                    if (output := track.passes[reverse].shown(position)) is not None
                ),
                None,
            )
            for track in self.by_id.values()
            if track.exists(position)
        }
        return {object_id: output for object_id, output in found.items() if output is not None}

    def seen(self, position: int, frame_size: tuple[int, int]) -> dict[int, Seen]:
        """The same as masks; `frame_size` is H, W in pixels."""
        return self._seen(self.outputs(position), frame_size, reverse=False)

    # -- going on with a pass ----------------------------------------------------------------------

    def memory(self, *, reverse: bool) -> bytes:
        """What a pass remembers beside the prompts: enough to go on behind its last frame."""
        held = {
            track.object_id: {
                position: [part.clone() for part in track.passes[reverse].followed[position].tensors()]
                for position in sorted(track.passes[reverse].followed, reverse=reverse)
            }
            for track in self.by_id.values()
        }
        buffer = io.BytesIO()
        torch.save(held, buffer)
        return buffer.getvalue()

    def restore(self, memory: bytes, last_seen: Mapping[int, Seen], *, reverse: bool) -> None:
        """Remember what a pass remembered; `last_seen` is what its last frame showed."""
        held = torch.load(io.BytesIO(memory), map_location=self._network.device, weights_only=True)
        for object_id, outputs in held.items():
            followed = self.by_id[object_id].passes[reverse].followed
            for position in outputs:
                followed[position] = FilmOutput(*outputs[position])
        self._last_seen[reverse].update(last_seen)
