"""A recording opened once more, beside the reader of its pictures: for its sound."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from streamtrack.config import SourceConfig
from streamtrack.ingest.containers import open_container
from streamtrack.ingest.http_source import HttpKind, ask
from streamtrack.ingest.picture_header import is_still, read_head
from streamtrack.ingest.source import SourceKind, SourceSpec, as_recording

NO_REDIRECTS: Mapping[str, str] = {"max_redirects": "0"}
"""Redirects were followed before FFmpeg is given the address."""


def open_recording_container(spec: SourceSpec, config: SourceConfig) -> Any:
    """A container of PyAV, to be closed by the caller; None for what has no sound: pictures, scenes,
    playlists.

    Raises:
        SourceError: it cannot be opened any more.
    """
    if spec.kind is SourceKind.FILE:
        path = Path(spec.url.removeprefix("file:"))
        return None if is_still(path, read_head(path)) else open_container(spec, config)
    if spec.kind is not SourceKind.HTTP:
        return None
    answer = ask(spec, config)
    answer.response.close()
    if answer.kind is not HttpKind.RECORDING:
        return None
    found = replace(spec, url=answer.url, options=spec.options | dict(NO_REDIRECTS))
    return open_container(as_recording(found, config) if found.live else found, config)
