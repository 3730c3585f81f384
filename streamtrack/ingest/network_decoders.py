"""Decoders of network sources: each looks first at what answers, then hands over to who reads it."""

from __future__ import annotations

import time
from dataclasses import replace

from streamtrack.config import SourceConfig
from streamtrack.errors import SourceLostError
from streamtrack.ingest.av_decoder import AvDecoder
from streamtrack.ingest.containers import lost_error
from streamtrack.ingest.decoder import Decoder, EndOfStream, Picture, Skipped, StreamInfo
from streamtrack.ingest.host_policy import ANY_HOST
from streamtrack.ingest.http_source import HttpAnswer, HttpKind, NestedOpener, ask
from streamtrack.ingest.rtsp_check import check_rtsp
from streamtrack.ingest.snapshot_decoder import SnapshotDecoder
from streamtrack.ingest.source import SourceSpec, as_recording
from streamtrack.ingest.tap import NO_TAPS, Taps

NO_REDIRECTS = {"max_redirects": "0"}
"""Redirects were followed before FFmpeg is given the address."""
OWN_OPENING = {"http_persistent": "0", "http_multiple": "0", "http_seekable": "0"}
"""FFmpeg's playlist reader must not take our files for its own connections."""
MULTIPART_FORMAT = "mpjpeg"
RETRY_S = 0.3
"""Before a camera that says 5xx right after it answered is asked once more."""


class RtspDecoder:
    """An RTSP camera: asked in our own words first, then read by FFmpeg."""

    def __init__(self, spec: SourceSpec, config: SourceConfig, taps: Taps = NO_TAPS) -> None:
        self._spec, self._config, self._taps = spec, config, taps
        self._decoder = AvDecoder(spec, config, taps=taps)

    def open(self) -> StreamInfo:
        """Ask the camera, then connect."""
        found = check_rtsp(self._spec, self._config)
        self._decoder = AvDecoder(replace(self._spec, url=found), self._config, taps=self._taps)
        try:
            return self._decoder.open()
        except SourceLostError as error:
            if "5XX" not in str(error):
                raise
            # A server that takes down what the first question set up answers so for a moment.
            time.sleep(RETRY_S)
            return self._decoder.open()

    def read(self) -> Picture | Skipped | EndOfStream:
        """The next outcome."""
        return self._decoder.read()

    def close(self) -> None:
        """Disconnect."""
        self._decoder.close()


class HttpDecoder:
    """Whatever an HTTP address gives, by what it is and not by its name."""

    def __init__(self, spec: SourceSpec, config: SourceConfig, taps: Taps = NO_TAPS) -> None:
        self._spec, self._config, self._taps = spec, config, taps
        self._decoder: Decoder | None = None
        self._nested: NestedOpener | None = None

    def open(self) -> StreamInfo:
        """Ask the address, pick the decoder for what it gives, and open it."""
        self.close()
        self._decoder = self._decoder_for(ask(self._spec, self._config))
        try:
            return self._decoder.open()
        except BaseException:
            self.close()
            raise

    def read(self) -> Picture | Skipped | EndOfStream:
        """The next outcome."""
        if self._decoder is None:
            raise lost_error("not open", self._spec)
        return self._decoder.read()

    @property
    def film(self) -> AvDecoder | None:
        """What reads it, where that can be wound."""
        return self._decoder if isinstance(self._decoder, AvDecoder) else None

    def close(self) -> None:
        """Disconnect."""
        decoder, self._decoder = self._decoder, None
        if decoder is not None:
            decoder.close()
        if self._nested is not None:
            self._nested.close()
            self._nested = None

    def _decoder_for(self, answer: HttpAnswer) -> Decoder:
        spec, config, taps = self._spec, self._config, self._taps
        if answer.kind is HttpKind.SNAPSHOT:
            return SnapshotDecoder(spec, config, answer)
        if answer.kind is HttpKind.STREAM:
            is_multipart = "multipart/" in answer.response.headers.get("Content-Type", "").lower()
            streamed = replace(spec, format=MULTIPART_FORMAT if is_multipart else spec.format)
            return AvDecoder(streamed, config, answer.body(), taps=taps)
        answer.response.close()
        found = replace(spec, url=answer.url, options=spec.options | NO_REDIRECTS)
        if answer.kind is HttpKind.RECORDING:
            return AvDecoder(found if spec.live else as_recording(found, config), config, taps=taps)
        if ANY_HOST in config.follow_hosts:
            return AvDecoder(found, config, taps=taps)
        playlist = replace(found, options=spec.options | OWN_OPENING)
        self._nested = NestedOpener(spec, config, answer.url)
        return AvDecoder(playlist, config, open_nested=self._nested, taps=taps)


def identify(spec: SourceSpec, config: SourceConfig) -> SourceSpec:
    """The same HTTP source, known for a recording where it answers as one.

    Raises:
        SourceLostError: it does not answer. SourceError: it leads to a host that it may not lead to.
    """
    answer = ask(spec, config)
    answer.response.close()
    return as_recording(spec, config) if answer.kind is HttpKind.RECORDING else spec
