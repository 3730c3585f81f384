"""What a stream's first frame begins with: the objects of the process before, and the config's prompts."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace

from streamtrack.config import PromptConfig, SceneAutoprompt, StreamConfig
from streamtrack.errors import StreamTrackError
from streamtrack.frame import Event, EventKind, Frame, FrameResult
from streamtrack.pipeline.given_ids import GivenIds
from streamtrack.prompt import Prompt
from streamtrack.scenes.scene import prompts_from_masks
from streamtrack.state.documents import KeptObject
from streamtrack.state.resumption import MANY_TRIES, Expired, Resumption
from streamtrack.tracking import Session

logger = logging.getLogger(__name__)


class FirstFrame:
    """Puts objects into a session that has none. One thread."""

    def __init__(self, config: StreamConfig, ids: GivenIds, resumption: Resumption) -> None:
        self._config = config
        self._ids = ids
        self._resumption = resumption
        self._resumed: list[KeptObject] = []
        self._expired: list[Expired] = []
        self.prompted: tuple[int, ...] = ()
        """Ids of the config's own prompts that were applied, now or by the process before."""
        ids.gave(resumption.highest_id)

    @property
    def resumed_ids(self) -> tuple[int, ...]:
        """Objects that the session took over from the process before."""
        return tuple(one.object_id for one in self._resumed)

    @property
    def is_paused(self) -> bool:
        """Whether the stream stood when the process before ended."""
        return self._resumption.paused

    def begin(self, session: Session, frame: Frame) -> None:
        """Everything that the first frame is to be followed with."""
        self._resume(session)
        self._prompt(session, frame)

    def told(self, result: FrameResult) -> FrameResult:
        """The first frame's result, which says who goes on, and who does not."""
        kept, frame_idx = self._resumption, result.frame_idx
        if kept.age_s is None and not self._expired:
            return result
        age_s = None if kept.age_s is None else round(kept.age_s, 1)
        events = [
            Event(
                EventKind.EXPIRED,
                frame_idx,
                one.object_id,
                {"reason": one.reason, "label": one.label, "age_s": age_s},
            )
            for one in self._expired
        ]
        if self._resumed:
            objects = [_described(one) for one in self._resumed]
            detail = {"reason": "restarted", "age_s": age_s, "objects": objects}
            events.insert(0, Event(EventKind.RESUMED, frame_idx, None, detail))
        return replace(result, events=(*events, *result.events))

    # -- parts -----------------------------------------------------------------------------------------

    def _resume(self, session: Session) -> None:
        kept = self._resumption
        self._resumed, self._expired = [], list(kept.expired)
        if not kept.objects:
            return
        tries = kept.may_try()
        for one in kept.objects:
            try:
                if not tries:
                    raise _FailedBefore(MANY_TRIES)
                session.memories.resume(one.kept.object_id, one.memory(), label=one.kept.label)
            except StreamTrackError as error:
                self._expired.append(Expired(one.kept.object_id, one.kept.label, str(error)))
                logger.error(
                    "stream %s: object %d does not go on: %s", self._config.name, one.kept.object_id, error
                )
            else:
                self._resumed.append(one.kept)

    def _prompt(self, session: Session, frame: Frame) -> None:
        prompts: Iterable[PromptConfig] = self._config.prompts
        if isinstance(self._config.autoprompt, SceneAutoprompt) and frame.ground_truth:
            prompts = (*prompts, *prompts_from_masks(frame.ground_truth))
        prompts = tuple(prompts)
        self.prompted = tuple(prompt.object_id for prompt in prompts)
        lost = {one.object_id for one in self._expired}
        for prompt in prompts:
            if prompt.object_id in self._resumption.prompted - lost:
                continue
            # Ids that start a stream are taken even where the prompt turns out not to fit.
            self._ids.gave(prompt.object_id)
            try:
                session.start(
                    Prompt(
                        prompt.object_id,
                        points=prompt.points,
                        labels=prompt.labels,
                        box=prompt.box,
                        label=prompt.label,
                    )
                )
            except StreamTrackError as error:
                logger.error("stream %s: a prompt to start with is left out: %s", self._config.name, error)


class _FailedBefore(StreamTrackError):
    """Not tried any more."""


def _described(kept: KeptObject) -> dict[str, object]:
    told: dict[str, object] = {"object_id": kept.object_id, "label": kept.label}
    if kept.by:
        told |= {"by": kept.by, "class": kept.class_name, "score": kept.score}
    return told
