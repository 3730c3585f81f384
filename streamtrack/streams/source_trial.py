"""Looks once at what is behind a source's address, before a stream is made of it."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable

import cv2

from streamtrack.config import SourceConfig
from streamtrack.control.cameras import TrialInfo
from streamtrack.errors import BusyError, SourceError, SourceLostError, StreamTrackError
from streamtrack.frame import Image
from streamtrack.ingest.crop import crop_picture
from streamtrack.ingest.decoder import Decoder, EndOfStream, Picture
from streamtrack.ingest.open_decoder import prepare_source
from streamtrack.ingest.redact import redact_url
from streamtrack.ingest.source import SourceSpec
from streamtrack.ingest.source_gate import Gate

MAX_TRIALS = 2
"""At one time; one whose source hangs counts until the source's own time limits let it go."""
TIMEOUT_S = 15.0
"""How long whoever asked waits."""
OPEN_MS, READ_MS = 8_000, 5_000
"""Longest limits of a trial's source, whatever its settings say."""
MEASURE_S = 1.0
"""How long pictures are counted where the frame rate is not told, or cannot be believed."""
MAX_STILL_PX = 1280
JPEG_QUALITY = 85

Found = tuple[TrialInfo, bytes]


class SourceTrials:
    """Tries sources, a few at a time, each in a thread of its own."""

    def __init__(self) -> None:
        self._under_way = 0

    async def run(self, config: SourceConfig, gate: Gate) -> Found:
        """What is there, and its first picture as JPEG.

        Raises:
            BusyError: others try theirs.
            SourceError: nothing is there, nothing came in time, or it may not be looked at.
        """
        if self._under_way >= MAX_TRIALS:
            raise BusyError(f"{self._under_way} sources are being tried, expected fewer; ask again")
        loop = asyncio.get_running_loop()
        found: asyncio.Future[Found] = loop.create_future()
        self._under_way += 1
        # A daemon: a FFmpeg that hangs in a call cannot keep the process from ending.
        threading.Thread(
            target=self._try, args=(config, gate, loop, found), name="try-source", daemon=True
        ).start()
        try:
            return await asyncio.wait_for(asyncio.shield(found), TIMEOUT_S)
        except TimeoutError:
            found.add_done_callback(_noticed)
            raise SourceLostError(
                f"source {redact_url(config.url)}: no picture came within {TIMEOUT_S:g} s"
            ) from None

    def _try(
        self,
        config: SourceConfig,
        gate: Gate,
        loop: asyncio.AbstractEventLoop,
        found: asyncio.Future[Found],
    ) -> None:
        outcome: Found | Exception
        try:
            outcome = look_at(config, gate)
        except Exception as error:  # raised again where it is awaited
            outcome = error
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(self._ended, found, outcome)

    def _ended(self, found: asyncio.Future[Found], outcome: Found | Exception) -> None:
        self._under_way -= 1
        if found.done():
            return
        if isinstance(outcome, StreamTrackError):
            found.set_exception(outcome)
        elif isinstance(outcome, Exception):
            found.set_exception(SourceError(f"the source cannot be read: {type(outcome).__name__}"))
        else:
            found.set_result(outcome)


def look_at(config: SourceConfig, gate: Gate, now_s: Callable[[], float] = time.monotonic) -> Found:
    """Open a source, and read until it can be told what it is.

    Raises:
        SourceError: it cannot be opened, holds no picture, or may not be looked at.
    """
    limits = {
        "open_timeout_ms": min(config.open_timeout_ms, OPEN_MS),
        "read_timeout_ms": min(config.read_timeout_ms, READ_MS),
    }
    config = config.model_copy(update=limits)
    began_s = now_s()
    spec, _, decoder = prepare_source(config, ask=True, gate=gate)
    try:
        info = decoder.open()
        first = _next_picture(decoder, spec, began_s + TIMEOUT_S, now_s)
        if first is None:
            raise SourceError(f"source {spec.redacted_url}: it opens, and no picture in it can be decoded")
        first_ms = round((now_s() - began_s) * 1000)
        image = crop_picture(first, config.crop, spec.redacted_url).image
        # Cameras say one rate and send another: of what is live the pictures are counted.
        told = None if spec.live else info.fps
        fps = told or _measured_fps(decoder, spec, first, now_s) or info.fps
    finally:
        decoder.close()
    height_px, width_px = image.shape[:2]
    found = TrialInfo(
        source=spec.redacted_url,
        codec=info.codec,
        width_px=width_px,
        height_px=height_px,
        fps=None if fps is None else round(fps, 2),
        num_frames=info.num_frames,
        live=spec.live,
        first_picture_ms=first_ms,
    )
    return found, _as_jpeg(image)


def _next_picture(
    decoder: Decoder, spec: SourceSpec, until_s: float, now_s: Callable[[], float]
) -> Picture | None:
    """The next picture; None at the end, or where none came until then."""
    while now_s() < until_s:
        outcome = decoder.read()
        if isinstance(outcome, EndOfStream):
            return None
        if isinstance(outcome, Picture):
            return outcome
    return None


def _measured_fps(
    decoder: Decoder, spec: SourceSpec, first: Picture, now_s: Callable[[], float]
) -> float | None:
    """Pictures a second by their own times, else by ours; None where too few came."""
    began_s, newest, count = now_s(), first, 0
    while now_s() < began_s + MEASURE_S:
        try:
            picture = _next_picture(decoder, spec, began_s + MEASURE_S, now_s)
        except SourceLostError:
            break
        if picture is None:
            break
        newest, count = picture, count + 1
    if count < 2:
        return None
    if first.pts is not None and newest.pts is not None and newest.pts > first.pts:
        return float(count / ((newest.pts - first.pts) * first.time_base))
    return count / max(now_s() - began_s, 1e-3)


def _as_jpeg(image: Image) -> bytes:
    scale = min(1.0, MAX_STILL_PX / max(image.shape[:2]))
    if scale < 1:
        image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    fits, data = cv2.imencode(
        ".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    )
    assert fits, "JPEG takes every picture"
    return data.tobytes()


def _noticed(found: asyncio.Future[Found]) -> None:
    """Nobody waits for it any more, which is no error."""
    if not found.cancelled():
        found.exception()
