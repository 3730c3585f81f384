"""Which decoder reads which source."""

from __future__ import annotations

from pathlib import Path

from streamtrack.config import SourceConfig
from streamtrack.ingest.av_decoder import AvDecoder
from streamtrack.ingest.decoder import Decoder
from streamtrack.ingest.network_decoders import HttpDecoder, RtspDecoder, identify
from streamtrack.ingest.picture_header import check_size, is_still, picture_size, read_head
from streamtrack.ingest.source import SourceKind, SourceSpec, resolve_source
from streamtrack.ingest.still_decoders import FolderDecoder, SceneDecoder
from streamtrack.scenes.scene import Scene, make_scene


def scene_of(config: SourceConfig, spec: SourceSpec) -> Scene | None:
    """The scene that a synthetic source shows, None for any other."""
    if spec.kind is not SourceKind.SYNTHETIC:
        return None
    return make_scene(spec.url.partition(":")[2].removeprefix("//"), fps=config.fps)


def make_decoder(config: SourceConfig, spec: SourceSpec, scene: Scene | None) -> Decoder:
    """A decoder that has not been opened yet.

    Raises:
        SourceError: a picture is too large to decode.
    """
    if scene is not None:
        return SceneDecoder(scene, config)
    if spec.kind is SourceKind.RTSP:
        return RtspDecoder(spec, config)
    if spec.kind is SourceKind.HTTP:
        return HttpDecoder(spec, config)
    if spec.kind is SourceKind.FILE:
        # Before FFmpeg sees it, which decodes a picture to learn its size.
        path = Path(spec.url.removeprefix("file:"))
        head = read_head(path)
        check_size(spec.redacted_url, *(picture_size(head) or (0, 0)))
        return FolderDecoder(spec, config) if is_still(path, head) else AvDecoder(spec, config)
    return FolderDecoder(spec, config) if spec.kind is SourceKind.FOLDER else AvDecoder(spec, config)


def identify_source(config: SourceConfig) -> SourceSpec:
    """What a source is; an HTTP address is asked, so that a recording is known whatever its name.

    Raises:
        SourceError: unknown scheme, missing file, unknown scene. SourceLostError: no answer.
    """
    spec = resolve_source(config)
    return identify(spec, config) if spec.kind is SourceKind.HTTP and spec.live else spec


def prepare_source(config: SourceConfig, *, ask: bool = False) -> tuple[SourceSpec, Scene | None, Decoder]:
    """Resolve a source and refuse at once what can never work.

    Recordings on this machine are opened once and closed again: a file that is not a video fails here, before
    anything else of the stream has started. Cameras are not: they may come later.

    Args:
        ask: ask an HTTP address what it is, rather than going by its name.
    Raises:
        SourceError: unknown scheme, missing file, not a video, unknown scene.
    """
    spec = identify_source(config) if ask else resolve_source(config)
    scene = scene_of(config, spec)
    decoder = make_decoder(config, spec, scene)
    if spec.kind in (SourceKind.FILE, SourceKind.FOLDER):
        try:
            decoder.open()
        finally:
            decoder.close()
    return spec, scene, decoder
