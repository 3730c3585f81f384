"""Which decoder reads which source."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from streamtrack.config import SourceConfig
from streamtrack.ingest.av_decoder import AvDecoder
from streamtrack.ingest.decoder import Decoder, EndOfStream, Picture, Skipped, StreamInfo
from streamtrack.ingest.network_decoders import HttpDecoder, RtspDecoder, identify
from streamtrack.ingest.picture_header import check_size, is_still, picture_size, read_head
from streamtrack.ingest.pinned import Addresses
from streamtrack.ingest.source import SourceKind, SourceSpec, resolve_source
from streamtrack.ingest.source_gate import Gate
from streamtrack.ingest.still_decoders import FolderDecoder, SceneDecoder
from streamtrack.ingest.tap import NO_TAPS, Taps
from streamtrack.ingest.whep_decoder import WhepDecoder
from streamtrack.scenes.scene import Scene, make_scene


def scene_of(config: SourceConfig, spec: SourceSpec) -> Scene | None:
    """The scene that a synthetic source shows, None for any other."""
    if spec.kind is not SourceKind.SYNTHETIC:
        return None
    return make_scene(spec.url.partition(":")[2].removeprefix("//"), fps=config.fps)


def make_decoder(
    config: SourceConfig, spec: SourceSpec, scene: Scene | None, taps: Taps = NO_TAPS
) -> Decoder:
    """A decoder that has not been opened yet.

    Raises:
        SourceError: a picture is too large to decode.
    """
    if scene is not None:
        return SceneDecoder(scene, config)
    if spec.kind is SourceKind.RTSP:
        return RtspDecoder(spec, config, taps)
    if spec.kind is SourceKind.HTTP:
        return HttpDecoder(spec, config, taps)
    if spec.kind is SourceKind.WHEP:
        return WhepDecoder(spec, config)
    if spec.kind is SourceKind.FILE:
        # Before FFmpeg sees it, which decodes a picture to learn its size.
        path = Path(spec.url.removeprefix("file:"))
        head = read_head(path)
        check_size(spec.redacted_url, *(picture_size(head) or (0, 0)))
        return FolderDecoder(spec, config) if is_still(path, head) else AvDecoder(spec, config, taps=taps)
    is_folder = spec.kind is SourceKind.FOLDER
    return FolderDecoder(spec, config) if is_folder else AvDecoder(spec, config, taps=taps)


def identify_source(config: SourceConfig, addresses: Addresses | None = None) -> SourceSpec:
    """What a source is; an HTTP address is asked, so that a recording is known whatever its name.

    Args:
        addresses: of host names that a gate let pass.
    Raises:
        SourceError: unknown scheme, missing file, unknown scene. SourceLostError: no answer.
    """
    spec = resolve_source(config)
    spec = spec if not addresses else replace(spec, addresses=addresses)
    return identify(spec, config) if spec.kind is SourceKind.HTTP and spec.live else spec


class GatedDecoder:
    """A decoder that asks a gate before each connection, and connects to what the gate has looked at: a name
    may mean another address by now."""

    def __init__(self, make: Callable[[Addresses], Decoder], gate: Gate, config: SourceConfig) -> None:
        """`make`: a decoder that has not been opened, for names that have these addresses."""
        self._make, self._gate, self._config = make, gate, config
        self._decoder = make({})

    def open(self) -> StreamInfo:
        """Connect, where it may be."""
        addresses = self._gate.check(self._config)
        self._decoder.close()
        self._decoder = self._make(addresses)
        return self._decoder.open()

    def read(self) -> Picture | Skipped | EndOfStream:
        """The next outcome."""
        return self._decoder.read()

    def close(self) -> None:
        """Disconnect."""
        self._decoder.close()


def prepare_source(
    config: SourceConfig, *, ask: bool = False, gate: Gate | None = None, taps: Taps = NO_TAPS
) -> tuple[SourceSpec, Scene | None, Decoder]:
    """Resolve a source and refuse at once what can never work.

    Recordings on this machine are opened once and closed again: a file that is not a video fails here, before
    anything else of the stream has started. Cameras are not: they may come later.

    Args:
        ask: ask an HTTP address what it is, rather than going by its name.
        gate: asked now and before each connection; None lets every source pass.
        taps: told of the packets that it delivers.
    Raises:
        SourceError: unknown scheme, missing file, not a video, unknown scene; it may not be opened.
    """
    addresses = {} if gate is None else gate.check(config)
    spec = identify_source(config, addresses) if ask else resolve_source(config)
    scene = scene_of(config, spec)
    decoder = make_decoder(config, spec, scene, taps)
    if spec.kind in (SourceKind.FILE, SourceKind.FOLDER):
        try:
            decoder.open()
        finally:
            decoder.close()
    if gate is None:
        return spec, scene, decoder

    def make(addresses: Addresses) -> Decoder:
        return make_decoder(config, replace(spec, addresses=addresses), scene, taps)

    return spec, scene, GatedDecoder(make, gate, config)
