from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from streamtrack.clock import NS_PER_S
from streamtrack.frame import EventKind, Image
from streamtrack.ingest.decoder import Picture
from streamtrack.ingest.notices import MAX_WAITING, SourceWatch

FRAME_NS = NS_PER_S // 10


def image(seed: int, size: tuple[int, int] = (72, 128)) -> Image:
    return np.random.default_rng(seed).integers(0, 255, (*size, 3), dtype=np.uint8)


def picture(content: Image, tenths: int, *, damaged: bool = False, stepped_back_s: float = 0.0) -> Picture:
    return Picture(content, tenths, Fraction(1, 10), damaged=damaged, stepped_back_s=stepped_back_s)


def show(watch: SourceWatch, images: list[Image]) -> None:
    """Ten pictures a second."""
    for tenths, content in enumerate(images):
        watch.picture(picture(content, tenths), tenths * FRAME_NS)


def kinds(watch: SourceWatch) -> list[EventKind]:
    return [notice.kind for notice in watch.take()]


def test_same_picture_over_and_over_is_told_once_and_its_end_too() -> None:
    watch = SourceWatch(frozen_after_ms=1000)

    show(watch, [image(n) for n in range(5)] + [image(4)] * 15)
    assert kinds(watch) == [EventKind.FROZEN]
    watch.picture(picture(image(9), 20), 20 * FRAME_NS)
    assert kinds(watch) == [EventKind.UNFROZEN]


def test_keyframes_that_repeat_in_a_frozen_picture_do_not_hide_it() -> None:
    watch = SourceWatch(frozen_after_ms=1000)
    key, rest = image(1), image(2)

    show(watch, [key, rest, rest, rest, rest] * 6)

    assert kinds(watch) == [EventKind.FROZEN]


@pytest.mark.parametrize("case", ["noise", "a clip in a loop", "off", "one pixel"])
def test_what_moves_is_not_frozen(case: str) -> None:
    watch = SourceWatch(frozen_after_ms=0 if case == "off" else 1000)
    still = image(1)
    series: dict[str, list[Image]] = {
        "noise": [
            np.clip(still + np.random.default_rng(n).normal(0, 1, still.shape), 0, 255).astype(np.uint8)
            for n in range(40)
        ],
        "a clip in a loop": [image(n % 10) for n in range(60)],
        "off": [still] * 40,
        "one pixel": [still.copy() for _ in range(40)],
    }
    images = series[case]
    for number, content in enumerate(images if case == "one pixel" else []):
        content[36, 64] = number

    show(watch, images)

    assert kinds(watch) == []


def test_new_size_is_told_with_both_sizes() -> None:
    watch = SourceWatch(0)

    show(watch, [image(1), image(2, (96, 128))])

    (notice,) = watch.take()
    assert (notice.kind, dict(notice.detail)) == (
        EventKind.SIZE_CHANGED,
        {"before": [128, 72], "now": [128, 96]},
    )


@pytest.mark.parametrize(("seconds", "told"), [(9.0, True), (3600.0, True), (-7200.0, True), (1.0, False)])
def test_clock_that_jumps_is_told(seconds: float, told: bool) -> None:
    watch = SourceWatch(0)
    watch.picture(picture(image(1), 0), 0)
    back = max(0.0, -seconds)

    watch.picture(picture(image(2), 1 + round(10 * max(0.0, seconds)), stepped_back_s=back), FRAME_NS)

    notices = watch.take()
    assert [n.kind for n in notices] == ([EventKind.CLOCK_JUMPED] if told else [])
    assert not told or notices[0].detail["seconds"] == pytest.approx(seconds, abs=0.2)


def test_time_without_pictures_is_no_jump() -> None:
    watch = SourceWatch(0)
    watch.picture(picture(image(1), 0), 0)
    watch.picture(picture(image(2), 600), 600 * FRAME_NS)
    watch.connected()
    watch.picture(picture(image(3), 99_000), 601 * FRAME_NS)

    assert kinds(watch) == []


def test_damage_is_told_when_it_begins_and_when_it_is_over() -> None:
    watch = SourceWatch(0)
    watch.picture(picture(image(1), 0), 0)
    watch.skipped(2, FRAME_NS)
    watch.picture(picture(image(2), 3, damaged=True), 3 * FRAME_NS)
    watch.picture(picture(image(3), 4), 4 * FRAME_NS)

    began, over = watch.take()
    assert (began.kind, began.detail["over"]) == (EventKind.DAMAGED, False)
    assert dict(over.detail) == {"over": True, "pictures": 3, "seconds": pytest.approx(0.3)}


def test_notices_that_nobody_takes_are_bounded() -> None:
    watch = SourceWatch(0)

    show(watch, [image(1, (72 + n % 2, 128)) for n in range(3 * MAX_WAITING)])

    assert len(watch.take()) == MAX_WAITING
    assert watch.take() == ()
