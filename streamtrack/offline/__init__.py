"""A recording to masks, an annotated video and a table."""

from streamtrack.offline.asked import all_asked
from streamtrack.offline.autoprompt import autoprompt_override, find_objects
from streamtrack.offline.export_options import ExportOptions, parse_colour, parse_panels
from streamtrack.offline.export_results import export_results
from streamtrack.offline.exporters import Exporter, Run, describe_exporters, find_exporter, find_exporters
from streamtrack.offline.film_job import FilmJob, StartedJob, follow_film
from streamtrack.offline.frame_names import FrameNames, names_of
from streamtrack.offline.frame_pictures import FramePictures
from streamtrack.offline.journal import Journal, Journals
from streamtrack.offline.known_objects import KnownObject, read_known_objects, read_picture
from streamtrack.offline.outputs import MaskFormat, Outputs, exporter_names
from streamtrack.offline.prompts import (
    PromptSet,
    mask_paths,
    parse_labels,
    parse_prompt_set,
    parse_prompts,
    with_prompts_of,
)
from streamtrack.offline.prompts_file import prompts_yaml, read_prompts_file
from streamtrack.offline.recording_job import RecordingJob
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
    "FilmJob",
    "FrameNames",
    "FramePictures",
    "Journal",
    "Journals",
    "KnownObject",
    "MaskFormat",
    "Outputs",
    "PromptSet",
    "RecordingJob",
    "ResultFolder",
    "Run",
    "StartedJob",
    "TrackSummary",
    "all_asked",
    "autoprompt_override",
    "check_prompts",
    "describe_exporters",
    "export_results",
    "exporter_names",
    "find_exporter",
    "find_exporters",
    "find_objects",
    "follow",
    "follow_film",
    "mask_paths",
    "names_of",
    "open_recording",
    "parse_colour",
    "parse_labels",
    "parse_panels",
    "parse_prompt_set",
    "parse_prompts",
    "prompts_yaml",
    "read_known_objects",
    "read_picture",
    "read_prompts_file",
    "track_recording",
    "with_capacity",
    "with_prompts_of",
]
