"""A camera that gives one picture a request: asked again and again, at its pace."""

from __future__ import annotations

import time
from fractions import Fraction

import cv2
import numpy as np

from streamtrack.clock import NS_PER_MS, NS_PER_S
from streamtrack.config import SourceConfig
from streamtrack.frame import Image
from streamtrack.ingest.containers import lost_error
from streamtrack.ingest.decoder import EndOfStream, Picture, Skipped, StreamInfo
from streamtrack.ingest.http_source import HttpAnswer, NotModifiedError, ask
from streamtrack.ingest.picture_header import check_size, picture_size
from streamtrack.ingest.source import SourceSpec
from streamtrack.ingest.still_decoders import fit_width

SNAPSHOT_FPS = 1.0
"""How often a camera is asked whose config names no pace."""
MAX_BYTES = 64 << 20
"""More is no snapshot."""
LONGEST_WAIT_NS = NS_PER_S // 5
"""No read waits longer, so that a slow camera can be stopped."""
TIME_BASE = Fraction(1, 1000)


class SnapshotDecoder:
    """Polls one address. Where the camera has nothing new, the picture before is given again."""

    def __init__(self, spec: SourceSpec, config: SourceConfig, first: HttpAnswer) -> None:
        """`first`: the answer by which the address was seen to give snapshots; it is read and closed."""
        self._spec, self._config, self._first = spec, config, first
        self._period_ns = round(NS_PER_S / (config.fps or SNAPSHOT_FPS))
        self._started_ns = self._next_ns = time.monotonic_ns()
        self._last_ns = self._started_ns
        self._etag = ""
        self._last: Image | None = None

    def open(self) -> StreamInfo:
        """Read the first picture.

        Raises:
            SourceLostError: it did not come, or cannot be decoded.
        """
        self._last = self._decoded(self._first)
        if self._last is None:
            raise lost_error("a picture that cannot be decoded", self._spec)
        height, width = self._last.shape[:2]
        self._started_ns = self._next_ns = self._last_ns = time.monotonic_ns()
        return StreamInfo(width, height, NS_PER_S / self._period_ns, None, "snapshots", needs_pacing=False)

    def read(self) -> Picture | Skipped | EndOfStream:
        """The picture that is due, or nothing yet.

        Raises:
            SourceLostError: the camera does not answer, or sends nothing that can be decoded.
        """
        wait_ns = self._next_ns - time.monotonic_ns()
        if wait_ns > 0:
            time.sleep(min(wait_ns, LONGEST_WAIT_NS) / NS_PER_S)
        if time.monotonic_ns() < self._next_ns:
            return Skipped("not_due", 0)
        is_first = self._next_ns == self._started_ns
        self._next_ns = max(self._next_ns + self._period_ns, time.monotonic_ns())
        image = self._last if is_first else self._ask()
        if image is None or self._last is None:
            return self._undecodable()
        self._last, self._last_ns = image, time.monotonic_ns()
        ticks = (time.monotonic_ns() - self._started_ns) // NS_PER_MS
        return Picture(fit_width(image, self._config.max_width_px), ticks, TIME_BASE)

    def _undecodable(self) -> Skipped:
        """One picture is passed over; a camera that goes on like this is lost."""
        limit_ms = self._config.read_timeout_ms
        if time.monotonic_ns() - self._last_ns > max(limit_ms * NS_PER_MS, self._period_ns):
            raise lost_error(f"no sound picture for {limit_ms} ms", self._spec)
        return Skipped("corrupt")

    def close(self) -> None:
        """Close what is open."""
        self._first.response.close()

    def _ask(self) -> Image | None:
        """What the camera shows now; None where it cannot be decoded."""
        try:
            answer = ask(self._spec, self._config, {"If-None-Match": self._etag} if self._etag else None)
        except NotModifiedError:
            return self._last
        return self._decoded(answer)

    def _decoded(self, answer: HttpAnswer) -> Image | None:
        """(H, W, 3) uint8 RGB from an answer; None where it cannot be decoded."""
        data = self._whole_body(answer)
        self._etag = answer.response.headers.get("ETag", "")
        size = picture_size(data)
        if size is not None:
            check_size(self._spec.redacted_url, *size)
        try:
            bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
        except cv2.error:
            return None
        return None if bgr is None else np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB))

    def _whole_body(self, answer: HttpAnswer) -> bytes:
        body = answer.body()
        body.allow(self._config.read_timeout_ms / 1000)
        data = bytearray()
        try:
            while piece := body.read(1 << 16):
                data += piece
                if len(data) > MAX_BYTES:
                    raise lost_error(f"a picture of more than {MAX_BYTES >> 20} MiB", self._spec)
        except OSError:
            late = f"its picture did not come within {self._config.read_timeout_ms} ms"
            raise lost_error(late, self._spec) from None
        finally:
            body.close()
        return bytes(data)
