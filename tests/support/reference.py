"""The reference: sam2's own video predictor, driven frame by frame over the very tensors that a session saw.

A script of prompts is run through both; what is compared is what decides the future: low-res mask logits,
object score logits and object pointers of every object on every frame.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from unittest import mock

import numpy as np
import torch
from sam2.sam2_video_predictor import SAM2VideoPredictor
from torch import Tensor

from streamtrack.config import TrackingConfig
from streamtrack.engine.preprocess import to_input
from streamtrack.frame import Image
from streamtrack.model.build import LoadedModel
from streamtrack.model.families import build_module
from streamtrack.model.interface import Network
from streamtrack.model.sam2.network import Sam2Network
from streamtrack.tracking import Session, Tracker
from streamtrack.weights.catalog import CatalogEntry


@dataclass(frozen=True)
class Action:
    """One prompt of a script, on the frame it is for."""

    frame_idx: int
    kind: Literal["add", "correct", "remove"]
    object_id: int
    prompt: Mapping[str, Any] = field(default_factory=dict)
    """points, labels, box, mask in pixels of the frame."""


@dataclass(frozen=True)
class Found:
    """One object on one frame."""

    low_res_mask_logits: Tensor
    object_score_logits: float
    object_pointer: Tensor


Track = dict[tuple[int, int], Found]
"""By frame_idx and object_id."""


def random_weights(
    entry: CatalogEntry, image_size: int, seed: int, *, object_score_bias: float
) -> Mapping[str, Tensor]:
    """Seeded weights under which everything matters: masks have edges, memory is heard, objects come and go.

    Fresh modules whisper: layer scales of 1e-6, encodings of 0.02 and logits of 0.01 would let a wrong term
    pass below any tolerance. `object_score_bias` decides whether objects are visible (well above 0) or
    hidden (well below).
    """
    torch.manual_seed(seed)
    module: Any = build_module(entry, image_size)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if name.endswith("gamma"):
                parameter.fill_(0.3)
            elif any(word in name for word in ("tpos_enc", "no_mem", "no_obj", "obj_ptr_tpos_proj.weight")):
                parameter.normal_(std=0.3)
        for layer in module.memory_attention.layers:
            layer.cross_attn_image.out_proj.weight.mul_(4)
        for mlp in module.sam_mask_decoder.output_hypernetworks_mlps:
            mlp.layers[-1].weight.mul_(60)
            mlp.layers[-1].bias.normal_(std=2.0)
        head = module.sam_mask_decoder.pred_obj_score_head.layers[-1]
        head.weight.mul_(30)
        head.bias.fill_(object_score_bias)
    state: Mapping[str, Tensor] = module.state_dict()
    return state


def make_network(entry: CatalogEntry, image_size: int, weights: Mapping[str, Tensor]) -> Sam2Network:
    module: Any = build_module(entry, image_size)
    module.load_state_dict(weights)
    return Sam2Network(module)


def make_reference(entry: CatalogEntry, image_size: int, weights: Mapping[str, Tensor]) -> SAM2VideoPredictor:
    options = {"fill_hole_area": 0, "add_all_frames_to_correct_as_cond": True}
    module: Any = build_module(entry, image_size, cls=SAM2VideoPredictor, **options)
    module.load_state_dict(weights)
    # The same convolution kernels as ours: memory is kept in bfloat16, and a last bit that falls to the
    # other side of a rounding is a difference of 2^-8.
    return module.to(memory_format=torch.channels_last)


def run_session(
    network: Network,
    images: Sequence[Image],
    script: Sequence[Action],
    config: TrackingConfig | None = None,
) -> Track:
    """The script through a session of ours, of the plan and without the windows that promise to be exact."""
    exact = {"memory": "recent", "window": "off", "max_mask_growth": "off"}
    config = (config or TrackingConfig()).model_copy(update=exact)
    session = Tracker(LoadedModel("test", network, "fp32")).new_session(config)
    track: Track = {}
    for frame_idx, image in enumerate(images):
        now = [action for action in script if action.frame_idx == frame_idx]
        for action in now:
            if action.kind == "remove":
                session.remove(action.object_id)
            elif action.kind == "add":
                session.add(action.object_id, **action.prompt)
        session.step(image)
        for action in now:
            if action.kind == "correct":
                session.correct(action.object_id, **action.prompt)
        track.update(snapshot(session, frame_idx))
    return track


def snapshot(session: Session, frame_idx: int) -> Track:
    """What a session holds of a kept frame, read from its bank."""
    bank, found = session._follower._bank, {}
    for object_id, tracked in session._tracks.by_id.items():
        slot = tracked.slot
        if slot.first_frame > frame_idx:
            continue
        scores = bank.predictions([slot], frame_idx)[1]
        pointer = bank._pointers.flatten(0, 1)[bank.pointer_row(slot, frame_idx)]
        logits = bank.mask_logits(slot, frame_idx)[0]
        found[frame_idx, object_id] = Found(logits.clone(), scores[0, 0].item(), pointer.clone())
    return found


@torch.inference_mode()
def run_reference(
    predictor: SAM2VideoPredictor, network: Sam2Network, images: Sequence[Image], script: Sequence[Action]
) -> Track:
    """The script through sam2's predictor, one frame at a time, on the tensors that `network` would see."""
    squares = [
        network.normalise(to_input(image, network.geometry.input_size, network.device))[0] for image in images
    ]
    height, width = images[0].shape[:2]
    loaded = (torch.stack(squares), height, width)
    with mock.patch("sam2.sam2_video_predictor.load_video_frames", return_value=loaded):
        state = predictor.init_state("frames are given")
    track: Track = {}
    first_frames = {action.object_id: action.frame_idx for action in script if action.kind == "add"}
    for frame_idx in range(len(images)):
        now = [action for action in script if action.frame_idx == frame_idx]
        # Clicks that correct an object's first mask come before it is followed, as in SAM 2's demo: later,
        # the predictor would read the memory that the first click left on this very frame.
        first = [action for action in now if first_frames.get(action.object_id) == frame_idx]
        now = [action for action in now if action not in first]
        for action in now:
            if action.kind == "remove":
                predictor.remove_object(state, action.object_id)
        for action in first:
            _prompt(predictor, state, action)
        for _ in predictor.propagate_in_video(state, frame_idx, max_frame_num_to_track=0):
            pass
        for action in now:
            if action.kind == "correct":
                _prompt(predictor, state, action)
        predictor.propagate_in_video_preflight(state)
        for object_id, index in state["obj_id_to_idx"].items():
            outputs = state["output_dict_per_obj"][index]
            out = outputs["cond_frame_outputs"].get(frame_idx)
            out = out or outputs["non_cond_frame_outputs"][frame_idx]
            track[frame_idx, object_id] = Found(
                out["pred_masks"][0, 0], out["object_score_logits"].item(), out["obj_ptr"][0]
            )
    return track


def _prompt(predictor: SAM2VideoPredictor, state: dict[str, Any], action: Action) -> None:
    given = dict(action.prompt)
    if "mask" in given:
        predictor.add_new_mask(state, action.frame_idx, action.object_id, given["mask"])
        return
    if "points" in given:
        given["points"] = np.asarray(given["points"], np.float32)
        given["labels"] = np.asarray(given.get("labels", [1] * len(given["points"])), np.int32)
    if "box" in given:
        given["box"] = np.asarray(given["box"], np.float32)
    # Clicks on one frame add up, as in SAM 2's demo; a box starts afresh.
    predictor.add_new_points_or_box(
        state, action.frame_idx, action.object_id, clear_old_points="box" in given, **given
    )
