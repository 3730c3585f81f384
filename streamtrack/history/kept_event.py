"""One event as it is kept, and what is asked for. Values."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from streamtrack.frame import Event

THUMBNAIL = "thumbnail"
MAX_PAGE = 1_000


@dataclass(frozen=True, slots=True)
class KeptEvent:
    """An event."""

    id: int
    """Rises with each event of the archive."""
    wall_ms: int
    """Wall clock (Unix epoch, UTC) when it was told."""
    stream: str
    kind: str
    frame_idx: int
    """The tracked frame it belongs to; -1 before the first."""
    object_id: int | None
    """The object it happened to; null for the stream."""
    rule: str
    """The zone or line; empty where it is none's."""
    class_name: str
    """Of the object, of COCO's 80; empty where it is not known."""
    label: str
    """Of the object."""
    detail: dict[str, Any]
    """As it was told, without the picture."""
    has_thumbnail: bool


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event that is to be kept."""

    wall_ms: int
    stream: str
    event: Event
    class_name: str = ""
    label: str = ""
    thumbnail: bytes | None = None
    """JPEG."""

    def row(self) -> tuple[Any, ...]:
        """In the order of the table's columns."""
        detail = {key: value for key, value in self.event.detail.items() if key != THUMBNAIL}
        return (
            self.wall_ms,
            self.stream,
            self.event.kind.value,
            self.event.frame_idx,
            self.event.object_id,
            str(detail.get("rule", "")),
            self.class_name,
            self.label,
            json.dumps(detail, ensure_ascii=False, default=str),
            self.thumbnail,
        )


@dataclass(frozen=True, slots=True)
class EventQuery:
    """What is looked for. Empty: any."""

    streams: Sequence[str] = ()
    kinds: Sequence[str] = ()
    classes: Sequence[str] = ()
    labels: Sequence[str] = ()
    rules: Sequence[str] = ()
    """Zones and lines."""
    object_ids: Sequence[int] = ()
    from_ms: int | None = None
    """Not before this moment (Unix epoch, UTC)."""
    to_ms: int | None = None
    """Before this moment."""
    before_id: int | None = None
    """Of the events before this one: the next page."""
    after_id: int | None = None
    """Of the events after this one."""
    limit: int = 100
    oldest_first: bool = False
    """Else the newest come first."""

    def where(self) -> tuple[str, list[Any]]:
        """The condition in SQL, and its values."""
        parts: list[str] = []
        values: list[Any] = []
        for column, wanted in self._lists():
            if wanted:
                parts.append(f"{column} IN ({', '.join('?' * len(wanted))})")
                values += wanted
        for condition, bound in (
            ("wall_ms >= ?", self.from_ms),
            ("wall_ms < ?", self.to_ms),
            ("id < ?", self.before_id),
            ("id > ?", self.after_id),
        ):
            if bound is not None:
                parts.append(condition)
                values.append(bound)
        return " AND ".join(parts) or "1", values

    def _lists(self) -> tuple[tuple[str, Sequence[Any]], ...]:
        return (
            ("stream", self.streams),
            ("kind", self.kinds),
            ("class", self.classes),
            ("label", self.labels),
            ("rule", self.rules),
            ("object_id", self.object_ids),
        )


@dataclass(frozen=True, slots=True)
class EventPage:
    """Some of what was found."""

    events: tuple[KeptEvent, ...] = ()
    next_id: int | None = None
    """What to ask for next as `before_id` (as `after_id`, oldest first); null where this is all."""

    @classmethod
    def of(cls, rows: Sequence[KeptEvent], limit: int) -> Self:
        """A page of `limit` events from that many and one more."""
        more = len(rows) > limit
        return cls(tuple(rows[:limit]), rows[limit - 1].id if more else None)
