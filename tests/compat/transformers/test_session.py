"""What a session tells, forgets and refuses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch

from streamtrack.compat.transformers import Sam2VideoModel
from streamtrack.engine.film_frames import CACHED_FRAMES
from streamtrack.errors import PromptError, ShapeError
from streamtrack.frame import Image
from streamtrack.model.build import LoadedModel
from tests.support.hub_model import SIDE

CLICK: dict[str, Any] = {"input_points": [[[[100, 80]]]], "input_labels": [[[1]]]}


def test_objects_come_and_go(ours: Any, images: Sequence[Image]) -> None:
    model, processor = ours
    session = processor.init_video_session(video=images)
    assert (session.num_frames, session.video_height, session.video_width) == (5, 180, 320)
    processor.add_inputs_to_inference_session(session, 0, 5, **CLICK)
    processor.add_inputs_to_inference_session(session, 0, 2, **CLICK)
    assert (session.obj_ids, session.get_obj_num(), session.obj_with_new_inputs) == ([5, 2], 2, [2])
    assert (session.obj_id_to_idx(2), session.obj_idx_to_id(0)) == (1, 5)
    session.remove_object(5)
    assert session.obj_ids == [2]
    with pytest.raises(PromptError, match=r"^obj_id is 5, expected one of: 2$"):
        session.remove_object(5)
    assert model(session, 0).object_ids == [2]
    session.remove_point_inputs(0, 0)
    session.remove_mask_inputs(0, 0)
    assert session.objects[2].points == {}
    session.reset_tracking_data()
    assert (session.obj_ids, session.num_frames) == ([], 5)


def test_a_stream_keeps_its_newest_frames_only(ours: Any, images: Sequence[Image]) -> None:
    _, processor = ours
    session = processor.init_video_session()
    assert session.num_frames is None
    values = processor(images=images[0], return_tensors="pt").pixel_values
    processor.add_inputs_to_inference_session(session, 0, 1, **CLICK, original_size=(180, 320))
    prompted = session.objects[1]
    for index in range(CACHED_FRAMES + 3):
        assert session.add_new_frame(values) == index
        prompted.film.visited[index] = False
    assert (len(prompted.film.visited), prompted.points) == (CACHED_FRAMES, {})
    assert session.num_frames == CACHED_FRAMES + 3
    assert session.known_frame(3) == 3
    with pytest.raises(PromptError, match=r"^frame_idx is 2, expected a kept frame of the stream: 3 to 34$"):
        session.known_frame(2)


def test_what_cannot_be_meant_is_one_line(ours: Any, images: Sequence[Image]) -> None:
    model, processor = ours
    session = processor.init_video_session(video=images)
    add = processor.add_inputs_to_inference_session
    frame = processor(images=images[0], return_tensors="pt").pixel_values[0]
    with pytest.raises(
        PromptError, match=r"^no object has a prompt, expected add_inputs_to_inference_session"
    ):
        model(session, 0)
    with pytest.raises(PromptError, match=r"^frame_idx is 5, expected one of the video's 5 frames$"):
        add(session, 5, 1, **CLICK)
    with pytest.raises(PromptError, match=r"^input_masks are given with points or boxes"):
        add(session, 0, 1, **CLICK, input_masks=torch.zeros(4, 4))
    with pytest.raises(PromptError, match=r"^input_boxes come before all points"):
        add(session, 0, 1, input_boxes=[[[1, 2, 3, 4]]], clear_old_inputs=False)
    assert session.obj_ids == []
    add(session, 0, 1, **CLICK)
    with pytest.raises(PromptError, match=r"^frame is given, but the session has a video"):
        model(session, frame=frame)
    with pytest.raises(PromptError, match=r"^neither frame_idx nor frame, expected one of them$"):
        model(session)
    with pytest.raises(
        PromptError, match=r"^start_frame_idx is None and no call of the model has taken inputs"
    ):
        next(model.propagate_in_video_iterator(session))
    model(session, 0)
    add(session, 4, 2, **CLICK)
    session.mark_new([])
    with pytest.raises(PromptError, match=r"^object 2: nothing is known of it yet"):
        model(session, 3)
    stream = processor.init_video_session()
    with pytest.raises(PromptError, match=r"^original_size is None, expected the frame's before the first"):
        add(stream, 0, 1, **CLICK)
    with pytest.raises(PromptError, match=r"^no frame yet, expected a video in init_video_session$"):
        next(model.propagate_in_video_iterator(stream))
    add(stream, 0, 1, **CLICK, original_size=(180, 320))
    with pytest.raises(ShapeError, match=r"^frame is \(3, 1, 4\) torch.float32, expected the processor's"):
        model(stream, frame=torch.zeros(3, 1, 4))
    with pytest.raises(PromptError, match=r"^frame is 64 pixels wide, expected 128: model and processor"):
        model(processor.init_video_session() and stream, frame=torch.zeros(3, 64, 64))


def test_another_model_does_not_take_over(ours: Any, images: Sequence[Image]) -> None:
    model, processor = ours
    session = processor.init_video_session(video=images)
    processor.add_inputs_to_inference_session(session, 0, 1, **CLICK)
    model(session, 0)
    other = Sam2VideoModel(LoadedModel("sam2.1-tiny", model._model.network, "fp32"))
    with pytest.raises(PromptError, match=r"^inference_session holds what another model found"):
        other(session, 1)
    session.reset_inference_session()
    processor.add_inputs_to_inference_session(session, 0, 1, **CLICK)
    assert other(session, 0).pred_masks.shape == (1, 1, SIDE // 4, SIDE // 4)
