"""Every frame of a source in the caller's thread: what offline work reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from types import TracebackType
from typing import Self

from streamtrack.clock import SYSTEM_CLOCK, Clock
from streamtrack.config import SourceConfig
from streamtrack.errors import SourceError, StreamTrackError
from streamtrack.frame import Frame
from streamtrack.ingest.crop import crop_info, crop_picture
from streamtrack.ingest.decoder import EndOfStream, Picture, StreamInfo
from streamtrack.ingest.open_decoder import prepare_source


class FrameReader:
    """An open source: iterate over it once, use it as a context manager.

    Nothing is paced, dropped or tried again: frames come as fast as they are asked for, and `config.loop` is
    not followed.
    """

    def __init__(self, config: SourceConfig, clock: Clock = SYSTEM_CLOCK) -> None:
        """Open the source.

        Raises:
            SourceError: it cannot be opened, or holds no picture.
        """
        self._clock = clock
        self._crop = config.crop
        self.spec, self.scene, self._decoder = prepare_source(config, ask=True)
        self.dropped: Counter[str] = Counter()
        """Packets and pictures that could not be used, by reason."""
        self.info: StreamInfo = crop_info(self._decoder.open(), config.crop)
        """Size, frame rate and number of frames, where known."""
        self._first: Picture | None = None
        try:
            self._first = self._next_picture()
        finally:
            if self._first is None:
                self._decoder.close()
        if self._first is None:
            raise SourceError(
                f"source {self.spec.redacted_url}: it opens, and no picture in it can be decoded"
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[Frame]:
        """Frames with `seq` from 0, until the recording ends.

        Raises:
            SourceLostError: the source broke off.
        """
        seq = 0
        picture, self._first = self._first, None
        while picture is not None:
            yield as_frame(picture, seq, self._clock)
            seq += 1
            picture = self._next_picture()

    def _next_picture(self) -> Picture | None:
        """The next picture; None at the end."""
        while not isinstance(outcome := self._decoder.read(), EndOfStream):
            if isinstance(outcome, Picture):
                return crop_picture(outcome, self._crop, self.spec.redacted_url)
            self.dropped[outcome.reason] += outcome.count
        return None

    def close(self) -> None:
        """Close the source, from the thread that read it."""
        self._decoder.close()


def as_frame(picture: Picture, seq: int, clock: Clock) -> Frame:
    """A picture, stamped now."""
    return Frame(
        image=picture.image,
        seq=seq,
        pts=picture.pts,
        time_base=picture.time_base,
        capture_monotonic_ns=clock.monotonic_ns(),
        capture_wall_ns=clock.wall_ns(),
        damaged=picture.damaged,
        ground_truth=picture.ground_truth,
        file_name=picture.file_name,
    )


def iter_frames(config: SourceConfig, clock: Clock = SYSTEM_CLOCK) -> Iterator[Frame]:
    """Every frame of a source; it is closed when the iterator ends or is dropped.

    Raises:
        SourceError: at the first frame where it cannot be opened, later where it breaks off.
    """
    with closing(FrameReader(config, clock)) as reader:
        yield from reader


def with_next(frames: Iterable[Frame]) -> Iterator[tuple[Frame, Frame | None]]:
    """Each frame with the one after it; None after the last, and where the source breaks off.

    Raises:
        StreamTrackError: as `frames` does, after its last frame was given.
    """
    iterator = iter(frames)
    frame = next(iterator, None)
    while frame is not None:
        broken: StreamTrackError | None = None
        try:
            upcoming = next(iterator, None)
        except StreamTrackError as error:
            upcoming, broken = None, error
        yield frame, upcoming
        if broken is not None:
            raise broken
        frame = upcoming
