"""A recording to masks, an annotated video and a table."""

from streamtrack.offline.exporters import Exporter, Run, find_exporters
from streamtrack.offline.outputs import MaskFormat, Outputs, exporter_names
from streamtrack.offline.prompts import mask_paths, parse_labels, parse_prompts, with_prompts_of
from streamtrack.offline.result_folder import ResultFolder
from streamtrack.offline.track import (
    TrackSummary,
    check_prompts,
    follow,
    open_recording,
    track_recording,
    with_capacity,
)

__all__ = [
    "Exporter",
    "MaskFormat",
    "Outputs",
    "ResultFolder",
    "Run",
    "TrackSummary",
    "check_prompts",
    "exporter_names",
    "find_exporters",
    "follow",
    "mask_paths",
    "open_recording",
    "parse_labels",
    "parse_prompts",
    "track_recording",
    "with_capacity",
    "with_prompts_of",
]
