"""What is kept of each object on the host, so that it can be started again in a new session."""

from __future__ import annotations

from dataclasses import dataclass

from streamtrack.frame import Frame, FrameResult, ObjectMask


@dataclass(frozen=True, slots=True, eq=False)
class Seed:
    """A picture, and the objects to start on it."""

    frame: Frame
    objects: tuple[ObjectMask, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Sight:
    """An object where it last had a mask."""

    frame_idx: int
    frame: Frame
    found: ObjectMask


class LastSeen:
    """The newest mask of every followed object, with its picture. An object out of sight keeps the picture
    on which it last had one, so that it can be found again: at most one picture for each object."""

    def __init__(self) -> None:
        self._newest: FrameResult | None = None
        self._sights: dict[int, _Sight] = {}

    @property
    def newest_frame_idx(self) -> int:
        """The newest frame that was noted; -1 before the first."""
        return -1 if self._newest is None else self._newest.frame_idx

    def note(self, result: FrameResult) -> None:
        """Note the newest frame's masks; an object that is not among them is followed no more."""
        sights = {}
        for object_id, found in result.objects.items():
            kept = self._sights.get(object_id)
            if found.area_px and (kept is None or not result.frame.damaged):
                sights[object_id] = _Sight(result.frame_idx, result.frame, found)
            elif kept is not None:
                sights[object_id] = kept
        self._newest, self._sights = result, sights

    def seeds(self) -> tuple[Seed, ...]:
        """Pictures to step over in this order, oldest first; the last is the newest one. Empty where nothing
        is followed."""
        if self._newest is None or not self._newest.objects:
            return ()
        newest = self._newest
        by_frame: dict[int, list[_Sight]] = {newest.frame_idx: []}
        for sight in self._sights.values():
            by_frame.setdefault(sight.frame_idx, []).append(sight)
        seeds = []
        for frame_idx in sorted(by_frame):
            sights = by_frame[frame_idx]
            frame = newest.frame if frame_idx == newest.frame_idx else sights[0].frame
            # Its label may have changed since.
            labelled = (newest.objects[sight.found.object_id].label for sight in sights)
            objects = tuple(
                ObjectMask.from_mask(sight.found.mask, sight.found.object_id, label=label)
                for sight, label in zip(sights, labelled, strict=True)
            )
            seeds.append(Seed(frame, objects))
        return tuple(seeds)
