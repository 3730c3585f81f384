"""An object that may be anywhere is looked for everywhere."""

from __future__ import annotations

import pytest

from streamtrack.config import TrackingConfig
from streamtrack.scenes.scene import make_scene
from streamtrack.tracking.search import MAX_WINDOWS, windows_over
from streamtrack.tracking.window_policy import WindowRules
from tests.support.pipelines import nano

RULES = WindowRules(least_px=60)


@pytest.mark.parametrize("size", [(360, 640), (480, 480), (1080, 1920), (640, 360)])
def test_every_pixel_is_in_a_window_of_each_size(size: tuple[int, int]) -> None:
    views = windows_over(size, RULES)
    assert len(views) <= MAX_WINDOWS
    for height in {view.height for view in views}:
        of_it = [view for view in views if view.height == height]
        for x in range(2, size[1] - 2, 17):
            for y in range(2, size[0] - 2, 17):
                assert any(view.holds((x, y, x, y), margin_px=0) for view in of_it)


def test_windows_are_no_smaller_than_they_may_be_and_not_many() -> None:
    assert windows_over((100, 100), RULES) == []
    assert len(windows_over((16, 9000), WindowRules(least_px=1))) <= MAX_WINDOWS


def test_it_is_found_where_it_went_and_small_in_the_picture() -> None:
    scene = make_scene("many?width=960&height=540&frames=40")
    image, masks = scene.render(0)
    later, truth = scene.render(30)
    config = TrackingConfig(window=2.0)
    object_id = min(masks, key=lambda key: masks[key].sum() if masks[key].sum() > 600 else 1 << 30)
    memory = nano().remember(image, mask=masks[object_id], config=config)
    session = nano().new_session(config)
    session.add(object_id, memory=memory, anywhere=True)
    found = session.step(later).objects[object_id].mask
    assert (found & truth[object_id]).sum() > 0.5 * (found | truth[object_id]).sum()
