"""A recording to masks, an annotated video and a table."""

from streamtrack.offline.export_options import ExportOptions, parse_colour, parse_panels
from streamtrack.offline.exporters import Exporter, Run, describe_exporters, find_exporters
from streamtrack.offline.frame_names import FrameNames, names_of
from streamtrack.offline.frame_pictures import FramePictures
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
    "ExportOptions",
    "Exporter",
    "FrameNames",
    "FramePictures",
    "MaskFormat",
    "Outputs",
    "ResultFolder",
    "Run",
    "TrackSummary",
    "check_prompts",
    "describe_exporters",
    "exporter_names",
    "find_exporters",
    "follow",
    "mask_paths",
    "names_of",
    "open_recording",
    "parse_colour",
    "parse_labels",
    "parse_panels",
    "parse_prompts",
    "track_recording",
    "with_capacity",
    "with_prompts_of",
]
