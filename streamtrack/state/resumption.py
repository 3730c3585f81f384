"""What a stream goes on with after a restart, and which of its objects do not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from streamtrack.state.documents import Fits, KeptMemory, KeptObject, StreamDocument
from streamtrack.tracking.memory_file import ModelFacts

TOO_OLD, OTHER_SOURCE, OTHER_MODEL = "too_old", "other_source", "other_model"
UNSAVED, DAMAGED, MANY_TRIES = "unsaved", "damaged", "failed_before"


@dataclass(frozen=True, slots=True, eq=False)
class Resumed:
    """An object to go on with."""

    kept: KeptObject
    memory: Callable[[], bytes]
    """Reads it. Raises StateError: it is damaged, or not there."""


@dataclass(frozen=True, slots=True)
class Expired:
    """An object that was followed, and is not any more."""

    object_id: int
    label: str
    reason: str
    """too_old, other_source, other_model, unsaved (it came a moment before the end), damaged, failed_before
    (the starts before ended while it was taken up), or why the session refused it."""


@dataclass(frozen=True, slots=True, eq=False)
class Resumption:
    """What a stream begins with."""

    age_s: float | None = None
    """How long ago it was kept; None: it cannot be said, or nothing was kept."""
    highest_id: int = 0
    """No object got a higher id before."""
    prompted: frozenset[int] = frozenset()
    """Ids of the config's own prompts that are not to be applied again."""
    paused: bool = False
    ptz_object: int | None = None
    objects: tuple[Resumed, ...] = ()
    expired: tuple[Expired, ...] = ()
    labels: Mapping[int, str] = field(default_factory=dict)
    """Of objects that are gone."""
    may_try: Callable[[], bool] = field(default=lambda: True)
    """Asked at the last moment; False: the starts before did not survive it."""


def fits_of(facts: ModelFacts) -> Fits:
    """What memories of a model fit, as a document says it."""
    return Fits(facts.model, facts.weights_sha256, facts.input_size, facts.precision)


def plan_resumption(
    document: StreamDocument,
    highest_id: int,
    *,
    age_s: float | None,
    within_s: float,
    source: str,
    facts: ModelFacts,
    read: Callable[[KeptMemory], bytes],
    may_try: Callable[[], bool],
) -> Resumption:
    """What to go on with of what was kept.

    Args:
        age_s: how long ago it was kept; None where that cannot be said.
        within_s: up to which age objects go on.
        source: where frames come from now, without credentials.
        facts: of the model in use.
        read: gives a memory's bytes.
    """
    why: str | None = None
    if age_s is None or age_s > within_s:
        why = TOO_OLD
    elif document.source != source:
        why = OTHER_SOURCE
    elif document.fits is not None and document.fits != fits_of(facts):
        why = OTHER_MODEL
    goes_on: list[Resumed] = []
    ended: list[Expired] = []
    for kept in document.objects:
        memory = kept.memory
        if why is None and memory is not None:
            goes_on.append(Resumed(kept, lambda memory=memory: read(memory)))  # type: ignore[misc]
        else:
            ended.append(Expired(kept.object_id, kept.label, why or UNSAVED))
    labels = dict(document.labels) | {one.object_id: one.label for one in ended if one.label}
    lost = {one.object_id for one in ended}
    return Resumption(
        age_s=age_s,
        highest_id=highest_id,
        prompted=frozenset(document.prompted) - lost if why is None else frozenset(),
        paused=document.paused and why is None,
        ptz_object=document.ptz_object if why is None else None,
        objects=tuple(goes_on),
        expired=tuple(ended),
        labels=labels,
        may_try=may_try,
    )
