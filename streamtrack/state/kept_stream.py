"""One stream between its running parts and its place in the state folder."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec

from streamtrack.clock import NS_PER_S, Clock
from streamtrack.frame import ObjectMask
from streamtrack.object_record import record_of
from streamtrack.publish.mask_codec import encode_rle
from streamtrack.rules.kept import KeptRules
from streamtrack.state.documents import KeptObject, StreamDocument
from streamtrack.state.folder import StateError, StateFolder
from streamtrack.state.resumption import OTHER_MODEL, Resumption, fits_of, plan_resumption
from streamtrack.state.stream_notes import Born, Noted, StreamNotes
from streamtrack.state.stream_store import Found, StreamStore
from streamtrack.state.when import Moment, moment_of, seconds_between
from streamtrack.tracking.memory_file import ModelFacts, encode_memory

STILL_NS = 10 * NS_PER_S
"""A document of a stream on which nothing happens is written so often, so that it says when the server still
ran."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Asked:
    """What else is kept of a stream; asked when it is written."""

    rules: Callable[[], KeptRules] = KeptRules
    ptz_object: Callable[[], int | None] = lambda: None


class KeptStream:
    """Gathers, writes and reads one stream's state."""

    def __init__(self, folder: StateFolder, stream: str, every_ns: int, clock: Clock) -> None:
        """Read what the process before left.

        Raises:
            StateError: it can neither be read nor be put aside.
        """
        self.stream = stream
        self.notes = StreamNotes(clock, every_ns)
        """Noted in the tracker's thread."""
        self._folder = folder
        self._clock = clock
        self._store = StreamStore(folder, stream)
        self._found = self._store.read()
        self._asked = Asked()
        self._source = ""
        self._facts: ModelFacts | None = None
        self._written: Noted | None = None
        self._written_ns = 0
        self._copies: dict[int, int] = {}
        """The number of each object's copy that was written."""
        self._tallies: list[object] = []
        self._lock = threading.Lock()  # over what is on the disk
        self._is_closed = False

    # -- at the start ----------------------------------------------------------------------------------

    @property
    def found(self) -> Found:
        """What the process before left."""
        return self._found

    @property
    def age_s(self) -> float | None:
        """How long ago it was kept; None: nothing was, or it cannot be said."""
        document = self._found.document
        return None if document is None else seconds_between(document.saved, self._now())

    def connect(self, source: str, asked: Asked) -> None:
        """Say where its frames come from, without credentials, and what else is to be kept."""
        self._source, self._asked = source, asked

    def begin(self, facts: ModelFacts, within_s: float) -> Resumption:
        """The model is here: what to go on with. From now on everything is noted."""
        self._facts = facts
        document = self._found.document
        resumption = Resumption(highest_id=self._found.highest_id)
        if document is not None:
            resumption = plan_resumption(
                document,
                self._found.highest_id,
                age_s=self.age_s,
                within_s=within_s,
                source=self._source,
                facts=facts,
                read=self._store.memory,
                may_try=self._store.try_once_more,
            )
            self._put_foreign_aside(resumption, document)
        born = {
            one.kept.object_id: Born(one.kept.by, one.kept.class_name, one.kept.score)
            for one in resumption.objects
            if one.kept.by
        }
        self.notes.begin(facts, resumption.labels, born)
        return resumption

    def _put_foreign_aside(self, resumption: Resumption, document: StreamDocument) -> None:
        """Memories that another model understands are not written over."""
        if not any(one.reason == OTHER_MODEL for one in resumption.expired):
            return
        fits = document.fits
        what = "another model" if fits is None else f"{fits.model} at {fits.input_size[1]} px"
        try:
            self._store.give_up(f"is of {what} with other weights, size or precision")
        except StateError as error:
            logger.error("stream %s: %s", self.stream, error)

    # -- while it runs, in the writer's thread ---------------------------------------------------------

    def mark(self) -> None:
        """Note the highest id on the disk, if it rose.

        Raises:
            OSError: it cannot be written.
        """
        noted = self.notes.noted
        with self._lock:
            if noted is not None and not self._is_closed:
                self._store.mark(noted.said.highest_id)

    def write(self, *, last: bool = False) -> bool:
        """Write what has changed; False where nothing has, or nothing is known yet.

        Args:
            last: the server ends: whatever was noted is written.
        Raises:
            OSError: it cannot be written; what was there is there.
        """
        with self._lock:
            return not self._is_closed and self._write(last=last)

    def close(self) -> None:
        """Write nothing any more: the stream ends, or another one takes its name over."""
        with self._lock:
            self._is_closed = True

    # -- parts -----------------------------------------------------------------------------------------

    def _write(self, *, last: bool) -> bool:
        noted, facts = self.notes.noted, self._facts
        if noted is None or facts is None:
            return False  # what the process before left stays, and its age with it
        now_ns, rules = self._clock.monotonic_ns(), self._asked.rules()
        tallies: list[object] = [rule.tally for rule in rules.rules]
        is_still = noted is self._written and tallies == self._tallies
        if is_still and not last and now_ns - self._written_ns < STILL_NS:
            return False
        new = {
            object_id: copy
            for object_id, copy in noted.copies.items()
            if object_id in noted.objects and self._copies.get(object_id) != copy.number
        }
        memories = {object_id: encode_memory(copy.file) for object_id, copy in new.items()}
        self._store.write(self._document(noted, facts, rules), memories)
        self._store.mark(noted.said.highest_id)
        self._written, self._written_ns, self._tallies = noted, now_ns, tallies
        self._copies = {key: copy.number for key, copy in noted.copies.items() if key in noted.objects}
        return True

    def _document(self, noted: Noted, facts: ModelFacts, rules: KeptRules) -> StreamDocument:
        return StreamDocument(
            stream=self.stream,
            saved=self._now(),
            source=self._source[:512],
            frame_idx=noted.frame_idx,
            highest_id=min(noted.said.highest_id, 2**31 - 1),
            fits=fits_of(facts),
            prompted=list(noted.said.prompted),
            paused=noted.said.is_paused,
            ptz_object=self._asked.ptz_object(),
            objects=_objects(noted.objects, noted.born),
            labels=list(noted.gone),
            rules=rules,
        )

    def _now(self) -> Moment:
        return moment_of(self._clock)


def _objects(objects: Mapping[int, ObjectMask], born: Mapping[int, Born]) -> list[KeptObject]:
    kept = []
    for object_id, mask in objects.items():
        record = record_of(mask)
        one = KeptObject(
            object_id,
            mask.label,
            mask.state,
            record["object_score"],
            record["iou_score"],
            mask.box,
            mask.frame_size,
            encode_rle(mask.crop, mask.box, mask.frame_size).decode("ascii"),
        )
        how = born.get(object_id)
        if how is not None:
            one = msgspec.structs.replace(one, by=how.by, class_name=how.class_name, score=how.score)
        kept.append(one)
    return kept
