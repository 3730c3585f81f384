"""Prompts on their way to the objects: those that wait for a frame, and those for a kept frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from streamtrack.config import TrackingConfig
from streamtrack.engine.prompt_input import CheckedPrompt
from streamtrack.errors import CapacityError, PromptError, ShapeError
from streamtrack.frame import EventKind, Frame
from streamtrack.prompt import Prompt, check_frame_idx, check_label, check_object_id
from streamtrack.tracking.frame_log import FrameLog
from streamtrack.tracking.keyframes import KeyFramePolicy
from streamtrack.tracking.object_replay import Report
from streamtrack.tracking.object_tracks import ObjectTracks
from streamtrack.tracking.prompts import check_prompt
from streamtrack.tracking.tracked_object import Streak, TrackedObject
from streamtrack.tracking.undo_steps import Step, UndoSteps


@dataclass(slots=True)
class Waiting:
    """A first prompt that waits for the next whole frame."""

    prompt: Prompt
    not_finite: Streak = field(default_factory=Streak)


class ObjectPrompts:
    """Checks prompts against the frames that they are for and applies them there."""

    def __init__(
        self,
        config: TrackingConfig,
        log: FrameLog,
        tracks: ObjectTracks,
        key_frames: KeyFramePolicy,
        report: Report,
    ) -> None:
        self._config = config
        self._log = log
        self._tracks = tracks
        self._key_frames = key_frames
        self._report = report
        self._waiting: dict[int, Waiting] = {}
        self.steps = UndoSteps(tracks.close)
        """What can be taken back."""

    @property
    def waiting(self) -> Mapping[int, Waiting]:
        """First prompts that wait for the next frame, by object id."""
        return self._waiting

    def known(self, object_id: int) -> TrackedObject:
        """A followed object.

        Raises:
            PromptError: it is not followed, or waits for its first frame.
        """
        object_id = check_object_id(object_id)
        tracked = self._tracks.by_id.get(object_id)
        if tracked is not None:
            return tracked
        if object_id in self._waiting:
            raise PromptError(f"object {object_id} waits for the next frame, expected one that is followed")
        known = ", ".join(map(str, self._tracks.by_id)) or "none"
        raise PromptError(f"object {object_id} is not followed, expected one of: {known}")

    def require_seen(self, tracked: TrackedObject) -> None:
        """Refuse an object that no frame has shown yet.

        Raises:
            PromptError: it waits for its first frame.
        """
        if tracked.from_key >= self._tracks.next_key:
            raise PromptError(
                f"object {tracked.object_id} waits for the next frame, expected one that is followed"
            )

    def label_of(self, object_id: int) -> str:
        """What a person calls an object, whether it waits or is followed."""
        waiting = self._waiting.get(check_object_id(object_id))
        return self.known(object_id).label if waiting is None else waiting.prompt.label

    def first_frame_of(self, object_id: int) -> int:
        """The frame of an object's first prompt; -1 while it waits."""
        if check_object_id(object_id) in self._waiting:
            return -1
        return self._log.frame_idx_of(self.known(object_id).from_key)

    # -- for a kept frame --------------------------------------------------------------------------

    def start(self, prompt: Prompt, at_frame: int | None) -> None:
        """See `Session.start`."""
        _check_kind(prompt)
        object_id = prompt.object_id
        self.require_room(object_id)
        at_frame = prompt.at_frame if at_frame is None else check_frame_idx(at_frame)
        if at_frame is not None:
            checked, key = self.checked(prompt, at_frame, starts_object=True)
            if not self._tracks.start(object_id, prompt.label, checked, key, at_frame):
                raise not_finite(object_id, at_frame)
            self.steps.note(Step(object_id, "start", key, at_frame))
            return
        if self._log.newest_frame_idx >= 0:
            check_prompt(prompt, self._log.at(self._log.newest_frame_idx).size, starts_object=True)
        self._waiting[object_id] = Waiting(prompt)
        self.steps.note(Step(object_id, "start"))

    def refine(self, prompt: Prompt, at_frame: int | None) -> int:
        """See `Session.refine`; returns the frame that was corrected."""
        _check_kind(prompt)
        object_id = prompt.object_id
        at_frame = prompt.at_frame if at_frame is None else check_frame_idx(at_frame)
        at_frame = self._log.newest_frame_idx if at_frame is None else at_frame
        tracked = self.require_there(object_id, at_frame)
        checked, key = self.checked(prompt, at_frame, starts_object=False)
        former = tracked.prompts.on(key)
        if not self._tracks.correct(object_id, checked, key, at_frame):
            raise not_finite(object_id, at_frame)
        self.steps.note(Step(object_id, "correct", key, at_frame, former))
        return at_frame

    def require_there(self, object_id: int, at_frame: int) -> TrackedObject:
        """A followed object, which was there on a kept frame.

        Raises:
            PromptError, FrameExpiredError: no such object, the frame is not kept, or it came later.
        """
        # The object first: of an unknown one no frame can be right.
        tracked = self.known(object_id)
        self.require_seen(tracked)
        first_frame = self.first_frame_of(object_id)
        self._log.at(at_frame)
        if at_frame < first_frame:
            raise PromptError(
                f"object {object_id}: at_frame is {at_frame}, "
                f"expected its first frame ({first_frame}) or later"
            )
        return tracked

    def checked(self, prompt: Prompt, at_frame: int, *, starts_object: bool) -> tuple[CheckedPrompt, int]:
        """A prompt for a kept frame as one for its key frame, and that frame's key; refused if it does not
        fit the frame itself."""
        kept = self._log.at(at_frame)
        check_prompt(prompt, kept.size, starts_object=starts_object)
        # What a prompt says is remembered for good; a smeared picture must not be.
        if kept.frame.damaged:
            raise PromptError(
                f"object {prompt.object_id}: frame {at_frame} came damaged, expected a frame that is whole"
            )
        moved = self._key_frames.move_prompt(prompt, at_frame, kept.key_frame_idx, kept.size)
        return check_prompt(moved, kept.size, starts_object=starts_object), kept.key

    def require_room(self, object_id: int) -> None:
        """Refuse an object for which there is no place.

        Raises:
            PromptError: its id is taken. CapacityError: there are `max_objects` already.
        """
        if object_id in self._tracks.by_id or object_id in self._waiting:
            raise PromptError(f"object {object_id} is followed already, expected a new id or `correct`")
        if len(self._tracks.by_id) + len(self._waiting) >= self._config.max_objects:
            raise CapacityError(
                f"object {object_id}: {self._config.max_objects} objects are followed, "
                f"expected fewer than max_objects ({self._config.max_objects})"
            )

    # -- for the next frame ------------------------------------------------------------------------

    def check_waiting(self, frame: Frame) -> None:
        """Check every waiting prompt against the frame that has come; the first that does not fit is dropped.

        Raises:
            PromptError, ShapeError: it does not fit.
        """
        for object_id, waiting in tuple(self._waiting.items()):
            try:
                check_prompt(waiting.prompt, (frame.height_px, frame.width_px), starts_object=True)
            except (PromptError, ShapeError):
                self.drop(object_id)
                raise

    def start_waiting(self, key: int) -> None:
        """Apply the waiting prompts to the newest key frame; they go on waiting where it is unfit."""
        kept = self._log.at(self._log.newest_frame_idx)
        if kept.frame.damaged:
            return
        for object_id, waiting in tuple(self._waiting.items()):
            checked = check_prompt(waiting.prompt, kept.size, starts_object=True)
            at_frame = self._log.newest_frame_idx
            try:
                started = self._tracks.start(object_id, waiting.prompt.label, checked, key, at_frame)
            except CapacityError as error:  # nobody waits for an answer: the event says what would fit
                self.drop(object_id)
                self._report(EventKind.REMOVED, key, object_id, reason=str(error))
                continue
            if started:
                del self._waiting[object_id]
                self.steps.came(object_id, key, at_frame)
            elif waiting.not_finite.add():
                self._report(EventKind.NOT_FINITE, key, object_id, count=waiting.not_finite.count)

    def drop(self, object_id: int) -> bool:
        """Drop a waiting prompt; False where the object has none."""
        if self._waiting.pop(object_id, None) is None:
            return False
        self.steps.forget(object_id)
        return True

    def remove(self, object_id: int) -> None:
        """Drop a waiting prompt, or stop following an object.

        Raises:
            PromptError: no such object.
        """
        if not self.drop(object_id):
            self.known(object_id)
            self._tracks.remove(object_id)
            self.steps.forget(object_id)

    def set_label(self, object_id: int, label: str) -> None:
        """Call an object something, whether it waits or is followed."""
        object_id = check_object_id(object_id)
        if not isinstance(label, str):
            raise PromptError(f"object {object_id}: label is {type(label).__name__}, expected text")
        label = check_label(label, f"object {object_id}")
        waiting = self._waiting.get(object_id)
        if waiting is None:
            self.known(object_id).label = label
        else:
            waiting.prompt = replace(waiting.prompt, label=label)


def _check_kind(prompt: object) -> None:
    if not isinstance(prompt, Prompt):
        raise PromptError(f"prompt is {type(prompt).__name__}, expected a streamtrack.Prompt")


def not_finite(object_id: int, at_frame: int) -> PromptError:
    """What to raise for a prompt that the network has no numbers for."""
    return PromptError(
        f"object {object_id}: the network gave no finite numbers for frame {at_frame}, expected another frame"
    )
