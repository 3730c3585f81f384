"""A film that is prompted, followed, corrected and followed anew, as SAM 2's notebooks do it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from types import TracebackType
from typing import NoReturn, Self

import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike
from torch import Tensor

from streamtrack.config import TrackingConfig
from streamtrack.engine.film_outputs import FollowedOutputs, OutputFile
from streamtrack.engine.view import paste
from streamtrack.errors import ObjectMemoryError, PromptError
from streamtrack.frame import Frame, FrameResult, Undone
from streamtrack.model.build import LoadedModel
from streamtrack.prompt import Prompt, Values, check_frame_idx, check_object_id
from streamtrack.tracking.film_prompts import Lifetimes, apply_prompts
from streamtrack.tracking.film_results import FilmResults
from streamtrack.tracking.film_run import FilmRun, FilmSource
from streamtrack.tracking.film_seen import TemporarySeen
from streamtrack.tracking.film_span import Direction, FilmSpan
from streamtrack.tracking.film_thoughts import FilmThoughts
from streamtrack.tracking.film_tracks import FilmTrack, FilmTracks
from streamtrack.tracking.films import count_positions, require_every_frame
from streamtrack.tracking.in_thread import in_thread

HIDDEN_LOGIT = -1024.0
"""Of an object of which nothing is known on a frame."""


class _WithoutMemories:
    """What a film's session has in place of objects as files."""

    def export_object(self, object_id: int) -> NoReturn:
        """Nothing: what is remembered of a film's object depends on the frame and the direction.

        Raises:
            ObjectMemoryError: always; it names what gives memories.
        """
        raise ObjectMemoryError(
            f"object {object_id}: a film that goes to and fro gives no memory, expected a session "
            "(Tracker.new_session) or Tracker.remember"
        )


def takes_no_memory(object_id: int) -> ObjectMemoryError:
    """What to raise where a film is given an object's memory."""
    return ObjectMemoryError(
        f"object {object_id}: a film that goes to and fro takes no memory, "
        "expected a prompt, or Tracker.track(memories=...)"
    )


class FilmSession(_WithoutMemories):
    """Objects on a film. Any number of prompts, on any frames, at any time; what was followed before is kept
    in a temporary file, and only the objects that changed since are followed again.

    Made by `Tracker.open_film`. Use it from one thread at a time, and as a context manager.
    """

    def __init__(
        self, model: LoadedModel, source: FilmSource, config: TrackingConfig, span: FilmSpan | None = None
    ) -> None:
        """Without objects.

        Raises:
            ConfigError: key frames are asked for. SourceError: the film cannot be read.
        """
        require_every_frame(config)
        self._source, self._config = source, config
        self._span = FilmSpan() if span is None else span
        self._file = OutputFile()
        self._tracks = FilmTracks(
            model,
            config,
            count_positions(model, source, self._span),
            lambda: FollowedOutputs(self._file),
            keeps_outputs=True,
        )

        self._thoughts = FilmThoughts(self._tracks, self._span.number)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def object_ids(self) -> tuple[int, ...]:
        """In the order in which they came."""
        return tuple(self._tracks.by_id)

    @property
    def num_frames(self) -> int:
        """Of the film; a video's are counted once, which may decode all of them."""
        return self._source.count()

    # -- prompts -----------------------------------------------------------------------------------

    def add(
        self,
        object_id: int,
        *,
        points: Values | None = None,
        labels: Values | None = None,
        box: Values | None = None,
        mask: ArrayLike | None = None,
        label: str = "",
        at_frame: int | None = None,
        first_frame: int | None = None,
        last_frame: int | None = None,
        memory: bytes | None = None,
    ) -> FrameResult:
        """Start an object with a prompt, or give it another one; see `Prompt`.

        Args:
            at_frame: None: the first frame that is looked at.
            first_frame, last_frame: a new object exists on these frames and between them alone.
            memory: refused; `Tracker.track(memories=...)` follows such objects, forward.
        Returns:
            What is known of the prompt's frame.
        Raises:
            PromptError, ShapeError: the prompt does not fit its frame, or there is no such frame.
            ObjectMemoryError: a memory is given.
        """
        if memory is not None:
            raise takes_no_memory(object_id)
        lifetimes = {object_id: (first_frame, last_frame)}
        return self.prompt([Prompt(object_id, points, labels, box, mask, label, at_frame)], lifetimes)[0]

    correct = add

    def prompt(self, prompts: Sequence[Prompt], lifetimes: Lifetimes | None = None) -> list[FrameResult]:
        """Give many prompts at once, for any objects and frames; each frame is read once.

        An object's first prompt starts it. One on a frame that a pass has been through corrects what was
        found there; clicks on one frame add up.

        Returns:
            What is known of the prompts' frames, by frame.
        Raises:
            PromptError, ShapeError: a prompt does not fit its frame, or there is no such frame.
        """
        known, results = set(self._tracks.by_id), dict[int, FrameResult]()

        def note(frame: Frame) -> None:
            results[frame.seq] = self._result(frame)

        try:
            apply_prompts(self._tracks, self._source, self._span, prompts, lifetimes, applied=note)
        except Exception:
            for object_id in set(self._tracks.by_id) - known:
                self.remove(object_id)
            raise
        return [results[number] for number in sorted(results)]

    def clear_prompts(self, object_id: int, at_frame: int) -> None:
        """Take an object's prompts on a frame back.

        Raises:
            PromptError: no such object, or it would have no prompt left.
        """
        track = self._known(object_id)
        position = self._span.require(check_frame_idx(at_frame), f"object {object_id}")
        if set(track.prompts) == {position}:
            raise PromptError(f"object {object_id}: its only prompt, expected `remove`")
        self._thoughts.clear(track, position)

    def undo(self, object_id: int | None = None) -> Undone:
        """Take the last prompt of an object back, or with None the last of all, as if it had never been
        given; a first one takes its object along. `clear_prompts` can be taken back as well.

        Raises:
            PromptError: no such object, or nothing is left to take back; the last 32 changes are known.
        """
        return self._thoughts.undo(None if object_id is None else self._known(object_id).object_id)

    def remove(self, object_id: int) -> None:
        """Forget an object.

        Raises:
            PromptError: no such object.
        """
        track = self._known(object_id)
        self._tracks.remove(track.object_id)
        self._thoughts.forget(track)

    # -- following ---------------------------------------------------------------------------------

    def propagate(
        self, direction: Direction = "both", *, start: int | None = None, end: int | None = None
    ) -> Iterator[FrameResult]:
        """Follow the objects through the film; frames that nothing changed for are told as they were found.

        Forward results come from the earliest prompt (or `start`) on, backward ones from the latest (or
        `end`) back, the film's last frame first; those of both in the film's order, once the backward pass is
        through.

        Raises:
            PromptError: no object has a prompt, or `start` or `end` is left out.
            ConfigError: no such direction. SourceError: the film cannot be read.
        """
        first, last = (
            None if number is None else self._span.require(check_frame_idx(number), name)
            for name, number in (("start", start), ("end", end))
        )
        if last is None and direction == "backward" and self._span.end is not None:
            last = self._span.num_positions(self._source.count(self._span.end + 1)) - 1
        if first is None and direction == "forward" and self._span.start is not None:
            first = 0
        run = FilmRun(
            self._tracks,
            self._source,
            self._span,
            direction,
            TemporarySeen(),
            self._config,
            first=first,
            last=last,
        )
        if direction == "backward":
            yield from run.results_backward()
            return
        for result in run.results():
            if result is not None:
                yield result

    def propagate_async(
        self, direction: Direction = "both", *, start: int | None = None, end: int | None = None
    ) -> AsyncIterator[FrameResult]:
        """`propagate` for `async for`: the network runs in a thread, so that the event loop stays free."""
        return in_thread(lambda: self.propagate(direction, start=start, end=end))

    # -- what is known -----------------------------------------------------------------------------

    def result(self, frame_idx: int) -> FrameResult:
        """What is known of a frame; the frame is read for it.

        Raises:
            PromptError: it is left out, or there is no such frame.
        """
        self._span.require(check_frame_idx(frame_idx), "frame")
        frame = next(self._source.frames(range(frame_idx, frame_idx + 1)), None)
        if frame is None:
            raise PromptError(f"frame is {frame_idx}, expected one of the film's {self.num_frames} frames")
        return self._result(frame)

    def low_res_logits(self, frame_idx: int) -> dict[int, Tensor]:
        """The mask logits of the objects that are known on a frame, by id: (h, w) float32 on the network's
        device, of the window in which it was looked for. They are the session's own: do not write into them.

        Raises:
            PromptError: the frame is left out.
        """
        position = self._span.require(check_frame_idx(frame_idx), "frame")
        return {
            key: output.low_res_mask_logits for key, (output, _) in self._tracks.outputs(position).items()
        }

    @torch.inference_mode()
    def logits(self, frame_idx: int, frame_size: tuple[int, int]) -> Tensor:
        """(N, 1, H, W) float32 on the network's device: mask logits at a size, above 0 on the object, a row
        for each of `object_ids`; far below 0 where nothing is known.

        Args:
            frame_size: H, W of the film's frames in pixels; another one where no windows are used.
        Raises:
            PromptError: the frame is left out.
        """
        known = self._tracks.outputs(self._span.require(check_frame_idx(frame_idx), "frame"))
        device = self._tracks.device
        full = torch.full((len(self.object_ids), 1, *frame_size), HIDDEN_LOGIT, device=device)
        for row, object_id in enumerate(self.object_ids):
            if object_id in known:
                output, view = known[object_id]
                low_res = output.low_res_mask_logits[None, None].float()
                seen = F.interpolate(low_res, size=frame_size if view is None else view.size, mode="bilinear")
                full[row] = seen[0] if view is None else paste(seen[0], view, frame_size)
        return full

    def close(self) -> None:
        """Forget all objects, and give back what lies in the file."""
        for object_id in self.object_ids:
            self._tracks.remove(object_id)

    # -- inside ------------------------------------------------------------------------------------

    def _result(self, frame: Frame) -> FrameResult:
        position, size = self._span.position(frame.seq), (frame.height_px, frame.width_px)
        results = FilmResults(self._tracks.by_id, self._span, self._tracks.config)
        return results.result(frame, self._tracks.seen(position, size))

    def _known(self, object_id: int) -> FilmTrack:
        track = self._tracks.by_id.get(check_object_id(object_id))
        if track is None:
            known = ", ".join(map(str, self._tracks.by_id)) or "none"
            raise PromptError(f"object {object_id} has no prompt, expected one of: {known}")
        return track
