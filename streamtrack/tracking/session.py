"""A session: one stream's objects, followed frame by frame. Use it from one thread at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from numpy.typing import ArrayLike

from streamtrack.clock import SYSTEM_CLOCK, Clock
from streamtrack.config import TrackingConfig
from streamtrack.engine.history import FrameHistory
from streamtrack.engine.memory_bank import Batching, MemoryBank
from streamtrack.engine.preprocess import as_frame, check_image
from streamtrack.engine.runner import StepRunner
from streamtrack.engine.step import condition_no_sync, propagate_no_sync
from streamtrack.errors import CapacityError, FrameExpiredError, PromptError
from streamtrack.frame import Event, EventKind, Frame, FrameResult, Image, ObjectMask, StageTimes
from streamtrack.model.interface import FrameFeatures, Network
from streamtrack.prompt import Prompt, Values
from streamtrack.tracking.prompts import check_prompt
from streamtrack.tracking.results import build_objects
from streamtrack.tracking.stream_time import StreamTime
from streamtrack.tracking.tracked_object import TrackedObject


class Session:
    """Follows objects through a stream whose end nobody knows, with a memory that never grows.

    Objects come and go at any time and do not see each other. A prompt names the frame that it is for: the
    next one given to `step`, or with `at_frame` one of the last `history_frames`; the session then
    fast-forwards the object from there, and every later frame is as if the prompt had come in time. (Where a
    conditioning frame was evicted since, the fast-forward goes on without it.)

    Made by `Tracker.new_session`.
    """

    def __init__(
        self,
        network: Network,
        config: TrackingConfig,
        clock: Clock = SYSTEM_CLOCK,
        *,
        batching: Batching,
        runner: StepRunner,
        autocast: Callable[[], Any],
    ) -> None:
        self._network = network
        self._config = config
        self._clock = clock
        self._batching = batching
        self._runner = runner
        self._autocast = autocast
        self._bank = MemoryBank(
            network.geometry,
            max_conditioning_frames=config.max_conditioning_frames,
            history_frames=config.history_frames,
            device=network.device,
            recent_frames=min(config.memory_frames, network.geometry.recent_frames),
            stride=config.memory_stride,
        )
        self._history = FrameHistory(network, config.history_frames)
        self._objects: dict[int, TrackedObject] = {}
        self._pending: dict[int, Prompt] = {}
        self._events: list[Event] = []
        self._stream_time = StreamTime(config.history_frames)
        self._newest: FrameResult | None = None

    # -- what there is -----------------------------------------------------------------------------

    @property
    def object_ids(self) -> tuple[int, ...]:
        """Objects in the order in which they came, those that wait for the next frame last."""
        return (*self._objects, *self._pending)

    @property
    def pending_object_ids(self) -> tuple[int, ...]:
        """Objects whose first prompt waits for the next frame."""
        return tuple(self._pending)

    @property
    def newest_frame_idx(self) -> int:
        """-1 before the first frame."""
        return self._history.newest_frame_idx

    @property
    def oldest_frame_idx(self) -> int:
        """The oldest frame that can still be prompted; -1 before the first frame."""
        return self._history.oldest_frame_idx

    @property
    def num_bytes(self) -> int:
        """Bytes of the session's tensors; constant once the object slots are allocated."""
        return self._bank.num_bytes + self._history.num_bytes

    def first_frame_of(self, object_id: int) -> int:
        """The frame of an object's first prompt; -1 while it waits for the next frame.

        Raises:
            PromptError: no such object.
        """
        return -1 if object_id in self._pending else self._known(object_id).memory.first_frame

    def label_of(self, object_id: int) -> str:
        """What a person calls an object.

        Raises:
            PromptError: no such object.
        """
        waiting = self._pending.get(object_id)
        return waiting.label if waiting is not None else self._known(object_id).label

    # -- frames ------------------------------------------------------------------------------------

    @torch.inference_mode()
    def step(self, frame: Frame | Image) -> FrameResult:
        """Follow every object onto the next frame.

        Args:
            frame: a `Frame`, or an (H, W, 3) uint8 RGB array.
        Raises:
            ShapeError: not such an array.
            PromptError: a waiting prompt does not fit this frame. It is dropped, the frame is not counted,
                and the same frame can be given again.
        """
        frame = as_frame(frame, self.newest_frame_idx + 1, self._clock)
        track_start_ns = self._clock.monotonic_ns()
        self._check_pending(frame)
        with self._autocast():
            features = self._runner.encode(frame.image)
            frame_idx = self._history.append(frame, features)
            self._propagate(frame_idx, features, tuple(self._objects.values()))
        self._stream_time.advance(frame)
        if frame.gap_before:
            self.note_gap()
        followed = tuple(self._objects.values())
        for prompt in self._pending.values():
            self._start(prompt, frame_idx)
        self._pending.clear()
        objects = self._describe(frame_idx)
        for tracked in followed:
            self._update_state(tracked, objects[tracked.object_id], frame_idx)
        times = StageTimes(frame.capture_monotonic_ns, track_start_ns, self._clock.monotonic_ns())
        self._newest = FrameResult(
            frame_idx, frame, self._with_states(objects, frame_idx), times, self.take_events()
        )
        return self._newest

    @torch.inference_mode()
    def encode_ahead(self, frame: Frame | Image) -> None:
        """Start to encode a frame that `step` will soon be given; call it before the `step` of the frame
        ahead of it, which then runs at the same time. Does nothing without CUDA.

        Raises:
            ShapeError: not an (H, W, 3) uint8 RGB array.
        """
        image = check_image(frame.image if isinstance(frame, Frame) else frame)
        with self._autocast():
            self._runner.encode_ahead(image)

    def result(self, frame_idx: int | None = None) -> FrameResult:
        """What is known of a kept frame (None: the newest), prompts that came later included.

        Raises:
            FrameExpiredError: the frame is not kept.
        """
        frame_idx = self.newest_frame_idx if frame_idx is None else frame_idx
        self._check_kept(frame_idx)
        if self._newest is not None and self._newest.frame_idx == frame_idx:
            times = self._newest.times
        else:
            times = StageTimes(self._history.frame(frame_idx).capture_monotonic_ns)
        objects = self._with_states(self._describe(frame_idx), frame_idx)
        return FrameResult(frame_idx, self._history.frame(frame_idx), objects, times)

    def note_gap(self) -> None:
        """Tell the session that time passed which nobody saw; the next result carries a `gap` event."""
        self._tell(EventKind.GAP, self.newest_frame_idx)

    # -- objects -----------------------------------------------------------------------------------

    @torch.inference_mode()
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
    ) -> None:
        """Start to follow an object, from the next frame given to `step` or from the kept frame `at_frame`.

        Args:
            points: x, y in pixels of the frame as given.
            labels: one for each point, 1 on the object, 0 off it; all 1 where left out.
            box: x0, y0, x1, y1 in pixels.
            mask: (H, W) bool, instead of points and box.
        Raises:
            PromptError: the id is taken, or the prompt does not fit the frame.
            ShapeError: the mask has another size than the frame.
            CapacityError: `max_objects` are followed already.
            FrameExpiredError: `at_frame` is not kept.
        """
        prompt = Prompt(object_id, points, labels, box, mask, label)
        if object_id in self._objects or object_id in self._pending:
            raise PromptError(f"object {object_id} is followed already, expected a new id or `correct`")
        if len(self.object_ids) >= self._config.max_objects:
            raise CapacityError(
                f"object {object_id}: {self._config.max_objects} objects are followed, "
                f"expected fewer than max_objects ({self._config.max_objects})"
            )
        if at_frame is None:
            if self.newest_frame_idx >= 0:
                check_prompt(prompt, self._frame_size(self.newest_frame_idx), starts_object=True)
            self._pending[object_id] = prompt
        else:
            self._check_kept(at_frame)
            self._start(prompt, at_frame)
            self._fast_forward(self._objects[object_id], at_frame)

    @torch.inference_mode()
    def correct(
        self,
        object_id: int,
        *,
        points: Values | None = None,
        labels: Values | None = None,
        box: Values | None = None,
        mask: ArrayLike | None = None,
        at_frame: int | None = None,
    ) -> FrameResult:
        """Mend an object's mask on the newest frame, or on the kept frame `at_frame`, and all that followed.

        Points given before on the same frame stay in force; a box or a mask starts afresh.

        Returns:
            The mended frame's result; `result()` gives the newest frame's.
        Raises:
            PromptError: no such object, it was not there yet on that frame, or the prompt does not fit.
            ShapeError: the mask has another size than the frame.
            FrameExpiredError: `at_frame` is not kept.
        """
        at_frame = self.newest_frame_idx if at_frame is None else at_frame
        tracked = self._known(object_id)
        self._check_kept(at_frame)
        if at_frame < tracked.memory.first_frame:
            raise PromptError(
                f"object {object_id}: at_frame is {at_frame}, "
                f"expected its first frame ({tracked.memory.first_frame}) or later"
            )
        prompt = Prompt(object_id, points, labels, box, mask)
        checked = check_prompt(prompt, self._frame_size(at_frame), starts_object=False)
        tracked.forget_conditioning_after(at_frame)
        if at_frame in tracked.prompts:
            checked = tracked.prompts[at_frame].followed_by(checked)
        tracked.prompts[at_frame] = checked
        self._condition(tracked, at_frame, corrects=True)
        self._tell(EventKind.CORRECTED, at_frame, object_id)
        self._fast_forward(tracked, at_frame)
        return self.result(at_frame)

    def remove(self, object_id: int) -> None:
        """Stop following an object.

        Raises:
            PromptError: no such object.
        """
        if self._pending.pop(object_id, None) is None:
            tracked = self._known(object_id)
            self._bank.close(tracked.memory)
            del self._objects[object_id]
        self._tell(EventKind.REMOVED, self.newest_frame_idx, object_id)

    def set_label(self, object_id: int, label: str) -> None:
        """Call an object something.

        Raises:
            PromptError: no such object.
        """
        if object_id in self._pending:
            self._pending[object_id] = replace(self._pending[object_id], label=label)
        else:
            self._known(object_id).label = label
        self._tell(EventKind.LABELED, self.newest_frame_idx, object_id, label=label)

    def take_events(self) -> tuple[Event, ...]:
        """What happened since the last result, once: `step` puts it into its result; a caller whose stream
        stands still takes it here."""
        events = tuple(self._events)
        self._events.clear()
        return events

    # -- inside ------------------------------------------------------------------------------------

    def _start(self, prompt: Prompt, frame_idx: int) -> None:
        """Apply an object's first prompt."""
        checked = check_prompt(prompt, self._frame_size(frame_idx), starts_object=True)
        memory = self._bank.open(frame_idx)
        tracked = TrackedObject(prompt.object_id, prompt.label, memory, self._config)
        tracked.prompts[frame_idx] = checked
        self._objects[prompt.object_id] = tracked
        self._condition(tracked, frame_idx, corrects=False)
        self._tell(EventKind.ADDED, frame_idx, prompt.object_id)
        self._update_state(tracked, self._describe(frame_idx, [tracked])[prompt.object_id], frame_idx)

    def _condition(self, tracked: TrackedObject, frame_idx: int, *, corrects: bool) -> None:
        with self._autocast():
            evicted = condition_no_sync(
                self._network,
                self._bank,
                self._history.features(frame_idx),
                frame_idx,
                tracked.memory,
                tracked.prompts[frame_idx],
                corrects=corrects,
            )
        tracked.forget_prompts_before(self.oldest_frame_idx)
        if evicted is not None:
            self._tell(
                EventKind.CONDITIONING_EVICTED, frame_idx, tracked.object_id, evicted_frame_idx=evicted
            )

    def _propagate(self, frame_idx: int, features: FrameFeatures, objects: Sequence[TrackedObject]) -> None:
        memories = [tracked.memory for tracked in objects]
        propagate_no_sync(
            self._network, self._bank, features, frame_idx, memories, self._batching, self._runner.follow
        )

    def _fast_forward(self, tracked: TrackedObject, from_frame: int) -> None:
        """Follow one object again from a mended frame to the newest, its later prompts included."""
        tracked.restart_states(from_frame)
        for frame_idx in range(from_frame, self.newest_frame_idx + 1):
            if frame_idx > from_frame:
                with self._autocast():
                    self._propagate(frame_idx, self._history.features(frame_idx), (tracked,))
                if frame_idx in tracked.prompts:
                    self._condition(tracked, frame_idx, corrects=True)
            found = self._describe(frame_idx, [tracked])[tracked.object_id]
            self._update_state(tracked, found, frame_idx)

    def _update_state(self, tracked: TrackedObject, found: ObjectMask, frame_idx: int) -> None:
        event = tracked.update_state(found, frame_idx, self._stream_time.at(frame_idx))
        if event is not None:
            self._tell(event, frame_idx, tracked.object_id)

    def _describe(
        self, frame_idx: int, among: Sequence[TrackedObject] | None = None
    ) -> dict[int, ObjectMask]:
        """The masks of a kept frame, on the host; the one place where a session waits for its device."""
        present = [
            tracked
            for tracked in (self._objects.values() if among is None else among)
            if tracked.memory.first_frame <= frame_idx
        ]
        size = self._frame_size(frame_idx)
        return build_objects(self._bank, present, frame_idx, size, self._runner.download)

    def _with_states(self, objects: dict[int, ObjectMask], frame_idx: int) -> dict[int, ObjectMask]:
        return {
            object_id: replace(found, state=self._objects[object_id].state_at(frame_idx))
            for object_id, found in objects.items()
        }

    def _check_pending(self, frame: Frame) -> None:
        for object_id, prompt in tuple(self._pending.items()):
            try:
                check_prompt(prompt, (frame.height_px, frame.width_px), starts_object=True)
            except PromptError:
                del self._pending[object_id]
                raise

    def _check_kept(self, frame_idx: int) -> None:
        if self.newest_frame_idx < 0:
            raise PromptError(f"at_frame is {frame_idx}, but no frame was tracked yet")
        if not self.oldest_frame_idx <= frame_idx <= self.newest_frame_idx:
            raise FrameExpiredError(frame_idx, self.oldest_frame_idx, self.newest_frame_idx)

    def _frame_size(self, frame_idx: int) -> tuple[int, int]:
        frame = self._history.frame(frame_idx)
        return frame.height_px, frame.width_px

    def _known(self, object_id: int) -> TrackedObject:
        try:
            return self._objects[object_id]
        except KeyError:
            if object_id in self._pending:
                raise PromptError(
                    f"object {object_id} waits for the next frame, expected one that is followed"
                ) from None
            known = ", ".join(map(str, self._objects)) or "none"
            raise PromptError(f"object {object_id} is not followed, expected one of: {known}") from None

    def _tell(self, kind: EventKind, frame_idx: int, object_id: int | None = None, **detail: Any) -> None:
        self._events.append(Event(kind, frame_idx, object_id, detail))
