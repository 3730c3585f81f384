from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from streamtrack.clock import NS_PER_MS, FakeClock
from streamtrack.config import SourceConfig
from streamtrack.errors import SourceError
from streamtrack.frame import Frame
from streamtrack.ingest import FrameReader, SourceLostError, iter_frames, with_next
from tests.ingest.conftest import CLIP_FRAMES
from tests.support.ingest import folder_server


def test_recording_gives_every_frame_once_with_seq_from_zero(clip: Path) -> None:
    frames = list(iter_frames(SourceConfig(url=str(clip))))

    assert [f.seq for f in frames] == list(range(CLIP_FRAMES))
    assert not any(f.gap_before for f in frames)


def test_frames_are_stamped_when_they_are_handed_over(clip: Path) -> None:
    clock = FakeClock(monotonic_ns=5)
    frames = iter_frames(SourceConfig(url=str(clip)), clock)
    first = next(frames)
    clock.advance_ms(40)

    second = next(frames)

    assert first.capture_monotonic_ns == 5
    assert second.capture_monotonic_ns - first.capture_monotonic_ns == 40 * NS_PER_MS
    assert second.capture_wall_ns - first.capture_wall_ns == 40 * NS_PER_MS


def test_scene_brings_its_ground_truth() -> None:
    with FrameReader(SourceConfig(url="synthetic:leave?width=192&height=108&frames=3")) as reader:
        frames = list(reader)

    assert reader.scene is not None
    assert reader.info.num_frames == len(frames) == 3
    image, masks = reader.scene.render(2)
    np.testing.assert_array_equal(frames[2].image, image)
    assert frames[2].ground_truth is not None
    assert frames[2].ground_truth.keys() == masks.keys()


def test_config_sets_the_pace_of_a_scene() -> None:
    with FrameReader(SourceConfig(url="synthetic:leave?width=192&height=108&frames=3", fps=60)) as reader:
        assert reader.info.fps == 60


def test_recording_is_read_over_http(clip: Path) -> None:
    with folder_server(clip.parent) as port:
        frames = list(iter_frames(SourceConfig(url=f"http://127.0.0.1:{port}/{clip.name}")))

    assert len(frames) == CLIP_FRAMES


def test_http_recording_that_is_not_there_is_one_clear_line(tmp_path: Path) -> None:
    with folder_server(tmp_path) as port:
        url = f"http://user:hunter2@127.0.0.1:{port}/gone.mp4?token=hunter2"
        with pytest.raises(
            SourceLostError, match=r"gone.mp4\?token=\*\*\*: Server returned 404 Not Found"
        ) as caught:
            FrameReader(SourceConfig(url=url))

    assert "hunter2" not in str(caught.value)


def test_missing_file_is_told_at_the_first_frame() -> None:
    with pytest.raises(SourceError, match="no such file"):
        next(iter_frames(SourceConfig(url="nowhere.mp4")))


def test_each_frame_comes_with_the_next_and_the_last_with_none(clip: Path) -> None:
    pairs = list(with_next(iter_frames(SourceConfig(url=str(clip)))))

    assert [frame.seq for frame, _ in pairs] == list(range(CLIP_FRAMES))
    assert [upcoming.seq for _, upcoming in pairs if upcoming] == list(range(1, CLIP_FRAMES))
    assert pairs[-1][1] is None
    assert all(upcoming is frame for (_, upcoming), (frame, _) in pairwise(pairs))


def test_frame_before_a_break_is_given_before_the_error(clip: Path) -> None:
    def broken() -> Iterator[Frame]:
        yield next(iter_frames(SourceConfig(url=str(clip))))
        raise SourceLostError("gone")

    frames = with_next(broken())
    first, upcoming = next(frames)
    assert (first.seq, upcoming) == (0, None)
    with pytest.raises(SourceLostError, match="gone"):
        next(frames)
