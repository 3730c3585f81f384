"""One stream: a source, a session, and whoever takes what it sees, with the threads between them."""

from streamtrack.pipeline.pipeline import Pipeline
from streamtrack.pipeline.report import PipelineReport, RunTotals
from streamtrack.pipeline.turns import Turns

__all__ = ["Pipeline", "PipelineReport", "RunTotals", "Turns"]
