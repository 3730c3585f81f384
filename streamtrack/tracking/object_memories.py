"""Objects that leave a session as a file, and come into one: their memory, and how they stood."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from numpy.typing import ArrayLike

from streamtrack.config import TrackingConfig
from streamtrack.engine.follower import Follower
from streamtrack.errors import CapacityError, ObjectMemoryError, PromptError
from streamtrack.frame import EventKind
from streamtrack.model.interface import Geometry
from streamtrack.prompt import check_frame_idx, check_label, check_object_id
from streamtrack.tracking.event_log import EventLog
from streamtrack.tracking.frame_log import FrameLog
from streamtrack.tracking.known_look import KnownLook, look_at
from streamtrack.tracking.looking import Looking
from streamtrack.tracking.memory_document import from_document, to_document
from streamtrack.tracking.memory_file import (
    MAX_LABEL_CHARS,
    MemoryFile,
    ModelFacts,
    decode_memory,
    encode_memory,
)
from streamtrack.tracking.memory_rules import make_memory_rules
from streamtrack.tracking.memory_watch import MemoryWatch
from streamtrack.tracking.object_prompts import ObjectPrompts
from streamtrack.tracking.object_tracks import ObjectTracks
from streamtrack.tracking.proposals import Proposal, best_look
from streamtrack.tracking.results import build_object
from streamtrack.tracking.search import VISIBLE
from streamtrack.tracking.tracked_object import Standing, TrackedObject
from streamtrack.tracking.undo_steps import Step
from streamtrack.tracking.window_policy import Extent


@dataclass(frozen=True, slots=True)
class MemoryMaker:
    """What a session needs to know of its model so that objects come and go as files."""

    facts: Callable[[], ModelFacts]
    """What memories fit; may take a second, once."""
    geometry: Geometry
    remember: Callable[[int, ArrayLike, ArrayLike], bytes]
    """The memory of an object, by its id, of a picture, (H, W, 3) uint8 RGB, with its mask, (H, W) bool."""


class ObjectMemories:
    """Takes objects out of a session, and into it."""

    def __init__(
        self,
        follower: Follower,
        config: TrackingConfig,
        log: FrameLog,
        tracks: ObjectTracks,
        prompts: ObjectPrompts,
        events: EventLog,
        looking: Looking,
        maker: MemoryMaker | None,
    ) -> None:
        """`maker`: None where the session's model is not known; nothing comes or goes then."""
        self._follower = follower
        self._config = config
        self._log = log
        self._tracks = tracks
        self._prompts = prompts
        self._events = events
        self._looking = looking
        self._maker = maker

    def export(self, object_id: int) -> bytes:
        """See `Session.export_object`."""
        tracked = self._prompts.known(object_id)
        if len(tracked.label) > MAX_LABEL_CHARS:
            got = f"object {object_id}: its label has {len(tracked.label)} characters"
            raise ObjectMemoryError(f"{got}, expected at most {MAX_LABEL_CHARS} in a memory")
        file = self.copied(object_id, self._required().facts())
        look = self._look_of(tracked, self._tracks.next_key - 1)
        return encode_memory(replace(file, look=look))

    def copied(self, object_id: int, facts: ModelFacts) -> MemoryFile:
        """All that `export` gives but a fresh look, copied and not yet written down: that may be done in
        another thread.

        Args:
            facts: of the session's model.
        Raises:
            PromptError: no such object, or it waits for its first frame.
        """
        tracked, next_key = self._prompts.known(object_id), self._tracks.next_key
        now_ns = self._tracks.keys.stream_time.at(next_key - 1)
        return MemoryFile(
            facts,
            tracked.object_id,
            tracked.label,
            self._follower.take_out(tracked.slot, next_key),
            tracked.standing(next_key - 1, now_ns),
            tracked.look,
            None if tracked.memory is None else to_document(tracked.memory, next_key - 1),
        )

    def resume(self, object_id: int, memory: object, *, label: str) -> None:
        """Follow an object on that a session of a process before this one followed: as `add`, but it did
        not come just now, so nothing tells that, and there is nothing to take back.

        Raises:
            ObjectMemoryError, PromptError, CapacityError: as `add`.
        """
        maker = self._required()
        self._prompts.require_room(check_object_id(object_id))
        file = decode_memory(memory, maker.facts(), maker.geometry)
        self._tracks.join(self._tracked(object_id, label, file, None, None, anywhere=False))

    def add(
        self,
        object_id: int,
        memory: object,
        *,
        label: str = "",
        at_frame: int | None = None,
        anywhere: bool = False,
        place: Extent | None = None,
    ) -> None:
        """See `Session.add`; `place` is where it is known to be on its first frame, x0, y0, x1, y1."""
        object_id = check_object_id(object_id)
        label = check_label(label, f"object {object_id}")
        maker = self._required()
        self._prompts.require_room(object_id)
        file = decode_memory(memory, maker.facts(), maker.geometry)
        anywhere = anywhere or place is not None
        tracked = self._tracked(object_id, label or file.label, file, at_frame, place, anywhere=anywhere)
        key = tracked.from_key
        self._tracks.join(tracked)
        at_frame = -1 if at_frame is None else at_frame
        self._prompts.steps.note(Step(object_id, "start", key, at_frame))
        self._events.note(EventKind.ADDED, object_id, how="memory")

    def add_reference(
        self,
        object_id: int,
        reference: tuple[ArrayLike, ArrayLike],
        *,
        label: str = "",
        at_frame: int | None = None,
    ) -> None:
        """See `Session.add`."""
        object_id = check_object_id(object_id)
        if not isinstance(reference, tuple | list) or len(reference) != 2:
            raise ObjectMemoryError(
                f"object {object_id}: reference is {type(reference).__name__}, "
                "expected a picture and its mask"
            )
        self._prompts.require_room(object_id)
        memory = self._required().remember(object_id, *reference)
        self.add(object_id, memory, label=label, at_frame=at_frame, anywhere=True)

    def _tracked(
        self,
        object_id: int,
        label: str,
        file: MemoryFile,
        at_frame: int | None,
        place: Extent | None,
        *,
        anywhere: bool,
    ) -> TrackedObject:
        """The object as it stands ahead of its first frame here."""
        key, kept = self._tracks.next_key, None
        if at_frame is not None:
            kept = self._log.at(check_frame_idx(at_frame, f"object {object_id}"))
            key = kept.key
        watch = self._watch(file, key, anywhere=anywhere)
        slot = self._follower.put_in(file.carried, key)
        window, growth = self._looking.new_window(), self._looking.new_growth()
        body = self._looking.new_body()
        tracked = TrackedObject(object_id, label, slot, self._config, window, growth, watch, body)
        tracked.from_key = key
        standing = file.standing if not anywhere else forget_place(file.standing)
        tracked.resume(standing, key - 1, self._tracks.keys.stream_time.at(key - 1))
        tracked.anywhere, tracked.look = anywhere and place is None, file.look
        if place is not None and tracked.window is not None and kept is not None:
            tracked.window.note(key - 1, place, kept.size)
        if kept is not None:
            try:
                tracked.seek(self._looking, self._follower, key, kept.size)
            except CapacityError:  # the device's memory is used up: the others go on without it
                self._follower.close(slot)
                raise
        return tracked

    def propose(self, memory: object) -> Proposal:
        """Where on the newest frame an object may be of which a memory is there; nothing is followed.

        Raises:
            ObjectMemoryError: the memory does not fit. PromptError: there is no frame yet.
        """
        maker = self._required()
        file = decode_memory(memory, maker.facts(), maker.geometry)
        kept = self._log.at(self._log.newest_frame_idx)
        image, key = self._log.at(kept.key_frame_idx).frame.image, kept.key
        slot = self._follower.put_in(file.carried, key)
        try:
            views = self._looking.everywhere(kept.size)
            best = best_look(self._follower, slot, key, image, views, file.look)
            if best.look is None:
                return Proposal(kept.key_frame_idx, 0.0, None)
            tracked = TrackedObject(file.object_id, file.label, slot, self._config)
            return Proposal(kept.key_frame_idx, best.score, build_object(tracked, best.look.found, kept.size))
        finally:
            self._follower.close(slot)

    def _look_of(self, tracked: TrackedObject, key: int) -> KnownLook | None:
        """How an object looks on the newest key frame, or else as it came."""
        frame_idx = self._log.frame_idx_of(key)
        if key < tracked.from_key or frame_idx < self._log.oldest_frame_idx:
            return tracked.look
        [found] = self._follower.found((tracked.slot,), key)
        if not found.finite or found.object_score <= VISIBLE:
            return tracked.look
        logits, image = found.low_res_mask_logits.copy(), self._log.at(frame_idx).frame.image
        return look_at(self._follower, image, key, logits, found.view) or tracked.look

    def _watch(self, file: MemoryFile, key: int, *, anywhere: bool) -> MemoryWatch | None:
        """What the session's memory plan knows of the object; None where it wants to know nothing."""
        rules = make_memory_rules(self._config)
        if rules is None:
            return None
        try:
            watch = from_document(file.plan or {}, rules, self._config.history_frames, key - 1)
        except PromptError as error:
            raise ObjectMemoryError(f"object memory: {error}") from None
        if anywhere:
            watch.note_cut(key)
        return watch

    def _required(self) -> MemoryMaker:
        if self._maker is None:
            raise ObjectMemoryError("this session does not know its model, expected one of `new_session`")
        return self._maker


def forget_place(standing: Standing) -> Standing:
    """How an object stands whose picture is another one: where it was says nothing, and how large it was."""
    return replace(standing, seen=None, believed=(), body=None)
