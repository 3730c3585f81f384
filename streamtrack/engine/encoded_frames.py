"""The frames that are kept, as the network reads them: whole, or through windows.

Without windows frames are encoded as they come and their features kept, so that a prompt on a past frame
costs no encoding. Windows differ from object to object, and which are needed of a past frame nobody knows: so
pictures are kept, which whoever gives the frames holds anyway, and encoded when they are asked for.
"""

from __future__ import annotations

from streamtrack.engine.history import FeatureHistory
from streamtrack.engine.runner import StepRunner
from streamtrack.engine.view import View
from streamtrack.frame import Image
from streamtrack.model.interface import FrameFeatures, Network, Size

VIEWS_AT_HAND = 4
"""Encoded views of the newest frame that are kept at least: what was found through one may be cut, or looked
at in turns,"""
BYTES_AT_HAND = 64 << 20
"""and as many more as so many bytes hold: of the windows of dozens of objects nano encodes none twice."""


class EncodedFrames:
    """The last H frames. Calls come under inference mode and the session's autocast.

    Args:
        history_frames: H, by how much frame_idx may differ between frames that are kept.
        windows: keep pictures and encode what is asked for, in place of features.
    """

    def __init__(self, network: Network, runner: StepRunner, history_frames: int, *, windows: bool) -> None:
        self._runner = runner
        self._history = FeatureHistory(network, history_frames)
        self._history_frames = history_frames
        self._windows = windows
        self._pictures: dict[int, Image] = {}
        self._sizes: dict[int, Size] = {}
        self._newest: tuple[int, FrameFeatures] | None = None
        self._at_hand: dict[tuple[int, View | None], FrameFeatures] = {}

    @property
    def num_bytes(self) -> int:
        """Bytes of the features that are kept; pictures belong to whoever gave them."""
        return self._history.num_bytes

    def add(self, frame_idx: int, image: Image) -> None:
        """Keep a frame in the place of the one H away."""
        near = [i for i in self._sizes if i != frame_idx and abs(frame_idx - i) < self._history_frames]
        self._sizes = {i: self._sizes[i] for i in near} | {frame_idx: image.shape[:2]}
        if self._windows:
            self._pictures = {i: self._pictures[i] for i in near} | {frame_idx: image}
            self._at_hand = {}
            return
        features = self._runner.encode(image)
        self._history.keep(frame_idx, features)
        self._newest = frame_idx, features

    def size_of(self, frame_idx: int) -> Size:
        """H, W in pixels of a kept frame."""
        return self._sizes[frame_idx]

    def to_follow(self, frame_idx: int, view: View | None) -> FrameFeatures:
        """A kept frame. Those of the frame encoded last are at hand, once."""
        newest, self._newest = self._newest, None
        if newest is not None and newest[0] == frame_idx:
            return newest[1]
        return self.to_prompt(frame_idx, view)

    def to_prompt(self, frame_idx: int, view: View | None) -> FrameFeatures:
        """A kept frame, out of the history, or through a window."""
        if not self._windows:
            return self._history.features(frame_idx)
        features = self._at_hand.pop((frame_idx, view), None)
        if features is None:
            features = self._runner.encode(self._pictures[frame_idx], view)
        self._at_hand[frame_idx, view] = features
        fit = BYTES_AT_HAND // max(1, sum(part.nbytes for part in features.tensors()))
        if len(self._at_hand) > max(VIEWS_AT_HAND, fit):
            del self._at_hand[next(iter(self._at_hand))]
        return features
