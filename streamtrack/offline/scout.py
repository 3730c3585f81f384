"""A first run through a film with the shipped network: what starts in it, when it ends, and where a detector
disagrees with what is followed. What comes of it are prompts, by which any model follows the film."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from streamtrack.clock import NS_PER_MS, NS_PER_S
from streamtrack.config import FindingAutoprompt, TrackingConfig
from streamtrack.detect import Box, Detection, Detector
from streamtrack.detect.keeper import Keeper
from streamtrack.detect.mending import Mending
from streamtrack.detect.session_hands import SessionHands
from streamtrack.ingest import FilmReader
from streamtrack.offline.prompts import Lifetimes, PromptSet
from streamtrack.prompt import Prompt
from streamtrack.tracking import Tracker
from streamtrack.tracking.film_span import FilmSpan

MAX_OBJECTS = 256
"""Followed at one time; the config's own bound is lower."""


class _Scribe:
    """Hands that write down what they do.

    Args:
        numbers: of the film's frames, by the session's.
    """

    def __init__(self, hands: SessionHands, numbers: list[int]) -> None:
        self._hands = hands
        self._numbers = numbers
        self.prompts: list[Prompt] = []
        self.lifetimes: Lifetimes = {}

    def start(self, find: Detection, label: str) -> int | None:
        object_id = self._hands.start(find, label)
        if object_id is not None:
            now = self._numbers[-1]
            self.prompts.append(Prompt(object_id, box=find.box, label=label, at_frame=now))
            self.lifetimes[object_id] = now, None
        return object_id

    def remove(self, object_id: int, reason: str) -> bool:
        removed = self._hands.remove(object_id, reason)
        if removed and reason == "duplicate":  # it was another one all along
            self.prompts = [one for one in self.prompts if one.object_id != object_id]
            del self.lifetimes[object_id]
        elif removed:
            first, _ = self.lifetimes[object_id]
            self.lifetimes[object_id] = first, self._numbers[-1]
        return removed

    def mend(self, mending: Mending) -> bool:
        mended = self._hands.mend(mending)
        if mended:
            box, now = mending.find.box, self._numbers[-1]
            self.prompts.append(Prompt(mending.object_id, box=box, at_frame=now))
        return mended

    def cut(self, object_id: int, box: Box) -> bool:
        return self._hands.cut(object_id, box)  # of the first run alone: the film's masks are others

    def likeness(self, object_id: int, boxes: Sequence[Box]) -> Sequence[float | None]:
        return self._hands.likeness(object_id, boxes)

    def keep_look(self, object_id: int) -> None:
        self._hands.keep_look(object_id)


def scout(
    autoprompt: FindingAutoprompt,
    detector: Detector,
    film: FilmReader,
    span: FilmSpan,
    ids: Iterator[int],
) -> PromptSet:
    """Prompts for what starts in a film, those that mend it, and the frames on which each object exists.

    Raises:
        SourceError: the film cannot be read.
    """
    session = Tracker.from_checkpoint("nano", device="cpu").new_session(
        TrackingConfig(max_objects=MAX_OBJECTS)
    )
    numbers: list[int] = []
    scribe, keeper = _Scribe(SessionHands(session, ids), numbers), Keeper(autoprompt)
    due_ns: int | None = None
    for frame in film.frames(span.numbers(range(span.num_positions(None)))):
        result = session.step(frame)
        numbers.append(frame.seq)
        now_ns = round((frame.time_s or 0.0) * NS_PER_S)
        if frame.damaged or (due_ns is not None and now_ns < due_ns):
            continue
        due_ns = now_ns + autoprompt.interval_ms * NS_PER_MS
        keeper.look(detector.detect(frame.image), result.objects, result.frame_idx, now_ns, scribe)
    return PromptSet(tuple(scribe.prompts), scribe.lifetimes)
