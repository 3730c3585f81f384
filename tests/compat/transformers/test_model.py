"""transformers' documentation's six examples, and what else its users do, on its own model and on ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from streamtrack.compat.transformers import Sam2VideoModel, Sam2VideoProcessor
from streamtrack.frame import Image
from tests.support.hub_model import fresh_hub_model
from tests.support.pictures import ellipse

pytestmark = pytest.mark.reference

MASK_IOU = 0.999
Pair = tuple[Any, Any]
Output = Any
Example = Callable[[Any, Any, Sequence[Image]], Iterator[tuple[Output, Any]]]
"""Of a model, its processor and the frames: what each call returned, and its masks at the film's size."""


def masks_of(processor: Any, output: Output, sizes: Any) -> Any:
    return processor.post_process_masks([output.pred_masks], original_sizes=sizes, binarize=False)[0]


def size_of(session: Any) -> list[list[int]]:
    return [[session.video_height, session.video_width]]


def propagated(
    model: Any, processor: Any, session: Any, **options: Any
) -> Iterator[tuple[Output, torch.Tensor]]:
    for output in model.propagate_in_video_iterator(session, **options):
        yield output, masks_of(processor, output, size_of(session))


def basic(model: Any, processor: Any, frames: Sequence[Image]) -> Iterator[tuple[Output, Any]]:
    session = processor.init_video_session(video=list(frames), inference_device="cpu")
    processor.add_inputs_to_inference_session(
        inference_session=session,
        frame_idx=0,
        obj_ids=1,
        input_points=[[[[100, 80]]]],
        input_labels=[[[1]]],
    )
    output = model(inference_session=session, frame_idx=0)
    yield output, masks_of(processor, output, size_of(session))
    yield from propagated(model, processor, session)


def several_objects(model: Any, processor: Any, frames: Sequence[Image]) -> Iterator[tuple[Output, Any]]:
    session = processor.init_video_session(video=list(frames), inference_device="cpu")
    processor.add_inputs_to_inference_session(
        inference_session=session,
        frame_idx=0,
        obj_ids=1,
        input_points=[[[[60, 120]]]],
        input_labels=[[[1]]],
    )
    model(inference_session=session, frame_idx=0)
    session.reset_inference_session()
    processor.add_inputs_to_inference_session(
        inference_session=session,
        frame_idx=0,
        obj_ids=[2, 3],
        input_points=[[[[100, 80]], [[190, 85]]]],
        input_labels=[[[1], [1]]],
    )
    output = model(inference_session=session, frame_idx=0)
    yield output, masks_of(processor, output, size_of(session))
    yield from propagated(model, processor, session)
    assert session.obj_ids == [2, 3]


def refined(model: Any, processor: Any, frames: Sequence[Image]) -> Iterator[tuple[Output, Any]]:
    session = processor.init_video_session(video=list(frames), inference_device="cpu")
    processor.add_inputs_to_inference_session(
        inference_session=session,
        frame_idx=0,
        obj_ids=[2, 3],
        input_points=[[[[100, 80]], [[190, 85]]]],
        input_labels=[[[1], [1]]],
    )
    model(inference_session=session, frame_idx=0)
    for _ in model.propagate_in_video_iterator(session):
        pass
    processor.add_inputs_to_inference_session(
        inference_session=session,
        frame_idx=3,
        obj_ids=2,
        input_points=[[[[112, 70]]]],
        input_labels=[[[1]]],
    )
    yield from propagated(model, processor, session)


def refined_at_once(model: Any, processor: Any, frames: Sequence[Image]) -> Iterator[tuple[Output, Any]]:
    session = processor.init_video_session(video=list(frames), inference_device="cpu")
    processor.add_inputs_to_inference_session(session, 0, [2, 3], [[[[100, 80]], [[190, 85]]]], [[[1], [1]]])
    model(session, 0)
    for _ in propagated(model, processor, session):
        pass
    processor.add_inputs_to_inference_session(session, 3, 2, [[[[112, 70], [60, 120]]]], [[[1, 0]]])
    output = model(session, 3)
    yield output, masks_of(processor, output, size_of(session))
    processor.add_inputs_to_inference_session(session, 3, 2, [[[[90, 90]]]], [[[1]]], clear_old_inputs=False)
    output = model(session, 3)
    yield output, masks_of(processor, output, size_of(session))
    yield from propagated(model, processor, session, start_frame_idx=4)


def streamed(model: Any, processor: Any, frames: Sequence[Image]) -> Iterator[tuple[Output, Any]]:
    session = processor.init_video_session(inference_device="cpu")
    for frame_idx, frame in enumerate(frames):
        inputs = processor(images=frame, device="cpu", return_tensors="pt").to("cpu")
        if frame_idx == 0:
            processor.add_inputs_to_inference_session(
                inference_session=session,
                frame_idx=0,
                obj_ids=1,
                input_points=[[[[100, 80], [110, 85]]]],
                input_labels=[[[1, 1]]],
                original_size=inputs.original_sizes[0],
            )
        output = model(inference_session=session, frame=inputs.pixel_values[0])
        assert output.frame_idx == frame_idx
        yield output, masks_of(processor, output, inputs.original_sizes)


def in_a_batch(model: Any, processor: Any, frames: Sequence[Image]) -> Iterator[tuple[Output, Any]]:
    session = processor.init_video_session(video=list(frames), inference_device="cpu")
    processor.add_inputs_to_inference_session(
        inference_session=session,
        frame_idx=0,
        obj_ids=[2, 3],
        input_points=[[[[100, 80], [110, 75], [60, 120]], [[190, 85]]]],
        input_labels=[[[1, 1, 0], [1]]],
    )
    output = model(inference_session=session, frame_idx=0)
    yield output, masks_of(processor, output, size_of(session))
    yield from propagated(model, processor, session)


def reset(model: Any, processor: Any, frames: Sequence[Image]) -> Iterator[tuple[Output, Any]]:
    session = processor.init_video_session(video=list(frames), inference_device="cpu")
    for obj_id, x in ((1, 100), (4, 190)):
        session.reset_tracking_data()
        processor.add_inputs_to_inference_session(session, 0, obj_id, [[[[x, 82]]]], [[[1]]])
        output = model(session, 0)
        yield output, masks_of(processor, output, size_of(session))
        yield from propagated(model, processor, session, max_frame_num_to_track=2)


def boxes_and_backward(model: Any, processor: Any, frames: Sequence[Image]) -> Iterator[tuple[Output, Any]]:
    session = processor.init_video_session(video=np.stack(frames), inference_device="cpu")
    processor.add_inputs_to_inference_session(
        session, 4, [1, 2], input_boxes=[[[76, 55, 156, 105], [142, 63, 222, 123]]]
    )
    output = model(session, 4)
    yield output, masks_of(processor, output, size_of(session))
    yield from propagated(model, processor, session, start_frame_idx=4, reverse=True)
    processor.add_inputs_to_inference_session(
        session, 2, 2, [[[[187, 88]]]], [[[1]]], input_boxes=[[[147, 58, 227, 118]]]
    )
    output = model(session, 2)
    yield output, masks_of(processor, output, size_of(session))
    yield from propagated(model, processor, session, start_frame_idx=2)


def late_and_never_called(
    model: Any, processor: Any, frames: Sequence[Image]
) -> Iterator[tuple[Output, Any]]:
    session = processor.init_video_session(video=list(frames), inference_device="cpu")
    processor.add_inputs_to_inference_session(session, 0, 1, [[[[100, 80]]]], [[[1]]])
    yield from propagated(model, processor, session, start_frame_idx=0, max_frame_num_to_track=1)
    processor.add_inputs_to_inference_session(session, 2, 7, [[[[185, 90]]]], [[[1]]])
    output = model(session, 2)
    yield output, masks_of(processor, output, size_of(session))
    processor.add_inputs_to_inference_session(session, 4, 9, [[[[60, 112]]]], [[[1]]])
    yield from propagated(model, processor, session, start_frame_idx=3)


def given_masks(model: Any, processor: Any, frames: Sequence[Image]) -> Iterator[tuple[Output, Any]]:
    session = processor.init_video_session(video=list(frames), inference_device="cpu")
    masks = [ellipse((100, 80), (40, 25)), torch.from_numpy(ellipse((190, 85), (40, 30)))]
    processor.add_inputs_to_inference_session(session, 0, [1, 2], input_masks=masks)
    output = model(session, 0)
    yield output, masks_of(processor, output, size_of(session))
    yield from propagated(model, processor, session)


@pytest.mark.parametrize(
    "example",
    [
        basic,
        several_objects,
        refined,
        streamed,
        in_a_batch,
        reset,
        refined_at_once,
        boxes_and_backward,
        late_and_never_called,
        given_masks,
    ],
)
def test_the_same_code_gives_the_same_masks(
    example: Example, ours: Pair, theirs: Pair, images: Sequence[Image]
) -> None:
    compare(example(*ours, images), example(*theirs, images))


def test_a_model_that_transformers_makes_and_saves(
    theirs: Pair, images: Sequence[Image], tmp_path: Path
) -> None:
    """Its image's cells have an encoding of their own there, drawn apart from that of points."""
    original = fresh_hub_model(seed=2)
    original.save_pretrained(tmp_path)
    ours = Sam2VideoModel.from_pretrained(tmp_path), Sam2VideoProcessor.from_pretrained(tmp_path)
    compare(basic(*ours, images), basic(original, theirs[1], images))


def compare(found: Iterator[tuple[Output, Any]], expected: Iterator[tuple[Output, Any]]) -> None:
    """Step by step."""
    number = shown = 0
    for (output, logits), (output_there, logits_there) in zip(found, expected, strict=True):
        assert output.frame_idx == output_there.frame_idx
        assert output.object_ids == output_there.object_ids
        for name in ("pred_masks", "object_score_logits"):
            assert getattr(output, name).shape == getattr(output_there, name).shape
        assert logits.shape == logits_there.shape
        torch.testing.assert_close(
            output.object_score_logits, output_there.object_score_logits, atol=1e-2, rtol=0
        )
        for mask, there in zip((logits > 0), (logits_there > 0), strict=True):
            union = int((mask | there).sum())
            iou = int((mask & there).sum()) / union if union else 1.0
            assert iou >= MASK_IOU, f"frame {output.frame_idx}"
            shown += union > 0
        number += 1
    assert number > 2
    assert shown > 2
