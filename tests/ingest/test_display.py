from __future__ import annotations

import subprocess
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from streamtrack.config import SourceConfig
from streamtrack.frame import Image
from streamtrack.ingest import FrameReader, iter_frames
from streamtrack.ingest.display import UPRIGHT, Turn, shown_size, turn_of_matrix
from tests.support.image_files import decode_image

pytestmark = pytest.mark.needs_program("ffmpeg", "ffprobe")

ONE = 1 << 16
MATRICES = {
    "upright": (ONE, 0, 0, ONE),
    "quarter": (0, ONE, -ONE, 0),
    "half": (-ONE, 0, 0, -ONE),
    "three quarters": (0, -ONE, ONE, 0),
    "left and right": (-ONE, 0, 0, ONE),
    "up and down": (ONE, 0, 0, -ONE),
    "transposed": (0, ONE, ONE, 0),
    "transposed the other way": (0, -ONE, -ONE, 0),
}


def picture() -> Image:
    """(64, 96, 3), no two corners alike."""
    image = np.full((64, 96, 3), 110, np.uint8)
    image[:24, :40] = (200, 40, 40)
    image[40:, 60:] = (40, 60, 200)
    image[:16, 72:] = (40, 180, 60)
    return image


def encode(path: Path, *options: str, image: Image | None = None) -> Path:
    image = picture() if image is None else image
    size = f"{image.shape[1]}x{image.shape[0]}"
    command = ["ffmpeg", "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", size, "-r", "25"]
    command += ["-i", "-", "-c:v", "libx264", "-crf", "4", "-pix_fmt", "yuv420p", *options, str(path)]
    subprocess.run(command, input=image.tobytes() * 2, check=True, timeout=30)
    return path


def shown_by_ffmpeg(path: Path) -> Image:
    command = [
        "ffmpeg",
        "-v",
        "error",
        "-i",
        str(path),
        "-frames:v",
        "1",
        "-f",
        "image2pipe",
        "-c:v",
        "png",
        "-",
    ]
    png = subprocess.run(command, check=True, capture_output=True, timeout=30).stdout
    return decode_image(png, cv2.IMREAD_COLOR_RGB)


def first_image(path: Path, **keys: object) -> Image:
    return next(iter_frames(SourceConfig.model_validate({"url": str(path), **keys}))).image


@pytest.fixture(scope="module")
def flat(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return encode(tmp_path_factory.mktemp("display") / "flat.mp4")


@pytest.mark.parametrize("name", MATRICES)
def test_turned_and_mirrored_recording_is_shown_as_ffmpeg_shows_it(
    name: str, flat: Path, tmp_path: Path
) -> None:
    data = bytearray(flat.read_bytes())
    header = data.index(b"tkhd")
    a, b, c, d = MATRICES[name]
    data[header + 44 : header + 80] = np.array([a, b, 0, c, d, 0, 0, 0, 1 << 30], ">i4").tobytes()
    path = tmp_path / "turned.mp4"
    path.write_bytes(data)

    image = first_image(path)

    np.testing.assert_array_equal(image, shown_by_ffmpeg(path))
    assert image.flags.c_contiguous


@pytest.mark.parametrize(
    ("sample_aspect", "shape"), [("16/11", (64, 140, 3)), ("8/9", (72, 96, 3)), ("1/1", (64, 96, 3))]
)
def test_pixels_are_made_square_by_stretching_the_short_side(
    sample_aspect: str, shape: tuple[int, ...], tmp_path: Path
) -> None:
    path = encode(tmp_path / "wide.mp4", "-vf", f"setsar={sample_aspect}")

    with FrameReader(SourceConfig(url=str(path))) as reader:
        image = next(iter(reader)).image

        assert image.shape == shape
        assert (reader.info.height_px, reader.info.width_px) == shape[:2]
    stretched = cv2.resize(picture(), (shape[1], shape[0]), interpolation=cv2.INTER_AREA)
    # Edges fall elsewhere by half a pixel; a picture that is not stretched differs by tens.
    assert np.abs(image.astype(int) - stretched).mean() < 4


def test_limit_of_width_counts_for_the_picture_as_shown() -> None:
    sideways = Turn(1)

    assert shown_size(720, 576, Fraction(16, 11), UPRIGHT, 512) == (512, 282)
    assert shown_size(1920, 1080, None, sideways, 540) == (540, 960)
    assert shown_size(96, 64, Fraction(1000, 1)) == (96, 64)  # a damaged header


COLOURS = {
    "sd": ((), "null"),
    "bt709": (("-colorspace", "bt709"), "scale=out_color_matrix=bt709"),
    "bt2020": (("-colorspace", "bt2020nc"), "scale=out_color_matrix=bt2020"),
    "full range": (("-color_range", "pc"), "scale=out_range=full"),
}


@pytest.mark.parametrize("name", COLOURS)
def test_colours_are_those_that_the_stream_names(name: str, tmp_path: Path) -> None:
    options, scale = COLOURS[name]
    path = encode(tmp_path / "colours.mp4", "-vf", scale, *options)

    # The wrong matrix or range is off by 5 to 20 levels on these colours; halved colour by less than 2.
    assert np.abs(first_image(path).astype(int) - picture()).mean() < 2.5


def test_hd_that_names_no_matrix_is_bt709_as_players_take_it(tmp_path: Path) -> None:
    image = np.zeros((720, 1280, 3), np.uint8)
    image[:] = (200, 60, 40)
    path = encode(tmp_path / "hd.mp4", "-vf", "scale=out_color_matrix=bt709", image=image)

    assert np.abs(first_image(path)[360, 640].astype(int) - (200, 60, 40)).max() <= 3  # BT.601 is off by 12


def test_matrix_that_is_cut_off_or_degenerate_leaves_the_picture() -> None:
    assert turn_of_matrix(b"") == UPRIGHT
    assert turn_of_matrix(np.zeros(9, np.int32).tobytes()) == UPRIGHT


def test_picture_with_exif_is_read_and_upright(tmp_path: Path) -> None:
    jpeg = cv2.imencode(".jpg", picture())[1].tobytes()
    # Orientation 6: to be turned a quarter clockwise.
    tag = b"\x12\x01\x03\x00\x01\x00\x00\x00\x06\x00\x00\x00"
    exif = b"Exif\x00\x00II*\x00\x08\x00\x00\x00\x01\x00" + tag + b"\x00\x00\x00\x00"
    path = tmp_path / "phone.jpg"
    path.write_bytes(jpeg[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + jpeg[2:])

    assert first_image(path).shape == (96, 64, 3)


def test_motion_jpeg_with_exif_does_not_stop_the_decoder(tmp_path: Path) -> None:
    path = tmp_path / "camera.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuvj420p"
        for _ in range(2):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture(), format="rgb24")))
        container.mux(stream.encode(None))

    assert first_image(path).shape == (64, 96, 3)
