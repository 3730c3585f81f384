"""A real RTSP camera behind a network that damages its pictures, against the truth."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from streamtrack.config import SourceConfig
from streamtrack.ingest.decoder import Picture
from streamtrack.ingest.network_decoders import RtspDecoder
from streamtrack.ingest.reader import iter_frames
from streamtrack.ingest.source import resolve_source
from tests.support.bad_network import Harm, bad_network
from tests.support.rtsp import RtspServer
from tests.support.smear import is_none_of, write_noisy_clip

pytestmark = pytest.mark.rtsp

NUM_FRAMES = 60
FPS = 100.0
PATIENCE_S = 20.0
OPTIONS = {"g": "15", "preset": "veryfast", "tune": "zerolatency", "x264-params": "sliced-threads=0"}


def smeared_of(clip: Path, harm: Harm, num_pictures: int) -> tuple[int, int]:
    """Pictures that differ from all of the clip's, and pictures that were delivered as sound."""
    truths = [frame.image for frame in iter_frames(SourceConfig(url=str(clip)))]
    assert len(truths) == NUM_FRAMES
    smeared = delivered = 0
    with RtspServer([clip], fps=FPS) as server, bad_network(server.port, harm) as port:
        config = SourceConfig(url=f"rtsp://127.0.0.1:{port}/live", open_timeout_ms=5000, read_timeout_ms=5000)
        decoder = RtspDecoder(resolve_source(config), config)
        decoder.open()
        deadline_s = time.monotonic() + PATIENCE_S
        while delivered < num_pictures:
            outcome = decoder.read()
            assert time.monotonic() < deadline_s, f"{delivered} pictures in {PATIENCE_S} s"
            if isinstance(outcome, Picture) and not outcome.damaged:
                delivered += 1
                smeared += is_none_of(outcome.image, truths)
        decoder.close()
    return smeared, delivered


@pytest.mark.parametrize("harm", [Harm(flips_a_byte=1e-4), Harm(loss=0.02)], ids=["flips", "loss"])
def test_hardly_a_picture_is_smeared_behind_a_bad_network(harm: Harm, tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    write_noisy_clip(clip, NUM_FRAMES, OPTIONS)

    smeared, delivered = smeared_of(clip, harm, 200)

    assert harm.num_harmed > 0
    assert smeared < 0.01 * delivered


def test_camera_that_repeats_its_parameters_before_each_slice_is_shown_whole(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    write_noisy_clip(clip, NUM_FRAMES, OPTIONS | {"slices": "4"})

    assert smeared_of(clip, Harm(), 100) == (0, 100)
