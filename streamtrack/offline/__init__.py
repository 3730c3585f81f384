"""A recording to masks, an annotated video and a table."""

from streamtrack.offline.outputs import MaskFormat, Outputs, prepare_folder
from streamtrack.offline.prompts import FramePrompt, parse_labels, parse_prompts
from streamtrack.offline.track import TrackSummary, follow, open_recording, track_recording

__all__ = [
    "FramePrompt",
    "MaskFormat",
    "Outputs",
    "TrackSummary",
    "follow",
    "open_recording",
    "parse_labels",
    "parse_prompts",
    "prepare_folder",
    "track_recording",
]
