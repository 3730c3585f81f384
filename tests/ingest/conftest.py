"""Clips that the tests of ingest read."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamtrack.ingest import make_scene
from streamtrack.ingest.scene_file import write_scene

CLIP_FRAMES = 30


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """30 frames of 192x108 at 30 fps, a keyframe every 10."""
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    write_scene(make_scene("leave?width=192&height=108"), path, CLIP_FRAMES, keyframe_interval=10)
    return path


@pytest.fixture(scope="session")
def large_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """10 frames of 256x144 at 30 fps."""
    path = tmp_path_factory.mktemp("clips") / "large.mp4"
    write_scene(make_scene("leave?width=256&height=144"), path, 10)
    return path
