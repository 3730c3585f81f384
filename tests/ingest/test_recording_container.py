"""What is opened a second time, for its sound."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from streamtrack.config import SourceConfig
from streamtrack.errors import SourceError
from streamtrack.ingest import identify_source
from streamtrack.ingest.recording_container import open_recording_container
from tests.support.file_server import FileServer
from tests.support.recordings import write_clip


def container_of(url: str) -> object:
    config = SourceConfig(url=url)
    return open_recording_container(identify_source(config), config)


def test_recordings_are_opened_where_they_lie(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4")
    with FileServer(clip.read_bytes()).running() as server:
        for url in (str(clip), f"file:{clip}", server.url.replace("file.pt", "download?id=3")):
            container = container_of(url)
            assert container is not None
            container.close()  # type: ignore[attr-defined]


def test_what_has_no_sound_is_none(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((8, 8, 3), np.uint8))
    for url in (str(tmp_path), str(tmp_path / "a.png"), "synthetic:demo?frames=2"):
        assert container_of(url) is None


def test_recording_that_is_gone_is_told(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4")
    config = SourceConfig(url=str(clip))
    spec = identify_source(config)
    clip.write_bytes(b"no video any more")
    with pytest.raises(SourceError):
        open_recording_container(spec, config)
