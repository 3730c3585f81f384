import av
import numpy as np
import pytest

from streamtrack.video.encoder import RTP_CLOCK_HZ, EncodedPicture, Encoder, VideoCodec
from tests.support.video import picture, read_code

CODECS = list(VideoCodec)


def encode(
    encoder: Encoder, count: int, *, fps: float = 30, start: int = 0, keyframes: set[int] | None = None
) -> list[EncodedPicture]:
    return [
        encoder.encode(
            picture(index), round(index * RTP_CLOCK_HZ / fps), keyframe=index in (keyframes or set())
        )
        for index in range(start, start + count)
    ]


def decode(codec: VideoCodec, pictures: list[EncodedPicture]) -> list[np.ndarray]:
    decoder = av.CodecContext.create("h264" if codec is VideoCodec.H264 else "libvpx", "r")
    frames = []
    for one in pictures:
        frames += [frame.to_ndarray(format="rgb24") for frame in decoder.decode(one.packet)]
    return frames


def new(codec: VideoCodec, **settings: float) -> Encoder:
    return Encoder(codec, **({"bitrate_kbps": 1000, "max_fps": 30} | settings))  # type: ignore[arg-type]


@pytest.mark.parametrize("codec", CODECS)
def test_every_picture_is_one_packet_that_decodes_at_once(codec: VideoCodec) -> None:
    packets = encode(new(codec), 20)
    assert [one.packet.pts for one in packets] == [index * 3000 for index in range(20)]
    frames = decode(codec, packets)
    assert [read_code(frame) for frame in frames] == list(range(20))
    # Colours survive the way there and back: limited-range BT.601 on both sides. 6 levels for quantisation.
    assert np.abs(frames[-1][20:60, 20:60].astype(int) - 90).max() <= 6


@pytest.mark.parametrize("codec", CODECS)
def test_keyframes_come_first_and_where_asked_only(codec: VideoCodec) -> None:
    packets = encode(new(codec), 40, keyframes={17})
    assert [index for index, one in enumerate(packets) if one.is_keyframe] == [0, 17]


@pytest.mark.parametrize("codec", CODECS)
def test_decoder_starts_at_any_keyframe(codec: VideoCodec) -> None:
    packets = encode(new(codec), 12, keyframes={6})
    assert [read_code(frame) for frame in decode(codec, packets[6:])] == list(range(6, 12))


def test_h264_keyframe_carries_parameter_sets_in_annex_b() -> None:
    packets = encode(new(VideoCodec.H264), 4, keyframes={3})
    for one in (packets[0], packets[3]):
        kinds = [unit[0] & 31 for unit in bytes(one.packet).split(b"\0\0\1")[1:]]
        assert 7 in kinds
        assert 8 in kinds
        assert kinds[-1] == 5, "an IDR picture"
        sps = next(unit for unit in bytes(one.packet).split(b"\0\0\1")[1:] if unit[0] & 31 == 7)
        assert sps[1] == 66, "baseline, as the SDP promises"


@pytest.mark.parametrize("codec", CODECS)
def test_new_picture_size_goes_on_with_a_keyframe(codec: VideoCodec) -> None:
    encoder = new(codec)
    packets = encode(encoder, 3)
    larger = np.zeros((240, 400, 3), np.uint8)
    packets.append(encoder.encode(larger, 9000, keyframe=False))
    assert packets[3].is_keyframe
    assert [frame.shape for frame in decode(codec, packets)] == [(192, 320, 3)] * 3 + [(240, 400, 3)]


def noise(index: int) -> np.ndarray:
    """A picture that takes more bits than any limit allows."""
    return np.random.default_rng(index).integers(0, 255, (180, 320, 3), dtype=np.uint8)


@pytest.mark.parametrize("fps", [30, 8])
def test_bitrate_is_kept_also_where_pictures_come_slower_than_told(fps: int) -> None:
    encoder = new(VideoCodec.H264, bitrate_kbps=1500, max_fps=30)
    pictures = [noise(index) for index in range(8)]
    sizes = [
        encoder.encode(pictures[index % 8], index * RTP_CLOCK_HZ // fps, keyframe=index % 30 == 0).packet.size
        for index in range(150)
    ]
    # The first two groups are where the encoder learns the rate.
    kbps = sum(sizes[60:]) * 8 / (90 / fps) / 1000
    # Noise at 1500 kbit/s meets the encoder's coarsest quantiser at 30 fps; what must not happen is a
    # quarter or a multiple.
    assert 1000 < kbps < 2400
