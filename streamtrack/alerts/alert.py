"""One event on its way to receivers: a value, and its JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from streamtrack.config import ReceiverConfig
from streamtrack.frame import Event

THUMBNAIL = "thumbnail"


@dataclass(frozen=True, slots=True)
class Alert:
    """An event of a stream, with a name of its own."""

    alert_id: str
    """The same at every try and for every receiver: whoever has it has had it."""
    stream: str
    wall_ms: int
    """Wall clock (Unix epoch, UTC) when it was told."""
    event: Event

    @property
    def rule(self) -> str:
        """The zone or line; empty where it is none's."""
        return str(self.event.detail.get("rule", ""))

    def to_json(self, *, thumbnails: bool) -> bytes:
        """{id, stream, kind, wall_ms, frame_idx, object_id, detail}."""
        detail: Mapping[str, Any] = self.event.detail
        if not thumbnails and THUMBNAIL in detail:
            detail = {key: value for key, value in detail.items() if key != THUMBNAIL}
        return msgspec.json.encode(
            {
                "id": self.alert_id,
                "stream": self.stream,
                "kind": self.event.kind.value,
                "wall_ms": self.wall_ms,
                "frame_idx": self.event.frame_idx,
                "object_id": self.event.object_id,
                "detail": dict(detail),
            }
        )


def is_wanted(alert: Alert, config: ReceiverConfig) -> bool:
    """Whether a receiver's filters let an alert through."""
    detail = alert.event.detail
    asked = (
        (config.streams, alert.stream),
        (config.kinds, alert.event.kind.value),
        (config.rules, alert.rule),
        (config.classes, detail.get("class", "")),
        (config.labels, detail.get("label", "")),
    )
    return all(not names or found in names for names, found in asked)
