import numpy as np
import pytest

from streamtrack.config import AnnotateConfig
from streamtrack.frame import Image, ObjectMask, ObjectState
from streamtrack.video.draw import annotate, picture_size
from streamtrack.video.palette import PALETTE_SIZE, object_colour, palette
from streamtrack.video.tags import blend_tag, render_tag
from tests.support.video import absent, disc, result

GREY = 90
BARE = AnnotateConfig(labels=False, outline_px=0)


def flat(width: int, height: int) -> Image:
    return np.full((height, width, 3), GREY, np.uint8)


def one_disc(width: int, height: int, **settings: object) -> dict[int, ObjectMask]:
    mask = disc(width / 2, height / 2, height / 4, (height, width))
    return {1: ObjectMask.from_mask(mask, 1, **settings)}  # type: ignore[arg-type]


def test_mask_is_tinted_inside_and_untouched_outside() -> None:
    tracked = result(0, one_disc(320, 200), image=flat(320, 200))
    picture = annotate(tracked, BARE)
    mask = tracked.objects[1].mask
    expected = np.rint(0.55 * GREY + 0.45 * np.array(object_colour(1)))
    assert np.abs(picture[mask] - expected).max() <= 1  # rounding of the look-up table
    assert (picture[~mask] == GREY).all()
    assert (tracked.frame.image == GREY).all(), "the frame is shared and must stay as it is"


def test_outline_is_drawn_in_the_objects_colour_on_the_edge() -> None:
    tracked = result(0, one_disc(320, 200), image=flat(320, 200))
    picture = annotate(tracked, AnnotateConfig(labels=False, mask_opacity=0))
    changed = (picture != GREY).any(axis=2)
    rows, columns = np.nonzero(changed)
    distance = np.hypot(columns - 160, rows - 100)
    assert 45 < distance.min() < distance.max() < 55
    nearest = np.abs(picture.astype(int) - np.array(object_colour(1))).sum(axis=2)
    assert np.count_nonzero(nearest < 20) > 2 * np.pi * 50 * 0.8


def test_uncertain_object_has_a_broken_outline_and_a_fainter_fill() -> None:
    sure = annotate(result(0, one_disc(320, 200), image=flat(320, 200)), AnnotateConfig(labels=False))
    unsure = annotate(
        result(0, one_disc(320, 200, state=ObjectState.UNCERTAIN), image=flat(320, 200)),
        AnnotateConfig(labels=False),
    )
    colour = np.array(object_colour(1))
    assert (
        np.abs(unsure[100, 160] - colour.astype(int)).sum()
        > np.abs(sure[100, 160] - colour.astype(int)).sum()
    )

    def coloured(picture: Image) -> int:
        return int(np.count_nonzero(np.abs(picture.astype(int) - colour).sum(axis=2) < 30))

    assert 0.3 < coloured(unsure) / coloured(sure) < 0.8


@pytest.mark.parametrize("state", [ObjectState.LOST, ObjectState.OCCLUDED])
def test_object_without_a_mask_is_listed_in_the_corner(state: ObjectState) -> None:
    objects = {7: absent(7, state, "ball")}
    picture = annotate(result(0, objects, image=flat(320, 192)), AnnotateConfig())
    changed = (picture != GREY).any(axis=2)
    assert changed[150:, :160].any()
    changed[150:, :160] = False
    assert not changed.any()
    other = annotate(
        result(0, {7: absent(7, ObjectState.TRACKING, "ball")}, image=flat(320, 192)), AnnotateConfig()
    )
    assert (picture != other).any(), "the state must be readable"


def test_labels_off_draws_no_text() -> None:
    objects = {7: absent(7, ObjectState.LOST)}
    assert (annotate(result(0, objects, image=flat(320, 192)), AnnotateConfig(labels=False)) == GREY).all()


def test_wide_frame_is_scaled_with_its_masks() -> None:
    tracked = result(0, one_disc(1280, 720), image=flat(1280, 720))
    picture = annotate(tracked, AnnotateConfig(max_width_px=640, labels=False, outline_px=0))
    assert picture.shape == (360, 640, 3)
    changed = (picture != GREY).any(axis=2)
    expected = disc(319.75, 179.75, 90, (360, 640))
    assert np.count_nonzero(changed ^ expected) < 2 * np.pi * 90  # a pixel along the edge


@pytest.mark.parametrize(
    ("width", "height", "limit", "expected"),
    [
        (640, 360, 1280, (640, 360)),
        (641, 361, 1280, (640, 360)),
        (1920, 1080, 1280, (1280, 720)),
        (1921, 1081, 1280, (1280, 720)),
        (500, 333, 101, (100, 66)),
        (64, 1, 64, (64, 2)),
    ],
)
def test_picture_size_is_even_and_fits(
    width: int, height: int, limit: int, expected: tuple[int, int]
) -> None:
    assert picture_size(width, height, limit) == expected
    if height > 1:
        assert (
            annotate(
                result(0, {}, image=flat(width, height)), AnnotateConfig(max_width_px=max(limit, 64))
            ).shape[:2]
            == picture_size(width, height, max(limit, 64))[::-1]
        )


@pytest.mark.parametrize(
    "box", [(0, 0, 9, 9), (311, 0, 320, 9), (0, 183, 9, 192), (311, 183, 320, 192), (0, 0, 320, 192)]
)
def test_objects_at_the_border_and_of_one_pixel_are_drawn(box: tuple[int, int, int, int]) -> None:
    mask = np.zeros((192, 320), np.bool_)
    mask[box[1] : box[3], box[0] : box[2]] = True
    dot = np.zeros((192, 320), np.bool_)
    dot[box[1], box[0]] = True
    objects = {1: ObjectMask.from_mask(mask, 1, label="x" * 200), 2: ObjectMask.from_mask(dot, 2)}
    for config in (AnnotateConfig(), AnnotateConfig(max_width_px=100), AnnotateConfig(outline_px=16)):
        picture = annotate(result(0, objects, image=flat(320, 192)), config)
        assert (picture != GREY).any()


def test_tags_of_close_objects_do_not_cover_each_other() -> None:
    objects = {
        key: ObjectMask.from_mask(disc(x, 100, 20, (192, 320)), key, label="somebody")
        for key, x in ((1, 150), (2, 170))
    }
    bare = annotate(result(0, objects, image=flat(320, 192)), AnnotateConfig(labels=False))
    both = annotate(result(0, objects, image=flat(320, 192)), AnnotateConfig())
    drawn = np.count_nonzero((both != bare).any(axis=2))
    areas = [render_tag(f"{key} somebody", "", object_colour(key), 11).colour.shape for key in objects]
    # Round corners leave a few pixels of each rectangle free.
    assert drawn > 0.95 * sum(height * width for height, width, _ in areas)


def test_tag_is_cut_at_the_picture_and_needs_no_latin_letters() -> None:
    picture = flat(40, 40)
    tag = render_tag("3 球 Ñandú", "lost", (255, 0, 0), 13)
    for place in ((-30, -5), (35, 35), (100, 100)):
        blend_tag(picture, tag, *place)
    assert picture.shape == (40, 40, 3)
    assert (picture[:3] != GREY).any()
    assert (picture[20, 20] == GREY).all()


def test_colours_of_neighbouring_ids_are_far_apart_and_stable() -> None:
    colours = np.array([object_colour(index) for index in range(16)], float)
    for index in range(15):
        # Ids in a row are what an operator sees side by side; 60 of 441 is clearly another colour.
        assert np.linalg.norm(colours[index] - colours[index + 1]) > 60
    assert object_colour(5) == object_colour(5 + PALETTE_SIZE)
    assert palette()[1] == "#{:02x}{:02x}{:02x}".format(*object_colour(1))


@pytest.mark.parametrize("kind", ["protan", "deutan", "tritan"])
def test_first_six_colours_differ_for_the_colour_blind(kind: str) -> None:
    # Machado, Oliveira, Fernandes 2009, severity 1.0, on linear RGB.
    matrices = {
        "protan": [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ],
        "deutan": [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ],
        "tritan": [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ],
    }
    linear = (np.array([object_colour(index) for index in range(1, 7)]) / 255) ** 2.2
    seen = np.clip(linear @ np.array(matrices[kind]).T, 0, 1) ** (1 / 2.2) * 255
    closest = min(np.linalg.norm(seen[a] - seen[b]) for a in range(6) for b in range(a))
    assert closest > 20


def test_sixteen_labels_are_all_readable_and_a_far_one_is_tied_to_its_object() -> None:
    objects = {
        key: ObjectMask.from_mask(
            disc(300 + 14 * (key % 4), 150 + 14 * (key // 4), 9, (360, 640)), key, label="Player"
        )
        for key in range(16)
    }
    bare = annotate(result(0, objects, image=flat(640, 360)), AnnotateConfig(labels=False))
    labelled = annotate(result(0, objects, image=flat(640, 360)), AnnotateConfig())
    drawn = np.count_nonzero((labelled != bare).any(axis=2))
    tags = [render_tag(f"{key} Player", "", object_colour(key), 13).colour.shape for key in objects]
    # Round corners leave a few pixels of each rectangle free; sixteen tags in one place would draw a tenth.
    assert drawn > 0.95 * sum(height * width for height, width, _ in tags)
