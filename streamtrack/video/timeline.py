"""Presentation times of the annotated stream, and the way back from one to the frame that was shown."""

from __future__ import annotations

import threading
from collections import OrderedDict

from streamtrack.clock import NS_PER_S

RTP_TICKS_PER_S = 90_000
RTP_WRAP = 2**32
"""RTP timestamps are 32 bits: at 90 kHz they start over after 13 hours."""
KEPT_PICTURES = 2048
"""Pictures whose frame is remembered: a minute at 30 fps, longer than any click is on its way."""


class Timeline:
    """Turns capture times into strictly rising 90 kHz ticks and remembers which frame each stands for.

    One thread stamps, any thread looks up.
    """

    def __init__(self, kept: int = KEPT_PICTURES) -> None:
        self._kept = kept
        self._lock = threading.Lock()
        self._frames: OrderedDict[int, int] = OrderedDict()
        self._origin_ns: int | None = None
        self._last_pts = -1
        self._last_stamp_ns = 0

    def stamp(self, capture_ns: int, frame_idx: int, now_ns: int) -> int:
        """The pts of a picture that is sent for the first time."""
        if self._origin_ns is None:
            self._origin_ns = capture_ns
        pts = (capture_ns - self._origin_ns) * RTP_TICKS_PER_S // NS_PER_S
        return self._remember(pts, frame_idx, now_ns)

    def repeat(self, frame_idx: int, now_ns: int) -> int:
        """The pts of a picture that is sent again: as much later as it was sent later.

        Its capture time would tell the viewer's jitter buffer that the network has become slow.
        """
        pts = self._last_pts + (now_ns - self._last_stamp_ns) * RTP_TICKS_PER_S // NS_PER_S
        return self._remember(pts, frame_idx, now_ns)

    def frame_idx_at(self, pts: int) -> int | None:
        """The tracked frame of a pts modulo 2**32, None where it is too long ago or never was."""
        with self._lock:
            return self._frames.get(pts % RTP_WRAP)

    def _remember(self, pts: int, frame_idx: int, now_ns: int) -> int:
        pts = max(pts, self._last_pts + 1)
        self._last_pts, self._last_stamp_ns = pts, now_ns
        with self._lock:
            self._frames[pts % RTP_WRAP] = frame_idx
            if len(self._frames) > self._kept:
                self._frames.popitem(last=False)
        return pts
