"""A consumer that keeps a stream's events."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping

from streamtrack.clock import NS_PER_MS, Clock
from streamtrack.frame import Event, EventKind, FrameResult, Update
from streamtrack.history.event_log import EventLog
from streamtrack.history.kept_event import THUMBNAIL, NewEvent
from streamtrack.history.object_classes import ObjectClasses
from streamtrack.rules.thumbnail import thumbnail


class HistoryConsumer:
    """Writes events into the log, each object's with its picture."""

    name = "history"

    def __init__(self, log: EventLog, thumbnail_px: int, clock: Clock) -> None:
        self._log = log
        self._thumbnail_px = thumbnail_px
        self._clock = clock
        self._classes = ObjectClasses()
        self._labels: dict[int, str] = {}

    def take(self, update: Update) -> None:
        """Keep what happened."""
        if update.result is not None:
            for item in update.result.objects.values():
                self._labels[item.object_id] = item.label
        if not update.events:
            return
        wall_ms = self._clock.wall_ns() // NS_PER_MS
        kept = [self._kept(update.stream, wall_ms, event, update.result) for event in update.events]
        self._log.add(kept)

    def close(self) -> None:
        """The log is the server's, and serves other streams."""

    def _kept(self, stream: str, wall_ms: int, event: Event, result: FrameResult | None) -> NewEvent:
        object_id, detail = event.object_id, event.detail
        if object_id is None:
            return NewEvent(wall_ms, stream, event, _text(detail, "class"), _text(detail, "label"), None)
        self._classes.learn((event,))
        if event.kind is EventKind.LABELED and "label" in detail:
            self._labels[object_id] = _text(detail, "label")
        label = _text(detail, "label") or self._labels.get(object_id, "")
        class_name = _text(detail, "class") or self._classes.of(object_id, label)
        picture = self._picture(event, result)
        if event.kind is EventKind.REMOVED:
            self._classes.forget(object_id)
            self._labels.pop(object_id, None)
        return NewEvent(wall_ms, stream, event, class_name, label, picture)

    def _picture(self, event: Event, result: FrameResult | None) -> bytes | None:
        """The one that the event carries, else the object's on its frame."""
        coded = event.detail.get(THUMBNAIL)
        item = None if result is None or event.object_id is None else result.objects.get(event.object_id)
        if coded is None and result is not None and item is not None and item.area_px:
            coded = thumbnail(result.frame.image, item.box, self._thumbnail_px)
        try:
            return base64.b64decode(coded) if isinstance(coded, str) else None
        except binascii.Error:
            return None


def _text(detail: Mapping[str, object], key: str) -> str:
    value = detail.get(key)
    return value if isinstance(value, str) else ""
