from __future__ import annotations

from collections import Counter
from pathlib import Path

import av
import numpy as np
import pytest

from streamtrack.config import SourceConfig
from streamtrack.errors import SourceError, SourceLostError
from streamtrack.ingest import make_scene
from streamtrack.ingest.av_decoder import AvDecoder
from streamtrack.ingest.decoder import EndOfStream, Picture, Skipped
from streamtrack.ingest.source import resolve_source
from tests.ingest.conftest import CLIP_FRAMES


def decoder_of(path: Path, **keys: object) -> AvDecoder:
    config = SourceConfig.model_validate({"url": str(path), **keys})
    return AvDecoder(resolve_source(config), config)


def read_all(decoder: AvDecoder) -> tuple[list[Picture], Counter[str]]:
    """Every picture to the end of the stream, and what was skipped."""
    pictures: list[Picture] = []
    skipped: Counter[str] = Counter()
    decoder.open()
    try:
        while not isinstance(outcome := decoder.read(), EndOfStream):
            if isinstance(outcome, Skipped):
                skipped[outcome.reason] += outcome.count
            else:
                pictures.append(outcome)
    finally:
        decoder.close()
    return pictures, skipped


def to_annex_b(clip: Path, target: Path) -> list[bytes]:
    """The clip's coded pictures, parameter sets before each keyframe; written to `target` as well."""
    with av.open(str(clip)) as source:
        stream = source.streams.video[0]
        bitstream_filter = av.BitStreamFilterContext("h264_mp4toannexb", stream)
        units = [bytes(p) for packet in source.demux(stream) for p in bitstream_filter.filter(packet)]
    target.write_bytes(b"".join(units))
    return units


def test_recording_gives_every_picture_with_its_time(clip: Path) -> None:
    decoder = decoder_of(clip)
    info = decoder.open()
    pictures, skipped = read_all(decoder)

    assert (info.width_px, info.height_px, info.fps, info.num_frames) == (192, 108, 30, CLIP_FRAMES)
    assert info.codec == "h264"
    assert len(pictures) == CLIP_FRAMES
    assert not skipped
    seconds = [float((p.pts or 0) * p.time_base) for p in pictures]
    np.testing.assert_allclose(seconds, np.arange(CLIP_FRAMES) / 30, atol=1e-4)  # ticks of 1/15360 s
    assert pictures[0].image.shape == (108, 192, 3)
    assert pictures[0].image.flags.c_contiguous


def test_colours_survive_the_way_through_yuv(clip: Path) -> None:
    image, _ = make_scene("leave?width=192&height=108").render(7)

    pictures, _ = read_all(decoder_of(clip))

    # H.264 at crf 18 and halved colour: a swapped channel or a wrong range would be off by tens.
    assert np.abs(pictures[7].image.astype(int) - image).mean() < 6


def test_frame_threads_lose_no_picture_at_the_end(clip: Path) -> None:
    pictures, _ = read_all(decoder_of(clip, decoder_threads=4))

    assert len(pictures) == CLIP_FRAMES


def test_wide_pictures_are_scaled_down_and_narrow_ones_are_not(clip: Path) -> None:
    assert read_all(decoder_of(clip, max_width_px=96))[0][0].image.shape == (54, 96, 3)
    assert read_all(decoder_of(clip, max_width_px=1920))[0][0].image.shape == (108, 192, 3)


def test_sideways_recording_is_shown_upright(clip: Path, tmp_path: Path) -> None:
    path = tmp_path / "phone.mp4"
    with av.open(str(clip)) as source, av.open(str(path), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    data = bytearray(path.read_bytes())
    header = data.index(b"tkhd")
    # The track header's matrix, 16.16 fixed point: a quarter turn clockwise, as phones write it.
    matrix = np.array([0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30], ">i4").tobytes()
    data[header + 44 : header + 80] = matrix
    path.write_bytes(data)
    flat = read_all(decoder_of(clip))[0][0].image

    upright = read_all(decoder_of(path))[0][0].image

    assert upright.shape == (192, 108, 3)
    np.testing.assert_array_equal(upright, np.rot90(flat, -1))


def test_size_that_changes_under_way_is_followed(clip: Path, large_clip: Path, tmp_path: Path) -> None:
    path = tmp_path / "both.h264"
    first, second = to_annex_b(clip, tmp_path / "a.h264"), to_annex_b(large_clip, tmp_path / "b.h264")
    path.write_bytes(b"".join(first + second + first))

    pictures, _ = read_all(decoder_of(path))

    widths = [p.image.shape[1] for p in pictures]
    assert widths == [192] * CLIP_FRAMES + [256] * 10 + [192] * CLIP_FRAMES


def test_pictures_before_the_first_keyframe_are_dropped_and_counted(clip: Path, tmp_path: Path) -> None:
    units = to_annex_b(clip, tmp_path / "whole.h264")
    path = tmp_path / "late.h264"
    path.write_bytes(b"".join(units[5:]))  # a keyframe comes every 10

    pictures, skipped = read_all(decoder_of(path))

    assert skipped["before_keyframe"] == 5
    assert len(pictures) == CLIP_FRAMES - 10


def test_damaged_picture_is_counted_and_the_rest_is_read(clip: Path, tmp_path: Path) -> None:
    units = to_annex_b(clip, tmp_path / "whole.h264")
    units[14] = units[14][:40] + bytes(255 - b for b in units[14][40:])
    path = tmp_path / "damaged.h264"
    path.write_bytes(b"".join(units))

    pictures, skipped = read_all(decoder_of(path))

    # A keyframe comes every 10: the five pictures after it are built on it.
    assert skipped == {"corrupt": 1, "after_damage": 5}
    assert [n for n, p in enumerate(pictures) if p.damaged] == [14, 15, 16, 17, 18, 19]
    assert len(pictures) == CLIP_FRAMES  # each keeps its number


def test_truncated_recording_gives_what_is_left_of_it(clip: Path, tmp_path: Path) -> None:
    fast_start = tmp_path / "fast_start.mp4"
    with (
        av.open(str(clip)) as source,
        av.open(str(fast_start), "w", options={"movflags": "faststart"}) as target,
    ):
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    path = tmp_path / "truncated.mp4"
    path.write_bytes(fast_start.read_bytes()[: int(fast_start.stat().st_size * 0.6)])

    pictures, skipped = read_all(decoder_of(path))

    assert 0 < len(pictures) < CLIP_FRAMES
    assert skipped["corrupt"] == 1  # the picture that was cut in two


@pytest.mark.parametrize("content", [b"not a video at all\n" * 200, bytes(range(256)) * 64])
@pytest.mark.parametrize("name", ["clip.mp4", "notes.txt", "noname"])
def test_file_that_is_no_video_is_one_clear_line(content: bytes, name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)

    with pytest.raises(SourceError, match=f"source {path}: not a video") as caught:
        read_all(decoder_of(path))

    assert "\n" not in str(caught.value)


def test_recording_without_its_index_is_no_video(clip: Path, tmp_path: Path) -> None:
    path = tmp_path / "cut.mp4"
    path.write_bytes(clip.read_bytes()[:2000])  # the index of this file is at its end

    with pytest.raises(SourceError, match="not a video that FFmpeg can read, or damaged"):
        decoder_of(path).open()


def test_sound_alone_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "sound.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))

    with pytest.raises(SourceError, match="no video stream, found audio"):
        decoder_of(path).open()


def test_endless_garbage_counts_as_lost(clip: Path, tmp_path: Path) -> None:
    units = to_annex_b(clip, tmp_path / "whole.h264")
    garbage = [unit[:5] + bytes(255 - b for b in unit[5:]) for unit in units[1:10]]
    path = tmp_path / "garbage.h264"
    path.write_bytes(b"".join([units[0], *garbage * 30]))

    with pytest.raises(SourceLostError, match="damaged packets in a row"):
        read_all(decoder_of(path))


def test_camera_that_refuses_is_lost_not_broken() -> None:
    config = SourceConfig(url="rtsp://admin:hunter2@127.0.0.1:9/live")
    decoder = AvDecoder(resolve_source(config), config)

    with pytest.raises(SourceLostError, match=r"^source rtsp://\*\*\*@127.0.0.1:9/live: Connection refused$"):
        decoder.open()
