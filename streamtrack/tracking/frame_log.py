"""The last tracked frames of a session, and which of them the network saw.

Two counts: `frame_idx` counts every frame of the session, `key` those that went through the network. In an
exact session they are the same.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, replace

from streamtrack.errors import FrameExpiredError, PromptError
from streamtrack.frame import Frame, StageTimes


@dataclass(frozen=True, slots=True)
class KeptFrame:
    """One of the last frames."""

    frame: Frame
    key: int
    """The key of the frame whose masks it shows: its own, or that of the key frame before it."""
    key_frame_idx: int
    """The frame_idx of that key frame."""
    key_damaged: bool
    """Whether that key frame came damaged."""
    times: StageTimes

    @property
    def size(self) -> tuple[int, int]:
        """H, W in pixels."""
        return self.frame.height_px, self.frame.width_px


class FrameLog:
    """A ring of the last `history_frames` frames."""

    def __init__(self, history_frames: int) -> None:
        self._kept: list[KeptFrame | None] = [None] * history_frames
        self._newest = -1
        self._num_keys = 0
        self._frame_idx_of_key: dict[int, int] = {}

    @property
    def newest_frame_idx(self) -> int:
        """-1 before the first frame."""
        return self._newest

    @property
    def oldest_frame_idx(self) -> int:
        """-1 before the first frame."""
        return -1 if self._newest < 0 else max(0, self._newest - len(self._kept) + 1)

    @property
    def next_key(self) -> int:
        """The key that the next key frame will have."""
        return self._num_keys

    @property
    def distance_from_key(self) -> int:
        """Frames from the newest key frame to the next frame; 0 before the first."""
        return 0 if self._newest < 0 else self._newest + 1 - self.at(self._newest).key_frame_idx

    def append(self, frame: Frame, *, is_key: bool) -> KeptFrame:
        """Keep a frame as the newest."""
        self._newest += 1
        if is_key:
            kept = KeptFrame(frame, self._num_keys, self._newest, frame.damaged, StageTimes())
            self._frame_idx_of_key[self._num_keys] = self._newest
            self._num_keys += 1
        else:
            kept = replace(self.at(self._newest - 1), frame=frame)
        self._kept[self._newest % len(self._kept)] = kept
        return kept

    def note_times(self, times: StageTimes) -> None:
        """Where the newest frame's time went."""
        kept = replace(self.at(self._newest), times=times)
        self._kept[self._newest % len(self._kept)] = kept

    def at(self, frame_idx: int) -> KeptFrame:
        """A frame.

        Raises:
            PromptError: no frame was tracked yet.
            FrameExpiredError: the frame is not kept.
        """
        if self._newest < 0:
            raise PromptError(f"at_frame is {frame_idx}, but no frame was tracked yet")
        if not self.oldest_frame_idx <= frame_idx <= self._newest:
            raise FrameExpiredError(frame_idx, self.oldest_frame_idx, self._newest)
        kept = self._kept[frame_idx % len(self._kept)]
        assert kept is not None
        return kept

    def frame_idx_of(self, key: int) -> int:
        """The frame that has a key; -1 where that is forgotten."""
        return self._frame_idx_of_key.get(key, -1)

    def forget_keys(self, spared: Container[int]) -> None:
        """Forget the frames of keys that are too old to be named again, but for those spared."""
        oldest = self._num_keys - len(self._kept)
        self._frame_idx_of_key = {
            key: index for key, index in self._frame_idx_of_key.items() if key >= oldest or key in spared
        }
