"""What a recorder notes of tracked frames: their masks as lines, their overlay, and which events are kept."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

from streamtrack.clock import NS_PER_S
from streamtrack.config import RecordingConfig, VideoConfig
from streamtrack.frame import Event, FrameResult, Update
from streamtrack.history.object_classes import ObjectClasses
from streamtrack.recording.coded_film import EncodedFilm, FilmPiece
from streamtrack.recording.film_packet import TICKS_PER_S, FrameKey
from streamtrack.recording.masks_file import masks_of
from streamtrack.rules.state import DrawnRule
from streamtrack.video.draw import annotate
from streamtrack.video.tag_layout import TagLayout

FRAMES_KEPT = 2_048


class FrameNotes:
    """One stream's. One thread."""

    def __init__(self, config: RecordingConfig) -> None:
        self._config = config
        self._classes = ObjectClasses()
        self._keys: OrderedDict[int, FrameKey] = OrderedDict()

    def remember(self, frame_idx: int, key: FrameKey) -> None:
        """Which picture of the film a tracked frame is."""
        self._keys[frame_idx] = key
        if len(self._keys) > FRAMES_KEPT:
            self._keys.popitem(last=False)

    def key_at(self, frame_idx: int) -> FrameKey | None:
        """That of a frame; None where it is too long ago, or none."""
        return self._keys.get(frame_idx)

    def line(self, update: Update, result: FrameResult) -> dict[str, Any]:
        """A frame's masks."""
        self._classes.learn(update.events)
        return masks_of(result, self._classes.of, revises=update.revises)

    def starts_recording(self, event: Event, result: FrameResult | None) -> bool:
        """Whether the filters let an event through."""
        self._classes.learn((event,))
        config, object_id = self._config, event.object_id
        item = None if result is None or object_id is None else result.objects.get(object_id)
        label = event.detail.get("label", item.label if item is not None else "")
        class_name = "" if object_id is None else self._classes.of(object_id, label)
        asked = (
            (config.kinds, event.kind.value),
            (config.rules, event.detail.get("rule", "")),
            (config.classes, event.detail.get("class", class_name)),
            (config.labels, label),
        )
        return all(not names or found in names for names, found in asked)


class Overlay:
    """Draws and encodes the annotated film. One thread."""

    def __init__(
        self, video: VideoConfig, bitrate_kbps: int, rules: Callable[[], Sequence[DrawnRule]] = tuple
    ) -> None:
        """`rules`: the zones and lines to draw, with their counts of this moment."""
        self._config = video.annotate
        self._rules = rules
        self._layout = TagLayout()
        self._film = EncodedFilm(bitrate_kbps, video.max_fps)

    def piece(self, result: FrameResult, *, keyframe: bool) -> FilmPiece:
        """A tracked frame as a picture of the film."""
        picture = annotate(result, self._config, self._layout, self._rules())
        pts = result.frame.capture_monotonic_ns * TICKS_PER_S // NS_PER_S
        return self._film.piece(picture, pts, keyframe=keyframe)

    def close(self) -> None:
        """Give the encoder's memory back."""
        self._film.close()
