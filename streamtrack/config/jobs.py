"""`jobs`: films that are followed on request, over HTTP."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from streamtrack.config.section import Section


class JobsConfig(Section):
    """Films that are followed on request, over HTTP: one at a time, beside the streams."""

    enabled: bool = True
    """Whether `POST /jobs` is taken. A job shares the model with the streams: they take turns."""
    folder: Path | None = None
    """Where films and results lie. null: in `cameras.state_dir`, or where there is none in a temporary
    folder that goes with the process."""
    max_waiting: int = Field(4, ge=1, le=1000)
    """Jobs that wait for the one that runs; another is refused until there is room."""
    max_film_mb: int = Field(2_048, ge=1)
    """Largest film that may be uploaded. A larger one can be given by its address."""
    max_result_mb: int = Field(4_096, ge=1)
    """Largest results of one job; one that writes more is ended."""
    max_disk_mb: int = Field(16_384, ge=1)
    """Of all films and results together. The oldest results make room for a new job; where they cannot, it is
    refused."""
    max_seconds: int = Field(3_600, ge=1)
    """Longest run of one job; one that takes longer is ended."""
    keep_hours: float = Field(24, gt=0)
    """How long results are kept."""
    max_kept: int = Field(20, ge=1, le=10_000)
    """Jobs that are kept once they have ended, the newest."""
