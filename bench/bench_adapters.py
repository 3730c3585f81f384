"""What old code gains: sam2's and transformers' calls over streamtrack beside the originals, in turns.

    streamtrack bench adapters

The same weights and masks, `TURN` frames of one, then of the next, so that whatever else the machine does
meets all of them; on a busy one believe the processor's time. A frame is timed from the picture to mask
logits at the film's size; the originals have their pictures resized and normalised beforehand, ours do that
within the time. Beside them a session of streamtrack on the same frames.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from unittest import mock

import numpy as np
import torch
from numpy.typing import NDArray

from bench.environment import describe_measurement
from bench.models import find_weights, make_module
from bench.report import make_parser, ms, percentiles_ms, progress, save_result, table, write_result
from bench.scenario import make_masks, make_pictures, mask_iou
from bench.stage_timer import synchronise
from streamtrack.compat.sam2 import SAM2VideoPredictor
from streamtrack.compat.transformers import Sam2VideoModel, Sam2VideoProcessor
from streamtrack.config import ModelConfig
from streamtrack.engine.preprocess import to_input
from streamtrack.frame import Image
from streamtrack.model.build import LoadedModel, load_model
from streamtrack.model.sam2.network import Sam2Network
from streamtrack.tracking import Tracker

CASES = (("nano", 256, 1), ("nano", 256, 3), ("sam2.1-tiny", 256, 1), ("sam2.1-tiny", 256, 3))
"""Model, side of the input in pixels, objects."""
QUICK_CASES = (("nano", 128, 1),)
TURN = 10
WARM_UP = 20
"""Frames before anything is timed: memory is full then."""
TITLES = {
    "sam2": "sam2 SAM2VideoPredictor",
    "compat.sam2": "streamtrack.compat.sam2",
    "transformers": "transformers Sam2VideoModel",
    "compat.transformers": "streamtrack.compat.transformers",
    "session": "a session",
}
Masks = NDArray[np.bool_]
Steps = Iterator[Masks]
"""One frame each time it is advanced: (N, H, W) bool."""


def sam2_steps(case: tuple[str, int, int], model: LoadedModel, images: Sequence[Image]) -> Steps:
    """sam2's own predictor, given what our network sees."""
    from sam2.sam2_video_predictor import SAM2VideoPredictor as Original

    name, side, objects = case
    options = {"fill_hole_area": 0, "add_all_frames_to_correct_as_cond": True}
    predictor, _ = make_module(name, side, cls=Original, **options)
    loaded = (_squares(model, images), *images[0].shape[:2])
    with mock.patch("sam2.sam2_video_predictor.load_video_frames", return_value=loaded):
        state = predictor.init_state("frames are given")
    for object_id, mask in enumerate(make_masks(objects)):
        predictor.add_new_mask(state, 0, object_id, torch.from_numpy(mask))
    with torch.inference_mode():
        for _, _, logits in predictor.propagate_in_video(state):
            yield (logits[:, 0] > 0).cpu().numpy()


def adapter_steps(case: tuple[str, int, int], model: LoadedModel, images: Sequence[Image]) -> Steps:
    """sam2's calls over streamtrack."""
    predictor = SAM2VideoPredictor(model)
    state = predictor.init_state(images)
    for object_id, mask in enumerate(make_masks(case[2])):
        predictor.add_new_mask(state, 0, object_id, mask)
    for _, _, logits in predictor.propagate_in_video(state):
        yield (logits[:, 0] > 0).cpu().numpy()


def transformers_steps(case: tuple[str, int, int], model: LoadedModel, images: Sequence[Image]) -> Steps:
    """transformers' own model, frame by frame."""
    from bench.peers.contender import Case
    from bench.peers.transformers_video import TransformersVideo

    name, side, objects = case
    contender = TransformersVideo()
    threads = torch.get_num_threads()
    device = model.network.device.type
    contender.start(
        Case(name, side, objects, len(images), model.precision, device, threads),
        images,
        np.stack(make_masks(objects)),
    )
    for index in range(len(images)):
        yield contender.step(index)


def twin_steps(case: tuple[str, int, int], model: LoadedModel, images: Sequence[Image]) -> Steps:
    """transformers' calls over streamtrack, frame by frame."""
    twin, processor = Sam2VideoModel(model), Sam2VideoProcessor(case[1])
    session = processor.init_video_session()
    size = images[0].shape[:2]
    masks = make_masks(case[2])
    processor.process_new_mask_for_video_frame(session, 0, list(range(len(masks))), masks)
    for image in images:
        inputs = processor(images=image, return_tensors="pt", device=model.network.device)
        assert inputs.pixel_values is not None
        output = twin(inference_session=session, frame=inputs.pixel_values[0])
        (found,) = processor.post_process_masks([output.pred_masks], [size])
        yield found[:, 0].cpu().numpy()


def session_steps(case: tuple[str, int, int], model: LoadedModel, images: Sequence[Image]) -> Steps:
    """A session, as live streams and films have it."""
    session = Tracker(model, graphs=True).new_session()
    for object_id, mask in enumerate(make_masks(case[2])):
        session.add(object_id, mask=mask)
    for image in images:
        result = session.step(image)
        yield np.stack([found.mask for found in result.objects.values()])


CONTENDERS: dict[str, Callable[[tuple[str, int, int], LoadedModel, Sequence[Image]], Steps]] = {
    "sam2": sam2_steps,
    "compat.sam2": adapter_steps,
    "transformers": transformers_steps,
    "compat.transformers": twin_steps,
    "session": session_steps,
}


def measure(case: tuple[str, int, int], device: str, threads: int, turns: int) -> dict[str, Any]:
    """Seconds of each frame by contender, and how well the masks agree with the original's."""
    name, side, objects = case
    config = ModelConfig(
        name=name,
        checkpoint=find_weights(name).path,
        device=device,
        image_size=side,
        threads=threads,
        precision="fp32",
    )
    model = load_model(config)
    images = make_pictures(WARM_UP + turns * TURN)
    steps = {what: make(case, model, images) for what, make in CONTENDERS.items()}
    seconds: dict[str, list[float]] = {what: [] for what in steps}
    processor: dict[str, list[float]] = {what: [] for what in steps}
    masks: dict[str, Masks] = {}
    for turn in range(-1, turns):
        for what, step in steps.items():
            for _ in range(WARM_UP if turn < 0 else TURN):
                synchronise(device)
                started, used = time.perf_counter(), time.process_time()
                masks[what] = next(step)
                synchronise(device)
                seconds[what].append(time.perf_counter() - started)
                processor[what].append(time.process_time() - used)
        progress(f"{name} {side} px {objects}: turn {turn + 1} of {turns}")
    return {
        "case": case,
        "compiled": model.network.compiled is not None,
        "seconds": {what: values[WARM_UP:] for what, values in seconds.items()},
        "processor_seconds": {what: values[WARM_UP:] for what, values in processor.items()},
        "mask_ious": {
            "compat.sam2": mask_iou(masks["compat.sam2"], masks["sam2"]),
            "compat.transformers": mask_iou(masks["compat.transformers"], masks["transformers"]),
        },
    }


def render(result: dict[str, Any]) -> str:
    """A table of all cases."""
    rows = []
    for one in result["cases"]:
        name, side, objects = one["case"]
        p50 = {what: percentiles_ms(values)[0] for what, values in one["seconds"].items()}
        used = {what: percentiles_ms(values)[0] for what, values in one["processor_seconds"].items()}
        compiled = ", compiled" if one["compiled"] else ""
        for what, title in TITLES.items():
            original = "transformers" if what.endswith("transformers") else "sam2"
            times = p50[original] / p50[what]
            agreement = one["mask_ious"].get(what)
            rows.append(
                (
                    f"{name}, {side} px, {objects} obj.{compiled}",
                    title,
                    ms(p50[what]),
                    "" if what == original else f"{times:.2f} x {original}",
                    ms(used[what]),
                    "" if what == original else f"{used[original] / used[what]:.2f} x",
                    "" if agreement is None else f"{agreement:.4f}",
                )
            )
    iou = "mask IoU with the original, last frame"
    head = ("", "calls", "a frame, median", "speed", "processor time", "speed by it", iou)
    return f"{describe_measurement(result)}\n\n{table(head, rows)}"


def main() -> None:
    """Measure, write bench/results/adapters.{json,md}, print the table."""
    parser = make_parser(__doc__)
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument(
        "--case", type=_parse_case, nargs="+", metavar="MODEL:SIZE:OBJECTS", help="left out: all"
    )
    parser.add_argument("--turns", type=int, default=6, help=f"of {TURN} frames each")
    options = parser.parse_args()
    cases, turns = (QUICK_CASES, 1) if options.quick else (options.case or CASES, options.turns)
    results: list[dict[str, Any]] = []
    for case in cases:
        results.append(measure(case, options.device, options.threads, turns))
        save_result("adapters", {"cases": results}, render, options.out)
    write_result("adapters", {"cases": results}, render, options.out)


def _parse_case(text: str) -> tuple[str, int, int]:
    name, side, objects = text.split(":")
    return name, int(side), int(objects)


def _squares(model: LoadedModel, images: Sequence[Image]) -> torch.Tensor:
    network = model.network
    assert isinstance(network, Sam2Network)
    size = network.geometry.input_size
    return torch.stack([network.normalise(to_input(image, size, network.device))[0] for image in images])


if __name__ == "__main__":
    main()
