"""A recording's frames by number, forward or backward, again and again. Never held as a whole.

Forward is the way of `FrameReader`: every picture, in order, what is damaged stood in for. Backward the same
pictures come span by span: the decoder begins at the keyframe before a span, and the span is turned round.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from itertools import islice

from streamtrack.clock import SYSTEM_CLOCK, Clock
from streamtrack.config import SourceConfig
from streamtrack.errors import SourceError
from streamtrack.frame import Frame
from streamtrack.ingest.av_decoder import AvDecoder
from streamtrack.ingest.crop import crop_picture
from streamtrack.ingest.decoder import EndOfStream, Picture
from streamtrack.ingest.film_index import FilmIndex, index_packets, index_times
from streamtrack.ingest.network_decoders import HttpDecoder
from streamtrack.ingest.open_decoder import make_decoder
from streamtrack.ingest.reader import FrameReader, as_frame
from streamtrack.ingest.still_decoders import FolderDecoder, SceneDecoder

SPAN_BYTES = 96 << 20
"""Pictures that are at hand while a film is read backward: more decode each group of pictures less often."""
SPAN_FRAMES = 8, 128
"""And so many of them, at least and at most."""


class FilmReader:
    """Reads one recording. Frames are numbered from 0, the same in every direction.

    Made by the caller's thread, which reads it.
    """

    def __init__(self, config: SourceConfig, clock: Clock = SYSTEM_CLOCK) -> None:
        """Look at the recording.

        Raises:
            SourceError: it cannot be opened, or holds no picture.
        """
        self._config, self._clock = config, clock
        with closing(FrameReader(config, clock)) as reader:
            self.spec, self.scene, self.info = reader.spec, reader.scene, reader.info
            first = next(iter(reader))
        self.first = first
        """Frame 0."""
        self.dropped: Counter[str] = Counter()
        """Pictures that could not be decoded, by reason, in the newest reading from the front."""
        self._span = _span_of(first)
        self._count = self.info.num_frames if self.info.counted else None
        self._index: FilmIndex | None = None

    # -- reading -----------------------------------------------------------------------------------

    def frames(self, numbers: range) -> Iterator[Frame]:
        """The frames of these numbers in their order, as far as the film goes; `seq` is the number.

        Raises:
            SourceError: the recording breaks off, or cannot be wound back.
        """
        return self._forward(numbers) if numbers.step > 0 else self._backward(numbers)

    def read(self, number: int) -> Frame | None:
        """One frame; None where the film is shorter."""
        if number == 0:
            return self.first
        return next(self.frames(range(number, number + 1)), None)

    def count(self, enough: int | None = None) -> int:
        """The number of frames; where `enough` are there, that says all that was asked.

        Containers miscount, so what does not know for sure is decoded as far as it takes.
        """
        if self._count is None:
            with closing(FrameReader(self._config, self._clock)) as reader:
                found = sum(1 for _ in islice(reader, enough))
            if enough is not None and found >= enough:
                return found
            self._count = found
        return self._count if enough is None else min(enough, self._count)

    def count_listed(self) -> int:
        """The number of frames as packets list them, at the price of reading the file once; `count` decodes
        them all, and knows better where some cannot be."""
        if self._count is not None:
            return self._count
        with closing(_Winder(self, self._config, self._clock)) as winder:
            listed = winder.count()
        return self.count() if listed is None else listed

    def _forward(self, numbers: range) -> Iterator[Frame]:
        with closing(FrameReader(self._config, self._clock)) as reader:
            self.dropped = reader.dropped
            for frame in islice(reader, numbers.start, numbers.stop):
                if frame.seq in numbers:
                    yield frame

    def _backward(self, numbers: range) -> Iterator[Frame]:
        rest = numbers
        with closing(_Winder(self, self._config, self._clock)) as winder:
            while rest:
                high = rest[0]
                low = max(rest[-1], high - self._span + 1)
                yield from reversed([frame for frame in winder.span(low, high) if frame.seq in rest])
                rest = rest[(high - low) // -rest.step + 1 :]

    def index(self, decoder: AvDecoder) -> FilmIndex:
        """Where the frames lie; found out once."""
        if self._index is None:
            self._index = index_packets(decoder) or self.index_pictures(decoder)
        return self._index

    def index_pictures(self, decoder: AvDecoder) -> FilmIndex:
        """Where the frames lie, by decoding all of them: what packets tell was not so."""
        decoder.open()
        keys = [pts for pts, _, is_key in decoder.coded_times() if is_key and pts is not None]
        times: array[int] = array("q")
        with closing(FrameReader(self._config, self._clock)) as reader:
            times.extend(frame.pts for frame in reader if frame.pts is not None)
        self._index = index_times(times, keys)
        return self._index


class _Winder:
    """An open decoder that reads spans of a recording, each from the keyframe before it."""

    def __init__(self, film: FilmReader, config: SourceConfig, clock: Clock) -> None:
        self._film, self._crop, self._clock = film, config.crop, clock
        self._decoder = make_decoder(config, film.spec, film.scene)
        self._decoder.open()
        self._gave = False

    def count(self) -> int | None:
        """The number of frames; None where none are listed."""
        video = self._decoder.film if isinstance(self._decoder, HttpDecoder) else self._decoder
        return len(self._film.index(video)) or None if isinstance(video, AvDecoder) else None

    def span(self, low: int, high: int) -> list[Frame]:
        """The frames from one number to another.

        Raises:
            SourceError: they cannot be told from others.
        """
        decoder = self._decoder
        if isinstance(decoder, FolderDecoder | SceneDecoder):
            decoder.seek(low)
            return list(islice(self._numbered(low), high - low + 1))
        video = decoder.film if isinstance(decoder, HttpDecoder) else decoder
        if isinstance(video, AvDecoder):
            frames = self._wound(video, low, high)
            if frames is None and not self._gave:
                self._film.index_pictures(video)
                frames = self._wound(video, low, high)
            if frames is not None:
                self._gave = True
                return frames
        raise SourceError(
            f"source {self._film.spec.redacted_url}: frames {low} to {high} cannot be read backward: its "
            "times do not rise; expected --direction forward, or the film in an MP4 or Matroska file"
        )

    def close(self) -> None:
        """Close the decoder."""
        self._decoder.close()

    def _wound(self, decoder: AvDecoder, low: int, high: int) -> list[Frame] | None:
        """The frames, each in its place; None where what came out does not fit the index."""
        index = self._film.index(decoder)
        decoder.seek(index.times[index.key_before(low)])
        frames: list[Frame] = []
        for frame in self._numbered(0):
            number = index.number_of(frame.pts)
            if number is None:
                return None
            if number < low:
                continue
            if number != low + len(frames):
                return None
            frames.append(replace(frame, seq=number))
            if number == high:
                break
        return frames if len(frames) == high - low + 1 else None

    def _numbered(self, first: int) -> Iterator[Frame]:
        """What the decoder reads on, numbered from `first`."""
        number = first
        while not isinstance(outcome := self._decoder.read(), EndOfStream):
            if isinstance(outcome, Picture):
                picture = crop_picture(outcome, self._crop, self._film.spec.redacted_url)
                yield as_frame(picture, number, self._clock)
                number += 1


def _span_of(frame: Frame) -> int:
    least, most = SPAN_FRAMES
    return max(least, min(most, SPAN_BYTES // max(1, frame.image.nbytes)))
