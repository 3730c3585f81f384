"""What people write after --background, --panels and --export."""

from __future__ import annotations

import pytest

from streamtrack.errors import PublishError
from streamtrack.offline.export_options import parse_colour, parse_panels, split_names


@pytest.mark.parametrize(
    ("text", "colour"),
    [
        ("#00ff00", (0, 255, 0)),
        (" white ", (255, 255, 255)),
        ("#123", (17, 34, 51)),
        ("rgb(1,2,3)", (1, 2, 3)),
    ],
)
def test_colour_is_read(text: str, colour: tuple[int, int, int]) -> None:
    assert parse_colour(text) == colour


@pytest.mark.parametrize("text", ["", "greenish", "#00ff0", "#00ff0080", "1,2"])
def test_what_is_no_opaque_colour_is_refused(text: str) -> None:
    with pytest.raises(PublishError, match=r"^--background is '.*', expected an opaque colour"):
        parse_colour(text)


def test_panels_keep_their_order() -> None:
    assert parse_panels("mask, source") == ("mask", "source")


@pytest.mark.parametrize("text", ["", "source,", "source,source", "depth"])
def test_panels_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(PublishError, match=r"^--panels is '.*', expected some of source,overlay,mask"):
        parse_panels(text)


def test_names_stand_in_one_option_or_in_several() -> None:
    assert split_names(["yolo, coco", "overlay", ""]) == ("yolo", "coco", "overlay")
