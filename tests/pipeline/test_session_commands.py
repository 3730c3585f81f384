"""Commands on a stream that stands still: what each does at once, and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest

from streamtrack.client import EventSubscriber, MaskSubscriber
from streamtrack.control.commands import (
    AddCommand,
    CandidatesCommand,
    ChooseCommand,
    ClearCommand,
    CorrectCommand,
    FindCommand,
    LabelCommand,
    LikenessCommand,
    ListCommand,
    MendCommand,
    MergeCommand,
    RemoveCommand,
    RleMask,
    StartOverCommand,
    UndoCommand,
    parse_command,
)
from streamtrack.detect import box_iou
from streamtrack.errors import (
    DuplicateObjectError,
    FrameExpiredError,
    NothingFoundError,
    PromptError,
    ShapeError,
    UnknownObjectError,
)
from streamtrack.frame import Event, EventKind, FrameResult, ObjectMask, masks_iou
from streamtrack.pipeline import Pipeline
from streamtrack.pipeline.session_commands import object_at
from streamtrack.publish.mask_codec import encode_rle
from streamtrack.publish.zmq_publisher import ZmqPublisher
from streamtrack.tracking import Session
from tests.support.masks import join, join_events
from tests.support.pipelines import (
    BOX,
    LAST,
    MASK,
    OTHER_MASK,
    OTHER_TRUTH,
    PROMPT,
    SOON_S,
    TRUTH,
    ask,
    iou,
    newest,
    publishing,
    refuse,
    running,
    stream_config,
    wait_until,
)
from tests.support.video import disc, result


@pytest.fixture(scope="module")
def ended() -> Iterator[tuple[Pipeline, ZmqPublisher]]:
    """A stream that tracked STILL without any object to its end. Tests leave no object behind."""
    with publishing() as both, running(stream_config(autoprompt=None), *both) as pipeline:
        wait_until(lambda: pipeline.state == "ended" and newest(pipeline) == LAST, "the end of the recording")
        yield pipeline, both[0]


@pytest.fixture(autouse=True)
def without_objects(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whatever a test left behind on the shared stream is no business of the next."""
    yield
    if "ended" in request.fixturenames:
        pipeline = request.getfixturevalue("ended")[0]
        for found in pipeline.status().objects:
            ask(pipeline, RemoveCommand(stream="cam", object_id=found.object_id))


def test_click_on_a_stream_that_stands_still_shows_at_once(ended: tuple[Pipeline, ZmqPublisher]) -> None:
    pipeline, publisher = ended
    with (
        MaskSubscriber(publisher.address, "cam") as subscriber,
        EventSubscriber(publisher.address, "cam") as events,
    ):
        join(publisher, subscriber, "cam")
        join_events(publisher, events, Event(EventKind.GAP, 0), "cam")
        answer = ask(pipeline, AddCommand(stream="cam", box=BOX, label="ball"))
        message = subscriber.receive(int(SOON_S * 1000))
        # The frame is tracked before it is published: what it looked like before the click may come first.
        while message is not None and not message.objects:
            message = subscriber.receive(int(SOON_S * 1000))
        event = events.receive(int(SOON_S * 1000))
    assert event is not None
    assert (event.kind, event.object_id, event.frame_idx) == ("added", answer.object_id, LAST)
    assert answer.frame_idx == LAST
    assert answer.object_id is not None
    assert message is not None
    assert message.frame_idx == LAST, "the frame that was published before, with its new masks"
    assert iou(message.objects[answer.object_id].mask, TRUTH) > 0.6, "not the object that was meant"
    listed = ask(pipeline, ListCommand(stream="cam")).objects
    assert [(o.object_id, o.label, o.added_at_frame) for o in listed] == [(answer.object_id, "ball", LAST)]
    ask(pipeline, LabelCommand(stream="cam", object_id=answer.object_id, label="red ball"))
    assert pipeline.status().objects[0].label == "red ball"
    ask(pipeline, RemoveCommand(stream="cam", object_id=answer.object_id))

    assert pipeline.status().objects == ()
    again = ask(pipeline, AddCommand(stream="cam", box=BOX))
    assert again.object_id == answer.object_id + 1, "an id is not given twice"


def test_prompt_on_a_past_frame_is_fast_forwarded(ended: tuple[Pipeline, ZmqPublisher]) -> None:
    pipeline, _ = ended
    answer = ask(pipeline, AddCommand(stream="cam", box=BOX, at_frame=0))
    assert answer.frame_idx == 0
    assert answer.object_id is not None
    assert pipeline.status().objects[0].added_at_frame == 0
    mended = ask(
        pipeline, CorrectCommand(stream="cam", object_id=answer.object_id, points=PROMPT.points, at_frame=1)
    )
    assert (mended.frame_idx, mended.object_id) == (1, answer.object_id)


def test_what_was_found_becomes_the_object_and_is_compared_with_it(
    ended: tuple[Pipeline, ZmqPublisher],
) -> None:
    pipeline, _ = ended
    assert BOX is not None
    answer = ask(pipeline, AddCommand(stream="cam", mask=OTHER_MASK, at_frame=0))
    assert answer.object_id is not None
    with pipeline.watch_events() as events:
        ask(
            pipeline,
            MendCommand(
                stream="cam",
                object_id=answer.object_id,
                box=BOX,
                in_doubt_from=0,
                detail={"by": "me", "n": 2},
            ),
        )
        wait_until(lambda: (event := events.get(0.1)) is not None and event.kind is EventKind.MENDED, "it")
    [found] = pipeline.status().objects
    assert (found.object_id, box_iou(found.box, BOX) > 0.6) == (answer.object_id, True)
    boxes = (BOX, (2.0, 2.0, 30.0, 30.0))
    ask_for = LikenessCommand(stream="cam", object_id=answer.object_id, boxes=boxes)
    assert ask(pipeline, ask_for).likeness == (None, None), "nothing was kept of it"
    same, other = ask(pipeline, ask_for.model_copy(update={"keep": True})).likeness
    assert same is not None
    assert same > 0.85
    assert other is None or other < same
    refuse(pipeline, LikenessCommand(stream="cam", object_id=77), UnknownObjectError)


def test_mask_as_run_lengths_starts_an_object(ended: tuple[Pipeline, ZmqPublisher]) -> None:
    pipeline, _ = ended
    height, width = TRUTH.shape
    counts = encode_rle(TRUTH, (0, 0, width, height), (height, width)).decode()
    answer = ask(pipeline, AddCommand(stream="cam", mask=RleMask(size=(height, width), counts=counts)))
    assert answer.object_id is not None
    found = pipeline.status().objects[0]
    assert found.area_px == pytest.approx(TRUTH.sum(), rel=0.2)


def test_prompt_that_does_not_fit_is_refused_and_the_stream_goes_on(
    ended: tuple[Pipeline, ZmqPublisher],
) -> None:
    pipeline, _ = ended
    outside = AddCommand(stream="cam", points=((5000.0, 10.0),))
    assert "point 0 is (5000, 10), expected inside the frame of 640 x 360" in refuse(
        pipeline, outside, PromptError
    )
    empty = AddCommand(stream="cam", box=(10, 10, 10, 20))
    assert "expected x0 < x1 and y0 < y1" in refuse(pipeline, empty, PromptError)
    nothing = AddCommand(stream="cam")
    assert "the prompt is empty" in refuse(pipeline, nothing, PromptError)
    other_size = AddCommand(stream="cam", mask=RleMask(size=(16_384, 16_384), counts="0"))
    assert "size [16384, 16384], expected [360, 640]" in refuse(pipeline, other_size, ShapeError)
    broken = AddCommand(stream="cam", mask=RleMask(size=(360, 640), counts="~~~~"))
    assert "mask.counts" in refuse(pipeline, broken, ShapeError)
    unknown = CorrectCommand(stream="cam", object_id=77, points=((1.0, 1.0),))
    assert refuse(pipeline, unknown, UnknownObjectError) == (
        "cam: object_id is 77, expected one that is followed: none"
    )
    refuse(pipeline, RemoveCommand(stream="cam", object_id=77), UnknownObjectError)
    refuse(pipeline, LabelCommand(stream="cam", object_id=77, label="x"), UnknownObjectError)
    future = AddCommand(stream="cam", box=BOX, at_frame=99)
    assert "at_frame is 99, expected a kept frame from 0 to 2" in refuse(pipeline, future, FrameExpiredError)
    assert ask(pipeline, ListCommand(stream="cam")).frame_idx == LAST
    assert pipeline.status().state == "ended"


def test_second_object_over_the_first_is_refused_and_leaves_nothing(
    ended: tuple[Pipeline, ZmqPublisher],
) -> None:
    pipeline, _ = ended
    first = ask(pipeline, AddCommand(stream="cam", box=BOX)).object_id
    reason = refuse(pipeline, AddCommand(stream="cam", box=BOX), DuplicateObjectError)
    assert reason == f"cam: object {first} is followed there already, expected another place"
    assert [found.object_id for found in pipeline.status().objects] == [first]


def change_results(monkeypatch: pytest.MonkeyPatch, change: Callable[[int, ObjectMask], ObjectMask]) -> None:
    told = Session.result

    def changed(session: Session, frame_idx: int | None = None) -> FrameResult:
        shown = told(session, frame_idx)
        return replace(shown, objects={i: change(shown.frame_idx, o) for i, o in shown.objects.items()})

    monkeypatch.setattr(Session, "result", changed)


def emptied(found: ObjectMask) -> ObjectMask:
    return ObjectMask.from_mask(np.zeros(TRUTH.shape, np.bool_), found.object_id)


def test_prompt_without_an_object_under_it_is_refused_and_leaves_nothing(
    ended: tuple[Pipeline, ZmqPublisher], monkeypatch: pytest.MonkeyPatch
) -> None:
    change_results(monkeypatch, lambda frame_idx, found: emptied(found))
    reason = refuse(ended[0], AddCommand(stream="cam", points=((5, 5),)), NothingFoundError)
    assert reason == "cam: nothing was found there, expected an object"
    assert ended[0].status().objects == ()


def test_a_click_on_what_has_no_outline_finds_nothing_and_a_box_takes_what_is_there(
    ended: tuple[Pipeline, ZmqPublisher], monkeypatch: pytest.MonkeyPatch
) -> None:
    change_results(monkeypatch, lambda frame_idx, found: replace(found, iou_score=0.39))
    refuse(ended[0], AddCommand(stream="cam", points=((5, 5),)), NothingFoundError)
    ask(ended[0], AddCommand(stream="cam", box=BOX))


def test_who_was_there_on_the_clicked_frame_is_followed_though_unseen_since(
    ended: tuple[Pipeline, ZmqPublisher], monkeypatch: pytest.MonkeyPatch
) -> None:
    change_results(monkeypatch, lambda frame_idx, found: found if frame_idx < LAST else emptied(found))
    refuse(ended[0], AddCommand(stream="cam", box=BOX), NothingFoundError)
    assert ask(ended[0], AddCommand(stream="cam", box=BOX, at_frame=LAST - 1)).object_id is not None


def test_object_under_a_point_is_named(ended: tuple[Pipeline, ZmqPublisher]) -> None:
    pipeline, _ = ended
    object_id = ask(pipeline, AddCommand(stream="cam", box=BOX)).object_id
    assert BOX is not None
    x, y = (BOX[0] + BOX[2]) / 2, (BOX[1] + BOX[3]) / 2
    found = ask(pipeline, FindCommand(stream="cam", point=(x, y)))
    assert (found.object_id, found.frame_idx) == (object_id, LAST)
    assert ask(pipeline, FindCommand(stream="cam", point=(x, y), at_frame=LAST - 1)).object_id is None
    assert ask(pipeline, FindCommand(stream="cam", point=(-3, 9999))).object_id is None
    with pytest.raises(PromptError, match="point"):
        parse_command({"op": "find", "stream": "cam", "point": [float("nan"), 0]})
    refuse(pipeline, FindCommand(stream="cam", point=(x, y), at_frame=99), FrameExpiredError)


def test_of_two_objects_under_a_point_the_smaller_is_meant() -> None:
    small, large = disc(100, 80, 10), disc(100, 80, 30)
    both = result(0, {1: ObjectMask.from_mask(large, 1), 2: ObjectMask.from_mask(small, 2)})
    assert object_at(both, (100, 80)) == 2
    assert object_at(both, (120, 80)) == 1
    assert object_at(both, (132, 80)) == 1, "two pixels beside the mask"
    assert object_at(both, (136, 80)) is None


def test_overlap_of_masks_is_counted_in_pixels() -> None:
    a, b = np.zeros((40, 40), np.bool_), np.zeros((40, 40), np.bool_)
    a[0:10, 0:10] = True
    b[5:15, 0:10] = True
    empty = np.zeros((40, 40), np.bool_)
    one, other, none = (ObjectMask.from_mask(mask, i) for i, mask in enumerate((a, b, empty)))
    assert masks_iou(one, other) == pytest.approx(50 / 150)
    assert masks_iou(one, one) == 1
    assert masks_iou(one, none) == 0
    assert masks_iou(none, none) == 0


def test_undo_is_never_clicked_and_gives_the_id_back(ended: tuple[Pipeline, ZmqPublisher]) -> None:
    pipeline, _ = ended
    first = ask(pipeline, AddCommand(stream="cam", box=BOX, at_frame=0)).object_id
    assert first is not None
    before = pipeline.status().objects
    corner = CorrectCommand(stream="cam", object_id=first, points=((10.0, 10.0),), at_frame=1)
    ask(pipeline, corner)
    assert pipeline.status().objects != before
    undone = ask(pipeline, UndoCommand(stream="cam", object_id=first))
    assert (undone.undone, undone.object_id, undone.frame_idx) == ("correct", first, 1)
    assert pipeline.status().objects == before
    second = ask(pipeline, AddCommand(stream="cam", mask=OTHER_MASK)).object_id
    assert ask(pipeline, UndoCommand(stream="cam")).undone == "start"
    assert [found.object_id for found in pipeline.status().objects] == [first]
    assert ask(pipeline, AddCommand(stream="cam", mask=OTHER_MASK)).object_id == second
    unknown = refuse(pipeline, UndoCommand(stream="cam", object_id=77), UnknownObjectError)
    assert "object_id is 77" in unknown


def test_a_click_offers_masks_and_the_chosen_one_is_followed(ended: tuple[Pipeline, ZmqPublisher]) -> None:
    pipeline, _ = ended
    click = AddCommand(stream="cam", points=PROMPT.points, at_frame=1)
    object_id = ask(pipeline, click).object_id
    assert object_id is not None
    answer = ask(pipeline, CandidatesCommand(stream="cam", object_id=object_id))
    assert answer.frame_idx == 1
    assert [one.index for one in answer.candidates] == [0, 1, 2]
    areas = [one.area_px for one in answer.candidates]
    assert areas == sorted(areas, reverse=True)
    [chosen] = [one for one in answer.candidates if one.chosen]
    other = next(one for one in answer.candidates if one.area_px != chosen.area_px)
    ask(pipeline, ChooseCommand(stream="cam", object_id=object_id, index=other.index))
    again = ask(pipeline, CandidatesCommand(stream="cam", object_id=object_id)).candidates
    assert [one.index for one in again if one.chosen] == [other.index]
    assert [one.mask for one in again] == [one.mask for one in answer.candidates]
    assert ask(pipeline, UndoCommand(stream="cam")).undone == "choose"
    assert ask(pipeline, CandidatesCommand(stream="cam", object_id=object_id)) == answer
    beyond = ChooseCommand(stream="cam", object_id=object_id, index=3)
    assert refuse(pipeline, beyond, PromptError) == (
        f"object {object_id}: candidate 3, expected one from 0 to 2"
    )
    ask(pipeline, StartOverCommand(stream="cam", object_id=object_id, mask=MASK))
    assert refuse(pipeline, CandidatesCommand(stream="cam", object_id=object_id), PromptError) == (
        f"object {object_id}: its newest prompt has one mask only, expected a single click"
    )


def test_objects_are_started_over_and_merged_and_cleared(ended: tuple[Pipeline, ZmqPublisher]) -> None:
    pipeline, _ = ended
    first = ask(pipeline, AddCommand(stream="cam", mask=MASK, label="ball")).object_id
    other = ask(pipeline, AddCommand(stream="cam", mask=OTHER_MASK)).object_id
    assert first is not None
    assert other is not None
    ask(pipeline, MergeCommand(stream="cam", object_id=first, other_id=other))
    [merged] = pipeline.status().objects
    assert (merged.object_id, merged.label) == (first, "ball")
    assert merged.area_px == pytest.approx((TRUTH | OTHER_TRUTH).sum(), rel=0.2)
    assert ask(pipeline, UndoCommand(stream="cam")).undone == "merge"
    assert [found.object_id for found in pipeline.status().objects] == [first, other]
    ask(pipeline, RemoveCommand(stream="cam", object_id=other))
    ask(pipeline, StartOverCommand(stream="cam", object_id=first, mask=OTHER_MASK))
    [moved] = pipeline.status().objects
    assert (moved.object_id, moved.label) == (first, "ball")
    assert moved.area_px == pytest.approx(OTHER_TRUTH.sum(), rel=0.2)
    ask(pipeline, ClearCommand(stream="cam", object_id=first))
    assert pipeline.status().objects == (), "its only prompt"
    again = ask(pipeline, AddCommand(stream="cam", mask=MASK)).object_id
    assert again == other + 1, "the id of an object that was removed stays used"
