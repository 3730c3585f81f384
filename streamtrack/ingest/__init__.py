"""Where frames come from: cameras, recordings, folders, webcams, synthetic scenes."""

from streamtrack.errors import SourceLostError
from streamtrack.ingest.decoder import StreamInfo
from streamtrack.ingest.film_reader import FilmReader
from streamtrack.ingest.ingest import Ingest
from streamtrack.ingest.open_decoder import identify_source
from streamtrack.ingest.reader import FrameReader, iter_frames, with_next
from streamtrack.ingest.redact import redact_url
from streamtrack.ingest.source import SourceKind, SourceSpec, resolve_source
from streamtrack.ingest.source_status import SourceState
from streamtrack.scenes.scene import Scene, make_scene, prompts_from_masks

__all__ = [
    "FilmReader",
    "FrameReader",
    "Ingest",
    "Scene",
    "SourceKind",
    "SourceLostError",
    "SourceSpec",
    "SourceState",
    "StreamInfo",
    "identify_source",
    "iter_frames",
    "make_scene",
    "prompts_from_masks",
    "redact_url",
    "resolve_source",
    "with_next",
]
