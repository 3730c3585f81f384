"""Who looks like what was remembered."""

from __future__ import annotations

import numpy as np

from streamtrack.tracking.colours import BANDS, NUM_BINS, Colours
from streamtrack.tracking.gallery import GALLERY, is_known, least_alike, with_look
from streamtrack.tracking.known_look import KnownLook
from streamtrack.tracking.memory_rules import MemoryRules

RULES = MemoryRules(found_similarity=0.5, found_margin=0.03, found_colours=0.8)


def look(angle: float, colour: int | None = None) -> KnownLook:
    colours: Colours | None = None
    if colour is not None:
        colours = np.zeros((BANDS, NUM_BINS), np.float32)
        colours[:, colour] = 1
    return KnownLook(np.array([np.cos(angle), np.sin(angle)], np.float32), colours)


def test_colours_decide_where_they_are_known() -> None:
    gallery = (look(0.0, 3), look(0.05, 3))
    assert is_known(gallery, look(0.8, 3), RULES), "it turned"
    assert not is_known(gallery, look(0.0, 4), RULES), "somebody else in the same pose"
    assert not is_known(gallery, look(1.2, 3), RULES), "something else of its colours"


def test_features_decide_where_they_are_not() -> None:
    gallery = (look(0.0), look(0.05))
    assert is_known(gallery, look(0.1), RULES)
    assert not is_known(gallery, look(0.8), RULES)
    assert least_alike(gallery[:1], RULES) == RULES.found_similarity
    assert is_known((), look(2.0), RULES)
    assert is_known(gallery, None, RULES)


def test_gallery_keeps_the_last_prompts_look_and_the_newest() -> None:
    prompt, gallery = look(0.0), with_look((), look(0.0), prompted=True)
    for index in range(1, 20):
        gallery = with_look(gallery, look(index / 10), prompted=False)
    assert len(gallery) == GALLERY
    assert np.array_equal(gallery[0].features, prompt.features)
    assert np.array_equal(gallery[-1].features, look(1.9).features)
    again = with_look(gallery, look(3.0), prompted=True)
    assert len(again) == GALLERY
    assert np.array_equal(again[0].features, look(3.0).features)
    nothing = KnownLook(np.zeros(2, np.float32))
    assert with_look(again, nothing, prompted=True) == again
