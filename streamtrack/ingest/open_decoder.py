"""Which decoder reads which source."""

from __future__ import annotations

from streamtrack.config import SourceConfig
from streamtrack.ingest.av_decoder import AvDecoder
from streamtrack.ingest.decoder import Decoder
from streamtrack.ingest.source import SourceKind, SourceSpec, resolve_source
from streamtrack.ingest.still_decoders import FolderDecoder, SceneDecoder
from streamtrack.scenes.scene import Scene, make_scene


def scene_of(config: SourceConfig, spec: SourceSpec) -> Scene | None:
    """The scene that a synthetic source shows, None for any other."""
    if spec.kind is not SourceKind.SYNTHETIC:
        return None
    return make_scene(spec.url.partition(":")[2].removeprefix("//"), fps=config.fps)


def make_decoder(config: SourceConfig, spec: SourceSpec, scene: Scene | None) -> Decoder:
    """A decoder that has not been opened yet."""
    if scene is not None:
        return SceneDecoder(scene, config)
    if spec.kind is SourceKind.FOLDER:
        return FolderDecoder(spec, config)
    return AvDecoder(spec, config)


def prepare_source(config: SourceConfig) -> tuple[SourceSpec, Scene | None, Decoder]:
    """Resolve a source and refuse at once what can never work.

    Recordings on this machine are opened once and closed again: a file that is not a video fails here, before
    anything else of the stream has started. Cameras are not: they may come later.

    Raises:
        SourceError: unknown scheme, missing file, not a video, unknown scene.
    """
    spec = resolve_source(config)
    scene = scene_of(config, spec)
    decoder = make_decoder(config, spec, scene)
    if spec.kind in (SourceKind.FILE, SourceKind.FOLDER):
        try:
            decoder.open()
        finally:
            decoder.close()
    return spec, scene, decoder
