"""An object of one camera, looked for in another one's picture: found beside others, not where it is gone."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
import pytest

from streamtrack.config import TrackingConfig
from streamtrack.errors import ObjectMemoryError, PromptError
from streamtrack.frame import BoolMask, Image
from streamtrack.scenes.scene import make_scene
from tests.support.pipelines import nano

pytestmark = pytest.mark.tracks

GROUND = (90, 110, 100)
CONFIG = TrackingConfig(window="auto")
OBJECT = 1


def from_elsewhere(image: Image, masks: Mapping[int, BoolMask]) -> tuple[Image, dict[int, BoolMask]]:
    """What another camera sees: smaller, elsewhere in the picture, and from the other side."""
    height, width = image.shape[:2]
    matrix = np.array([[0.8, 0, 70], [0, 0.8, 40]], np.float32)

    def seen(picture: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> Image:
        border = GROUND if picture.ndim == 3 else (0, 0, 0)
        moved = cv2.warpAffine(picture, matrix, (width, height), flags=cv2.INTER_AREA, borderValue=border)
        return np.ascontiguousarray(moved[:, ::-1])

    return seen(image), {key: seen(mask.astype(np.uint8)) > 0 for key, mask in masks.items()}


@pytest.fixture(scope="module")
def memory() -> bytes:
    """Of an object that the first camera has followed for some frames."""
    scene = make_scene("occlusion")
    session = nano().new_session(CONFIG)
    session.add(OBJECT, mask=scene.render(0)[1][OBJECT], label="ball")
    for index in range(5):
        session.step(scene.render(index)[0])
    return session.export_object(OBJECT)


def test_it_is_proposed_where_it_is_and_not_where_it_is_gone(memory: bytes) -> None:
    image, masks = from_elsewhere(*make_scene("occlusion").render(10))
    session = nano().new_session(CONFIG)
    session.step(image)
    proposal = session.memories.propose(memory)
    assert proposal.found is not None
    found, truth = proposal.found.mask, masks[OBJECT]
    assert (found & truth).sum() > 0.8 * (found | truth).sum()
    assert proposal.score > 0.6
    assert session.object_ids == ()

    gone = image.copy()
    gone[cv2.dilate(truth.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0] = GROUND
    session.step(gone)
    assert session.memories.propose(memory).score < 0.3

    session.step(image)
    x0, y0, x1, y1 = proposal.found.box
    session.memories.add(7, memory, at_frame=2, place=(float(x0), float(y0), float(x1), float(y1)))
    followed = session.result().objects[7]
    assert (followed.mask & truth).sum() > 0.8 * (followed.mask | truth).sum()
    assert followed.label == "ball"


def test_a_proposal_wants_a_picture_and_a_memory_that_fits(memory: bytes) -> None:
    session = nano().new_session(CONFIG)
    with pytest.raises(PromptError, match="no frame was tracked yet"):
        session.memories.propose(memory)
    session.step(make_scene("occlusion").render(0)[0])
    with pytest.raises(ObjectMemoryError, match="its tensors cannot be read"):
        session.memories.propose(memory[:-1])
