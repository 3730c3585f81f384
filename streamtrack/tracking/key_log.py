"""What is known of the key frames that are kept, beside what was found on them."""

from __future__ import annotations

from streamtrack.frame import Frame, Image
from streamtrack.model.interface import Size
from streamtrack.tracking.scene_cut import Cut, SceneCuts
from streamtrack.tracking.stream_time import StreamTime


class KeyLog:
    """The last H key frames, in rings.

    Args:
        history_frames: H.
        scene_cuts: looks for cuts; None: nobody does.
    """

    def __init__(self, history_frames: int, scene_cuts: SceneCuts | None) -> None:
        self.stream_time = StreamTime(history_frames)
        self.newest = -1
        """-1 before the first."""
        self._scene_cuts = scene_cuts
        self._history = history_frames
        self._sizes: list[Size] = [(0, 0)] * history_frames
        self._damaged = [False] * history_frames
        self._steps = [1] * history_frames
        self._cuts: list[Cut | None] = [None] * history_frames
        self._images: list[Image | None] = [None] * history_frames

    @property
    def oldest(self) -> int:
        """The oldest that is kept."""
        return max(0, self.newest - self._history + 1)

    def look_at(self, key: int, frame: Frame) -> Cut | None:
        """Look at the next key frame ahead of all else: whether another scene began."""
        cut = None
        if self._scene_cuts is not None and not frame.damaged:
            cut = self._scene_cuts.see(frame.image)
        self._cuts[key % self._history] = cut
        return cut

    def breaks_off(self, frame: Frame) -> bool:
        """Whether the next key frame is of another size than the one before, or whole behind a damaged
        one."""
        if self.newest < 0:
            return False
        size = frame.height_px, frame.width_px
        return size != self.size(self.newest) or (self.came_damaged(self.newest) and not frame.damaged)

    def append(self, key: int, frame: Frame, frames_on: int = 1) -> None:
        """Keep the next key frame, so many frames behind the one before, in the place of the one H away."""
        self.stream_time.advance(frame)
        self._sizes[key % self._history] = frame.height_px, frame.width_px
        self._damaged[key % self._history] = frame.damaged
        self._steps[key % self._history] = frames_on
        self._images[key % self._history] = frame.image
        self.newest = key

    def image(self, key: int) -> Image:
        """(H, W, 3) RGB."""
        image = self._images[key % self._history]
        assert image is not None
        return image

    def size(self, key: int) -> Size:
        """H, W in pixels."""
        return self._sizes[key % self._history]

    def came_damaged(self, key: int) -> bool:
        """Whether it did."""
        return self._damaged[key % self._history]

    def frames_on(self, key: int) -> int:
        """How many frames it lies behind the key frame before it."""
        return self._steps[key % self._history]

    def cut_at(self, key: int) -> Cut | None:
        """The cut that was found with it, if one was."""
        return self._cuts[key % self._history]

    def begins_scene(self, key: int) -> bool:
        """Whether another scene began with it."""
        return self.cut_at(key) is not None
