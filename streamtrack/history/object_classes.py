"""Which class an object is of: only the event of its beginning says so, or its label does."""

from __future__ import annotations

from collections.abc import Iterable

from streamtrack.coco import COCO_CLASSES
from streamtrack.frame import Event, EventKind

_NAMES = frozenset(COCO_CLASSES)


class ObjectClasses:
    """Of one stream's objects. One thread."""

    def __init__(self) -> None:
        self._classes: dict[int, str] = {}

    def learn(self, events: Iterable[Event]) -> None:
        """Take note of objects that begin."""
        for event in events:
            if event.object_id is not None and event.kind is EventKind.ADDED:
                self._classes[event.object_id] = str(event.detail.get("class") or "")
            for resumed in event.detail.get("objects", ()) if event.kind is EventKind.RESUMED else ():
                if resumed.get("class"):
                    self._classes[resumed["object_id"]] = str(resumed["class"])

    def forget(self, object_id: int) -> None:
        """It is not followed any more."""
        self._classes.pop(object_id, None)

    def of(self, object_id: int, label: str = "") -> str:
        """One of COCO's 80, or empty."""
        return self._classes.get(object_id, "") or (label if label in _NAMES else "")
