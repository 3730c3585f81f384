"""A notebook's steps as people have them from sam2's own, run twice: with sam2's import, and with ours."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import cv2
import pytest
import torch

from streamtrack.weights.catalog import get_entry
from tests.support.pictures import drifting_ellipses
from tests.support.reference import random_weights

pytestmark = pytest.mark.reference

SIDE = 128
MASK_IOU = 0.999
IMPORT = "from sam2.build_sam import build_sam2_video_predictor"
OURS = "from streamtrack.compat.sam2 import build_sam2_video_predictor"
NOTEBOOK = f"""
import os
import numpy as np
import torch
{IMPORT}

predictor = build_sam2_video_predictor(
    "configs/sam2.1/sam2.1_hiera_t.yaml", checkpoint, device="cpu",
    hydra_overrides_extra=["++model.image_size={SIDE}"],
)
frame_names = [name for name in os.listdir(video_dir) if os.path.splitext(name)[-1] in [".jpg", ".jpeg"]]
frame_names.sort(key=lambda name: int(os.path.splitext(name)[0]))
inference_state = predictor.init_state(video_path=video_dir)
shown = []


def note(frame_idx, obj_ids, mask_logits):
    shown.append((frame_idx, list(obj_ids), (mask_logits > 0.0).cpu().numpy()))


# one object, by one click and then by two
points = np.array([[100, 80]], dtype=np.float32)
labels = np.array([1], np.int32)
note(*predictor.add_new_points_or_box(
    inference_state=inference_state, frame_idx=0, obj_id=1, points=points, labels=labels
))
points = np.array([[100, 80], [60, 120]], dtype=np.float32)
labels = np.array([1, 0], np.int32)
note(*predictor.add_new_points_or_box(
    inference_state=inference_state, frame_idx=0, obj_id=1, points=points, labels=labels
))
video_segments = {{}}
for out_frame_idx, out_obj_ids, out_mask_logits in predictor.propagate_in_video(inference_state):
    video_segments[out_frame_idx] = {{
        out_obj_id: (out_mask_logits[i] > 0.0).cpu().numpy() for i, out_obj_id in enumerate(out_obj_ids)
    }}
    note(out_frame_idx, out_obj_ids, out_mask_logits)

# a refinement on a later frame, and once more through the film
note(*predictor.add_new_points_or_box(
    inference_state=inference_state, frame_idx=2, obj_id=1,
    points=np.array([[140, 84]], dtype=np.float32), labels=np.array([0], np.int32),
))
for out in predictor.propagate_in_video(inference_state):
    note(*out)

# a box, with a click in it
predictor.reset_state(inference_state)
box = np.array([150, 50, 230, 120], dtype=np.float32)
note(*predictor.add_new_points_or_box(inference_state=inference_state, frame_idx=0, obj_id=4, box=box))
note(*predictor.add_new_points_or_box(
    inference_state=inference_state, frame_idx=0, obj_id=4, box=box,
    points=np.array([[190, 85]], dtype=np.float32), labels=np.array([1], np.int32),
))
for out in predictor.propagate_in_video(inference_state):
    note(*out)

# several objects
predictor.reset_state(inference_state)
for obj_id, point in ((2, (100, 80)), (3, (190, 85))):
    note(*predictor.add_new_points_or_box(
        inference_state=inference_state, frame_idx=0, obj_id=obj_id,
        points=np.array([point], dtype=np.float32), labels=np.array([1], np.int32),
    ))
for out in predictor.propagate_in_video(inference_state):
    note(*out)
"""


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("notebook")
    weights = random_weights(get_entry("sam2.1-tiny"), SIDE, seed=5, object_score_bias=4.0)
    torch.save({"model": weights}, folder / "tiny.pt")
    frames = folder / "frames"
    frames.mkdir()
    for index, image in enumerate(drifting_ellipses(num_frames=4)):
        small = cv2.resize(image[:, :, ::-1], (320, 180))
        cv2.imwrite(str(frames / f"{index:05d}.jpg"), small, [cv2.IMWRITE_JPEG_QUALITY, 98])
    return {"checkpoint": str(folder / "tiny.pt"), "video_dir": str(frames)}


def run(source: str, given: dict[str, str]) -> list[tuple[int, list[int], Any]]:
    names: dict[str, Any] = dict(given)
    with warnings.catch_warnings():
        # sam2's own: its extension for holes is not built, and its loader draws a bar.
        warnings.simplefilter("ignore")
        exec(compile(source, "notebook", "exec"), names)
    shown: list[tuple[int, list[int], Any]] = names["shown"]
    return shown


def test_the_notebook_runs_with_one_import_changed(given: dict[str, str], tmp_path: Path) -> None:
    found, expected = run(NOTEBOOK.replace(IMPORT, OURS), given), run(NOTEBOOK, given)
    assert len(found) == len(expected) == 4 * 4 + 7
    seen = 0
    for (frame, ids, masks), (frame_there, ids_there, masks_there) in zip(found, expected, strict=True):
        assert (frame, ids, masks.shape) == (frame_there, ids_there, masks_there.shape)
        for mask, there in zip(masks, masks_there, strict=True):
            union = int((mask | there).sum())
            seen += union > 0
            assert union == 0 or int((mask & there).sum()) / union >= MASK_IOU, frame
    assert seen > 12
