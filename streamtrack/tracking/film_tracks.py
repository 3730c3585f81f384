"""The objects of a film: prompts on any frame, and passes through its frames in either direction."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from functools import partial

import torch

from streamtrack.config import TrackingConfig
from streamtrack.config.presets import tracking_of_model
from streamtrack.engine.anchored_plan import ANCHORS
from streamtrack.engine.film_looker import FilmLooker, output_of
from streamtrack.engine.film_object import FilmObject
from streamtrack.engine.film_outputs import FilmOutput, FollowedOutputs
from streamtrack.engine.found import Look
from streamtrack.engine.prompt_input import CheckedPrompt
from streamtrack.engine.view import View
from streamtrack.errors import PromptError
from streamtrack.frame import Frame
from streamtrack.model.build import LoadedModel
from streamtrack.tracking.film_again import find_again
from streamtrack.tracking.film_apart import tell_apart
from streamtrack.tracking.film_looks import FilmLooks, keep_body
from streamtrack.tracking.film_seeing import FrameInput, Seeing, found_of
from streamtrack.tracking.film_seen import Seen, contested_of
from streamtrack.tracking.film_track import DIRECTIONS, FilmTrack
from streamtrack.tracking.film_watch import FilmWatch
from streamtrack.tracking.looking import make_looking
from streamtrack.tracking.memory_rules import Circumstances, make_memory_rules
from streamtrack.tracking.scene_cut import begins_scene, make_scene_cuts

__all__ = ["DIRECTIONS", "FilmTrack", "FilmTracks"]


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
        config = tracking_of_model(config, model.name)
        self.config = config
        """With what the model says of keys that nobody set."""
        self._outputs = outputs
        self._seeing = Seeing(config, keep_logits=keep_logits)
        self._keeps_outputs = keeps_outputs
        self._input = FrameInput(model)
        self._looking = make_looking(config, model.network.geometry)
        self._memory_rules = make_memory_rules(config)
        self._new_watch = partial(FilmWatch.new, self._looking, self._memory_rules)
        self._follower = FilmLooker(
            model.network,
            self._input.whole,
            windows=self._input.through,
            fills_gaps=self._looking.windows,
            num_frames=num_positions,
            recent_frames=config.memory_frames,
            autocast=model.autocast,
            anchors=ANCHORS if config.memory == "distractor_aware" else 0,
            keeps_looks=self._memory_rules is not None,
        )
        self._cuts = [make_scene_cuts(config) for _ in DIRECTIONS]
        self._last_seen: tuple[dict[int, Seen], dict[int, Seen]] = ({}, {})
        self.by_id: dict[int, FilmTrack] = {}
        """In the order in which they came."""
        self.before_change: Callable[[FilmTrack, int], None] = lambda track, position: None
        """Called before an object's prompts on a frame change."""

    @property
    def device(self) -> torch.device:
        """Of the network."""
        return self._network.device

    @property
    def prompted(self) -> set[int]:
        """Positions of prompted frames."""
        return {position for track in self.by_id.values() for position in track.conditioning}

    # -- objects -----------------------------------------------------------------------------------

    def add(self, object_id: int, label: str, first: int | None = None, last: int | None = None) -> FilmTrack:
        """A new object, which wants a prompt."""
        conditioning: dict[int, FilmOutput] = {}
        passes = tuple(FilmObject(self._outputs(), conditioning) for _ in DIRECTIONS)
        watches = [self._new_watch(reverse=reverse) for reverse in DIRECTIONS]
        track = FilmTrack(object_id, label, (passes[0], passes[1]), watches, first, last)
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
        look = self._look(track, position, prompt)
        if look is None:
            raise PromptError(
                f"object {track.object_id}: the network gave no finite numbers for frame {frame.seq}, "
                "expected another frame"
            )
        self.before_change(track, position)
        track.prompts[position] = prompt
        track.conditioning[position] = output_of(look)
        for reverse in DIRECTIONS:
            film = track.passes[reverse]
            film.followed.pop(position, None)
            film.views[position] = look.view
        track.forget_passes()

    def clear_prompts(self, track: FilmTrack, position: int) -> None:
        """Take an object's prompts on a frame back."""
        self.before_change(track, position)
        track.prompts.pop(position, None)
        track.conditioning.pop(position, None)
        track.forget_passes()

    def _look(self, track: FilmTrack, position: int, prompt: CheckedPrompt) -> Look | None:
        visited = [reverse for reverse in DIRECTIONS if position in track.fresh[reverse]]
        reverse = bool(visited and visited[0])
        film = track.passes[reverse]
        previous = film.shown(position)
        leans = prompt.mask is None and not (prompt.labels != 0).any()
        if leans and previous is None and track.conditioning:
            [previous] = self._follower.follow([film], position)
            film.followed.pop(position, None)
        looks = FilmLooks(self._follower, previous, with_memory=bool(visited) or leans, reverse=reverse)
        if previous is None:
            return self._looking.first_look(looks, film, position, prompt)
        found = found_of(previous, film.views.get(position))
        return self._looking.correction(looks, film, position, prompt, lambda: found)

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
        stale = [track for track in tracks if track.is_stale(position, reverse=reverse)]
        found: dict[int, FilmOutput | None] = {
            track.object_id: None if track in stale else track.passes[reverse].shown(position)
            for track in tracks
        }
        size = frame.height_px, frame.width_px
        cut = not frame.damaged and begins_scene(self._cuts[reverse], frame.image)
        for track in tracks if cut else ():
            track.watches[reverse].note_cut(position)
        looks = [track.watches[reverse].look_out(position, size) for track in stale]
        outputs = self._follower.follow(
            [track.passes[reverse] for track in stale],
            position,
            reverse=reverse,
            fit_to_remember=not frame.damaged,
            views=[view for view, _ in looks],
            expected=[expected for _, expected in looks],
        )
        for track, output in zip(stale, outputs, strict=True):
            film, watch = track.passes[reverse], track.watches[reverse]
            found[track.object_id] = keep_body(self._follower, film, watch, position, output, size)
        for track in tracks if self._keeps_outputs else ():
            track.fresh[reverse].add(position)

        def see(again: Mapping[int, FilmOutput | None]) -> dict[int, Seen]:
            return self._seen(again, position, size, reverse=reverse, whole=not frame.damaged)

        seen = see(found)
        seen |= see(tell_apart(self._follower, stale, seen, position, reverse=reverse))
        strangers = find_again(self._follower, stale, seen, position, frame.image, see, reverse=reverse)
        worse = set() if self._memory_rules is None else contested_of(seen)
        for track in tracks:
            key = track.object_id
            prompted = position in track.conditioning
            sight = Circumstances(prompted, True, key in worse, cut, strangers.get(key))
            seen[key] = track.watch(position, seen[key], sight, frame.image, reverse=reverse)
        self._last_seen[reverse].update(seen)
        return seen

    def begin(self, *, reverse: bool) -> None:
        """A pass begins: what was seen on another says nothing of where to look."""
        self._last_seen[reverse].clear()
        self._cuts[reverse] = make_scene_cuts(self.config)
        for track in self.by_id.values():
            track.begin(self._new_watch(reverse=reverse))

    def _seen(
        self,
        found: Mapping[int, FilmOutput | None],
        position: int,
        frame_size: tuple[int, int],
        *,
        reverse: bool,
        whole: bool = True,
    ) -> dict[int, Seen]:
        views = {key: self.by_id[key].passes[reverse].views.get(position) for key in found}
        return self._seeing.see(found, views, frame_size, self._last_seen[reverse], whole=whole)

    # -- what is known of a frame ------------------------------------------------------------------

    def outputs(self, position: int) -> dict[int, tuple[FilmOutput, View | None]]:
        """What is known of the objects on a frame, by its prompt, else by a pass through it; and through
        which window."""
        known: dict[int, tuple[FilmOutput, View | None]] = {}
        for track in self.by_id.values():
            for reverse in DIRECTIONS:
                film = track.passes[reverse]
                is_known = position in track.conditioning or position in track.fresh[reverse]
                output = film.shown(position) if is_known and track.exists(position) else None
                if output is not None:
                    known.setdefault(track.object_id, (output, film.views.get(position)))
        return known

    def seen(self, position: int, frame_size: tuple[int, int]) -> dict[int, Seen]:
        """The same as masks; `frame_size` is H, W in pixels."""
        known = self.outputs(position)
        seen: dict[int, Seen] = {}
        for reverse in DIRECTIONS:
            there = {
                key: output
                for key, (output, _) in known.items()
                if key not in seen and output is self.by_id[key].passes[reverse].shown(position)
            }
            seen |= self._seen(there, position, frame_size, reverse=reverse)
        return {key: seen[key] for key in known}

    # -- going on with a pass ----------------------------------------------------------------------

    def seen_before(self, position: int, seen: Mapping[int, Seen], *, reverse: bool) -> None:
        """What a pass saw on a frame, in their order, ahead of `restore_memory`."""
        self._last_seen[reverse].update(seen)
        for object_id, one in seen.items():
            track = self.by_id[object_id]
            track.watches[reverse].take(position, one, Circumstances(position in track.conditioning))
