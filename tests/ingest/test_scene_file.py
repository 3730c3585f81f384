from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from streamtrack.config import SourceConfig
from streamtrack.errors import SourceError
from streamtrack.ingest import iter_frames, make_scene
from streamtrack.ingest.scene_file import read_truth, write_scene


def test_recorded_scene_is_h264_without_b_frames_and_matches_its_truth(tmp_path: Path) -> None:
    scene = make_scene("crossing?width=192&height=108&fps=25")
    path = tmp_path / "clip.mp4"

    truth_path = write_scene(scene, path, 12, first_index=50)

    assert truth_path == tmp_path / "clip.mp4.truth.npz"
    truth = read_truth(truth_path)
    frames = list(iter_frames(SourceConfig(url=str(path))))
    assert len(truth) == len(frames) == 12
    for number, frame in enumerate(frames):
        image, masks = scene.render(50 + number)
        assert np.abs(frame.image.astype(int) - image).mean() < 6  # compression
        assert truth[number].keys() == masks.keys()
        assert all((truth[number][k] == masks[k]).all() for k in masks)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.average_rate) == ("h264", 25)
        assert not any(f.pict_type == av.video.frame.PictureType.B for f in container.decode(stream))


def test_odd_sides_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="scene leave is 101x108, expected even sides"):
        write_scene(make_scene("leave?width=101&height=108"), tmp_path / "clip.mp4", 1)
