"""A stream's session over all its runs: frame numbers go on, and objects come back after a failure."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from streamtrack.config import StreamConfig
from streamtrack.errors import FrameExpiredError, PromptError, ShapeError, StreamTrackError
from streamtrack.frame import Event, Frame, FrameResult, ObjectMask, Undone
from streamtrack.pipeline.first_frame import FirstFrame
from streamtrack.pipeline.given_ids import GivenIds
from streamtrack.pipeline.last_seen import LastSeen, Seed
from streamtrack.pipeline.unconfirmed import Unconfirmed
from streamtrack.prompt import Prompt
from streamtrack.state.resumption import Resumption
from streamtrack.tracking import Session
from streamtrack.tracking.memory_file import MemoryFile, ModelFacts

T = TypeVar("T")

NOTHING_KEPT = Resumption()

logger = logging.getLogger(__name__)


class RunAbandoned(Exception):
    """The session was replaced while a call on it was under way; what it gave belongs nowhere."""


class StreamSession:
    """Owns the session of a stream, and replaces it.

    Frame numbers are the stream's: a new session counts from 0, and what goes in and out of it is moved by
    the frames of the sessions before. One thread at a time steps and prompts; that of a run that was given up
    may still return from a call, and learns it by `RunAbandoned`.
    """

    def __init__(
        self,
        config: StreamConfig,
        new_session: Callable[[], Session],
        resumption: Resumption = NOTHING_KEPT,
    ) -> None:
        """`resumption`: what the process before kept, for the first frame."""
        self.name = config.name
        self._new_session = new_session
        self._lock = threading.Lock()  # over the change from one session to the next
        self._session = new_session()
        self._offset = 0
        self._oldest = 0
        self._begun = False
        self._seen = LastSeen()
        self._unconfirmed = Unconfirmed()
        self._untold: list[Event] = []
        """Events that were taken from the session and told by no result."""
        self.ids = GivenIds()
        self.first = FirstFrame(config, self.ids, resumption)
        """What the first frame begins with."""

    # -- what there is -----------------------------------------------------------------------------

    @property
    def object_ids(self) -> tuple[int, ...]:
        """Objects in the order in which they came."""
        return self._session.object_ids

    @property
    def newest_frame_idx(self) -> int:
        """-1 before the first frame."""
        return self._session.newest_frame_idx + self._offset

    @property
    def num_bytes(self) -> int:
        """Bytes of the session's tensors."""
        return self._session.num_bytes

    def copied(self, object_id: int, facts: ModelFacts) -> MemoryFile | None:
        """A copy of an object's memory; None while it waits for its first frame."""
        session = self._session
        if object_id in session.pending_object_ids:
            return None
        return session.memories.copied(object_id, facts)

    def first_frame_of(self, object_id: int) -> int:
        """The frame of an object's first prompt; after a restart that of its new start."""
        first = self._session.first_frame_of(object_id)
        return first if first < 0 else max(self._oldest, first + self._offset)

    # -- frames ------------------------------------------------------------------------------------

    def step(self, frame: Frame) -> FrameResult:
        """Follow every object onto the next frame. A prompt to start with that does not fit costs the
        prompt, not the stream.

        Raises:
            RunAbandoned: the session was replaced meanwhile.
        """
        session = self._session
        first = not self._begun
        if first:
            self.first.begin(session, frame)
        while True:
            waiting = len(session.pending_object_ids)
            try:
                result = session.step(frame)
                break
            except (PromptError, ShapeError) as error:
                if len(session.pending_object_ids) >= waiting:  # it was not a waiting prompt that it refused
                    raise
                logger.error("stream %s: a prompt to start with is left out: %s", self.name, error)
        with self._lock:
            self._check_current(session)
            if first:
                self._begun = True
                self._unconfirmed.begin(self.first.resumed_ids)
                result = self.first.told(result)
            result = self._unconfirmed.confirm(self._moved(result))
            self._seen.note(result)
            return result

    def encode_ahead(self, frame: Frame) -> None:
        """Start to encode the frame that comes next."""
        self._session.encode_ahead(frame)

    def note_gap(self) -> None:
        """Time passed that nobody saw."""
        self._session.note_gap()

    def result(self, frame_idx: int | None = None) -> FrameResult:
        """What is known of a kept frame (None: the newest).

        Raises:
            FrameExpiredError: the frame is not kept.
        """
        inner = None if frame_idx is None else self._inner(frame_idx)
        return self._unconfirmed.shown(self._moved(self._session.result(inner)))

    def take_events(self, result: FrameResult) -> FrameResult:
        """A result, with the events that no result has told yet; noted as the newest."""
        events = [*self._untold, *self._session.take_events()]
        self._untold.clear()
        result = replace(result, events=tuple(self._moved_event(event) for event in events))
        self._seen.note(result)
        return result

    # -- objects -----------------------------------------------------------------------------------

    def start(self, prompt: Prompt, at_frame: int) -> FrameResult:
        """Start to follow an object on a kept frame; returns that frame. As `Session.start`."""
        session, inner = self._session, self._inner(at_frame)
        session.start(replace(prompt, at_frame=inner))
        self._check_current(session)
        self.ids.gave(prompt.object_id)
        return self._moved(session.result(inner))

    def refine(self, prompt: Prompt, at_frame: int) -> None:
        """Correct an object on a kept frame; as `Session.refine`."""
        session, inner = self._session, self._inner(at_frame)
        session.refine(replace(prompt, at_frame=inner))
        self._check_current(session)
        self._unconfirmed.forget(prompt.object_id)  # somebody looked at it

    def change(self, at_frame: int | None, change: Callable[[Session, int | None], T]) -> T:
        """Change objects that are followed.

        Args:
            change: given the session, and its number of `at_frame`.
        Raises:
            FrameExpiredError: a frame is not kept.
            RunAbandoned: the session was replaced meanwhile.
        """
        session, inner = self._session, None if at_frame is None else self._inner(at_frame)
        try:
            changed = change(session, inner)
        except FrameExpiredError as error:  # it names the session's frames
            oldest = self.number_of(error.oldest_frame_idx)
            raise FrameExpiredError(error.at_frame + self._offset, oldest, self.newest_frame_idx) from None
        self._check_current(session)
        return changed

    def undo(self, object_id: int | None) -> Undone:
        """Take the last prompt back; as `Session.undo`. The id of an object that goes is free again, if it
        was the last one given."""
        undone = self.change(None, lambda session, _: session.undo(object_id))
        self._unconfirmed.forget(undone.object_id)
        if undone.what == "start":
            self.ids.take_back(undone.object_id)
        return replace(undone, frame_idx=self.number_of(undone.frame_idx))

    def number_of(self, inner: int) -> int:
        """The stream's number of a frame of the session."""
        return inner if inner < 0 else max(self._oldest, inner + self._offset)

    def undo_start(self, object_id: int) -> None:
        """Take an object back that was added just now, as if it had never been."""
        self.ids.take_back(object_id)
        self._untold += [event for event in self._session.take_events() if event.object_id != object_id]
        self._session.remove(object_id)
        self._session.take_events()

    def remove(self, object_id: int) -> None:
        """Stop following an object."""
        self._session.remove(object_id)
        self._unconfirmed.forget(object_id)
        self.ids.removed(object_id)

    def set_label(self, object_id: int, label: str) -> None:
        """Call an object something."""
        self._session.set_label(object_id, label)

    # -- runs --------------------------------------------------------------------------------------

    def replace_session(self) -> None:
        """Give the session up, whatever it is doing; `reopen` starts the objects again in the new one."""
        session = self._new_session()
        with self._lock:
            newest = self._seen.newest_frame_idx
            self._untold.clear()
            self._session = session
            self._offset = newest + 1
            self._oldest = max(0, newest)

    def reopen(self) -> tuple[int, ...]:
        """Start every object again from what was last seen of it; returns their ids.

        To be called once after `replace_session`, where steps are called.
        """
        session, newest = self._session, self._offset - 1
        seeds = self._seen.seeds()
        for seed in seeds:
            self._start_seed(session, seed)
            session.step(seed.frame)
        session.take_events()
        with self._lock:
            self._check_current(session)
            # The last seed is the newest frame that was tracked before.
            self._offset = newest - session.newest_frame_idx
            self._unconfirmed.begin(session.object_ids)
        return session.object_ids

    def _start_seed(self, session: Session, seed: Seed) -> None:
        for found in seed.objects:
            try:
                session.start(Prompt(found.object_id, mask=found.mask, label=found.label))
            except StreamTrackError as error:
                logger.error("stream %s: %s is not followed any more: %s", self.name, _named(found), error)

    # -- inside ------------------------------------------------------------------------------------

    def _inner(self, frame_idx: int) -> int:
        oldest = max(self._oldest, self._session.oldest_frame_idx + self._offset)
        if not oldest <= frame_idx <= self.newest_frame_idx:
            raise FrameExpiredError(frame_idx, oldest, self.newest_frame_idx)
        return frame_idx - self._offset

    def _moved(self, result: FrameResult) -> FrameResult:
        if not self._offset:
            return result
        events = tuple(self._moved_event(event) for event in result.events)
        return replace(result, frame_idx=result.frame_idx + self._offset, events=events)

    def _moved_event(self, event: Event) -> Event:
        if not self._offset:
            return event
        return replace(event, frame_idx=max(self._oldest, event.frame_idx + self._offset))

    def _check_current(self, session: Session) -> None:
        if session is not self._session:
            raise RunAbandoned


def _named(found: ObjectMask) -> str:
    return f"object {found.object_id} {found.label}".rstrip()
