"""A session: one stream's objects, followed frame by frame. Use it from one thread at a time."""

from __future__ import annotations

from numpy.typing import ArrayLike

from streamtrack.clock import SYSTEM_CLOCK, Clock
from streamtrack.config import TrackingConfig
from streamtrack.engine.follower import Follower
from streamtrack.engine.preprocess import as_frame, as_image
from streamtrack.errors import ObjectMemoryError
from streamtrack.frame import Event, EventKind, Frame, FrameResult, StageTimes
from streamtrack.prompt import Prompt, Values, check_frame_idx, check_object_id
from streamtrack.tracking.changes_of_mind import ChangesOfMind
from streamtrack.tracking.event_log import EventLog
from streamtrack.tracking.frame_log import FrameLog
from streamtrack.tracking.frame_steps import FrameSteps
from streamtrack.tracking.keyframes import EveryFrame, KeyFramePolicy
from streamtrack.tracking.looking import Looking, WholePicture
from streamtrack.tracking.mending import ObjectMending
from streamtrack.tracking.object_memories import MemoryMaker, ObjectMemories
from streamtrack.tracking.object_prompts import ObjectPrompts
from streamtrack.tracking.object_tracks import ObjectTracks
from streamtrack.tracking.second_thoughts import SecondThoughts


class Session(ChangesOfMind):
    """Follows objects through a stream whose end nobody knows, with a memory that never grows.

    Objects come and go at any time and do not see each other, but for what keeps neighbours apart (windows,
    and plans of memory other than `recent`: docs/memory.md). A prompt names the frame that it is for: the
    next one given to `step`, or with `at_frame` one of the last `history_frames`; the session then
    fast-forwards the object from there, and every later frame is as if the prompt had come in time.

    With key frames (`tracking.keyframe_interval`) only some frames go through the network. A key frame is
    every n-th frame, one that a prompt waits for, one after a gap or a damaged key frame, and one of another
    size. Events of a prompt on a carried frame name its key frame, and states change on key frames only; but
    an object whose mask leaves the picture in between is `occluded` until then. The same holds for an object
    on frames for which `tracking.objects_per_step` leaves it out. Made by a `Tracker`.
    """

    def __init__(
        self,
        follower: Follower,
        config: TrackingConfig,
        clock: Clock = SYSTEM_CLOCK,
        key_frames: KeyFramePolicy | None = None,
        looking: Looking | None = None,
        memory_maker: MemoryMaker | None = None,
    ) -> None:
        """`key_frames`: None sends every frame through the network. `looking`: None sees whole pictures.
        `memory_maker`: None where objects neither come nor go as files."""
        self._follower = follower
        self._config = config
        self._clock = clock
        self._key_frames: KeyFramePolicy = EveryFrame() if key_frames is None else key_frames
        self._log = FrameLog(config.history_frames)
        self._events = EventLog(self._log)
        self._looking: Looking = looking or WholePicture()
        self._tracks = ObjectTracks(follower, config, self._events.report, self._looking)
        self._prompts = ObjectPrompts(config, self._log, self._tracks, self._key_frames, self._events.report)
        self._thoughts = SecondThoughts(
            config.max_objects, self._log, self._tracks, self._prompts, self._events
        )
        self.mending = ObjectMending(follower, self._looking, self._log, self._tracks, self._prompts)
        self.memories = ObjectMemories(
            follower,
            config,
            self._log,
            self._tracks,
            self._prompts,
            self._events,
            self._looking,
            memory_maker,
        )
        self._steps = FrameSteps(self._log, self._tracks, self._prompts, self._key_frames, self._events)

    # -- what there is -----------------------------------------------------------------------------

    @property
    def object_ids(self) -> tuple[int, ...]:
        """Objects in the order in which they came, those that wait for the next frame last."""
        return (*self._tracks.by_id, *self._prompts.waiting)

    @property
    def pending_object_ids(self) -> tuple[int, ...]:
        """Objects whose first prompt waits for the next frame that is whole."""
        return tuple(self._prompts.waiting)

    @property
    def newest_frame_idx(self) -> int:
        """-1 before the first frame."""
        return self._log.newest_frame_idx

    @property
    def oldest_frame_idx(self) -> int:
        """The oldest frame that can still be prompted; -1 before the first frame."""
        return self._log.oldest_frame_idx

    @property
    def num_bytes(self) -> int:
        """Bytes of the session's tensors; constant once the object slots are allocated."""
        return self._follower.num_bytes + self._key_frames.num_bytes + self._tracks.turns.num_bytes

    def first_frame_of(self, object_id: int) -> int:
        """The frame of an object's first prompt; -1 while it waits. Raises PromptError for no such object."""
        return self._prompts.first_frame_of(object_id)

    def label_of(self, object_id: int) -> str:
        """What a person calls an object. Raises PromptError for no such object."""
        return self._prompts.label_of(object_id)

    # -- frames ------------------------------------------------------------------------------------

    def step(self, frame: Frame | ArrayLike) -> FrameResult:
        """Follow every object onto the next frame.

        A frame that came damaged is followed and shown, and never remembered; prompts wait for a whole one.

        Args:
            frame: a `Frame`, or an (H, W, 3) uint8 RGB array or torch tensor.
        Raises:
            ShapeError: not such an array.
            PromptError: a waiting prompt does not fit this frame. It is dropped, the frame is not counted,
                and the same frame can be given again.
        """
        # Everything that the caller can have wrong, before the frame counts.
        frame = as_frame(frame, self.newest_frame_idx + 1, self._clock)
        start_ns = self._clock.monotonic_ns()
        self._prompts.check_waiting(frame)
        objects = self._steps.step(frame)
        times = StageTimes(frame.capture_monotonic_ns, start_ns, self._clock.monotonic_ns())
        self._log.note_times(times)
        return FrameResult(self.newest_frame_idx, frame, objects, times, self.take_events())

    def encode_ahead(self, frame: Frame | ArrayLike) -> None:
        """Start to encode a frame that `step` will soon be given; call it before the `step` of the frame
        ahead of it, which then runs at the same time. Does nothing without CUDA, nor with windows.

        Raises:
            ShapeError: not an (H, W, 3) uint8 RGB array.
        """
        image = as_image(frame.image if isinstance(frame, Frame) else frame)
        if not self._looking.windows and self._key_frames.will_be_key(self._log.distance_from_key + 1):
            self._follower.encode_ahead(image)

    def result(self, frame_idx: int | None = None) -> FrameResult:
        """What is known of a kept frame (None: the newest), prompts that came later included.

        Raises:
            FrameExpiredError: the frame is not kept.
        """
        frame_idx = self.newest_frame_idx if frame_idx is None else check_frame_idx(frame_idx)
        kept = self._log.at(frame_idx)
        return FrameResult(frame_idx, kept.frame, self._steps.describe(frame_idx), kept.times)

    def note_gap(self) -> None:
        """Tell the session that time passed which nobody saw; the next result carries a `gap` event."""
        self._steps.note_gap()

    def take_events(self) -> tuple[Event, ...]:
        """What happened since the last result, once: `step` puts it into its result; a caller whose stream
        stands still takes it here."""
        return self._events.take()

    # -- objects -----------------------------------------------------------------------------------

    def add(
        self,
        object_id: int,
        *,
        points: Values | None = None,
        labels: Values | None = None,
        box: Values | None = None,
        mask: ArrayLike | None = None,
        memory: bytes | None = None,
        reference: tuple[ArrayLike, ArrayLike] | None = None,
        label: str = "",
        at_frame: int | None = None,
        anywhere: bool = False,
    ) -> None:
        """`start` with a prompt made of the arguments, see `Prompt`; or with what is known of the object.

        Args:
            memory: what `export_object` gave, of any session, process or camera with the same model, weights,
                input size and precision. The next frame (or `at_frame`) is to the object the one behind the
                newest that it had seen; there is no prompt in it to correct or to take back.
            reference: a picture (H, W, 3) uint8 RGB that shows the object, and its mask (H, W) bool.
            label: of a memory in place of its own.
            anywhere: a memory's object may be elsewhere in the picture, which is looked at as a whole first.
        Raises:
            ObjectMemoryError: the memory is damaged or of another model, or comes with a prompt.
            PromptError, ShapeError, CapacityError, FrameExpiredError: as `start`.
        """
        given = [one for one in (points, labels, box, mask) if one is not None]
        if anywhere and memory is None and reference is None:
            raise ObjectMemoryError(f"object {object_id}: anywhere is given, expected it with a memory")
        if memory is None and reference is None:
            self.start(Prompt(object_id, points, labels, box, mask, label, at_frame))
            return
        if given or (memory is not None and reference is not None):
            raise ObjectMemoryError(
                f"object {object_id}: a memory or a reference comes with a prompt, expected one of the three"
            )
        if reference is not None:
            self.memories.add_reference(object_id, reference, label=label, at_frame=at_frame)
        else:
            self.memories.add(object_id, memory, label=label, at_frame=at_frame, anywhere=anywhere)

    def export_object(self, object_id: int) -> bytes:
        """All that is remembered of an object as of the newest (key) frame, as a safetensors file for `add`.

        Raises:
            PromptError: no such object, or it waits for its first frame.
        """
        return self.memories.export(object_id)

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
        """`refine` with a prompt made of the arguments, see `Prompt`."""
        return self.refine(Prompt(object_id, points, labels, box, mask, at_frame=at_frame))

    def start(self, prompt: Prompt, at_frame: int | None = None) -> None:
        """Follow a new object, from the next frame given to `step` or from a kept frame.

        The `added` event carries `area_px`, the pixels of its first mask: 0 where nothing was found.

        Args:
            at_frame: wins over the prompt's own.
        Raises:
            PromptError: the id is taken, the prompt does not fit the frame, or the frame is unfit.
            ShapeError: the mask has another size than the frame.
            CapacityError: `max_objects` are followed already.
            FrameExpiredError: `at_frame` is not kept.
        """
        self._prompts.start(prompt, at_frame)

    def refine(self, prompt: Prompt, at_frame: int | None = None) -> FrameResult:
        """Correct an object's mask on the newest frame or on a kept frame, and all that followed.

        Points given before on the same frame stay in force; a box or a mask starts afresh.

        Args:
            at_frame: wins over the prompt's own.
        Returns:
            The corrected frame's result; `result()` gives the newest frame's.
        Raises:
            PromptError: no such object, it was not there yet on that frame, the prompt does not fit, or the
                frame is unfit.
            ShapeError: the mask has another size than the frame.
            FrameExpiredError: `at_frame` is not kept.
        """
        return self.result(self._prompts.refine(prompt, at_frame))

    def remove(self, object_id: int) -> None:
        """Stop following an object.

        Raises:
            PromptError: no such object.
        """
        object_id = check_object_id(object_id)
        self._prompts.remove(object_id)
        self._events.note(EventKind.REMOVED, object_id)

    def set_label(self, object_id: int, label: str) -> None:
        """Call an object something. Raises PromptError for no such object."""
        self._prompts.set_label(object_id, label)
        self._events.note(EventKind.LABELED, object_id, label=label)
