"""Which finds objects in doubt may be, on finds and masks made by hand."""

from __future__ import annotations

from dataclasses import replace

from streamtrack.frame import ObjectState
from tests.support.mended import GONE, NEIGHBOUR, PERSON, UNCERTAIN, Stream, find, mask_in, moved

HALF_SEEN = moved(PERSON, 10)
ASTRAY = mask_in((10, 210, 70, 290), state=UNCERTAIN)


def test_who_is_half_hidden_where_it_is_expected_is_it_if_others_there_look_like_it_less() -> None:
    neighbour = mask_in(NEIGHBOUR, 2)
    for other, mended in ((0.2, ["uncertain"]), (0.35, [])):
        stream = Stream({(1, HALF_SEEN): 0.4, (2, HALF_SEEN): other, NEIGHBOUR: 0.9})
        stream.start().start(NEIGHBOUR, 2)
        assert stream.mended([find(HALF_SEEN), find(NEIGHBOUR)], ASTRAY, neighbour) == mended
    alone = Stream({(1, HALF_SEEN): 0.4}).start()
    assert alone.mended([find(HALF_SEEN)], ASTRAY, looks=4) == [], "nobody to compare it with"
    far = moved(PERSON, 90)
    stream = Stream({(1, far): 0.4, (2, far): 0.1}).start().start(NEIGHBOUR, 2)
    assert stream.mended([find(far)], ASTRAY, replace(GONE, object_id=2), looks=4) == [], "not where expected"


def test_weak_find_counts_where_the_object_is_expected_and_starts_at_no_single_look() -> None:
    weak = find(HALF_SEEN, score=0.35)
    stream = Stream({HALF_SEEN: 0.9}).start()
    assert [stream.mended([weak], ASTRAY, looks=1) for _ in range(2)] == [[], ["uncertain"]]
    for unfit in (find(moved(PERSON, 90), score=0.35), find(HALF_SEEN, score=0.2)):
        assert Stream({unfit.box: 0.9}).start().mended([unfit], ASTRAY, looks=4) == []
    assert Stream().start().mended([weak], ASTRAY, looks=4) == [], "nobody knows how it looks"


def test_find_that_may_be_who_was_met_a_moment_ago_starts_nothing_for_a_while() -> None:
    beside = moved(PERSON, 60)
    hidden = replace(GONE, state=ObjectState.OCCLUDED)
    stream = Stream({beside: 0.3}, gone_after_ms=0).start()
    claimed = [stream.see([find(beside)], hidden).claimed for _ in range(8)]
    assert claimed[0] == frozenset({0})
    assert claimed[-1] == frozenset()
    another = Stream({beside: 0.1}, gone_after_ms=0).start()
    assert another.see([find(beside)], hidden).claimed == frozenset()
