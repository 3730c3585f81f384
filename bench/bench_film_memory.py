"""Does memory stay flat on long films? Resident memory over the frames, each contender in its own process.

    streamtrack bench film-memory --frames 600 6000

The demo scene, looped, is read from an mp4. sam2 and transformers want the whole film first: where the frames
that they hold do not fit into what is free the run is refused, and said so.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import av
import numpy as np
import psutil
import torch

from bench.environment import MEBIBYTE, describe_measurement
from bench.models import find_weights, make_module
from bench.report import make_parser, progress, table, write_result
from bench.scenario import make_masks, make_pictures
from streamtrack.compat.sam2 import SAM2VideoPredictor
from streamtrack.compat.transformers import Sam2VideoModel, Sam2VideoProcessor
from streamtrack.config import ModelConfig, SourceConfig, TrackingConfig
from streamtrack.engine.preprocess import to_input
from streamtrack.ingest import FilmReader
from streamtrack.model.build import LoadedModel, load_model
from streamtrack.model.sam2.network import Sam2Network
from streamtrack.offline.film import open_film
from streamtrack.prompt import Prompt
from streamtrack.tracking.films import start_run

MODEL = "nano"
LOOP = 120
"""Frames of the scene that repeat."""
QUICK_FRAMES = (8,)
SHARE_OF_FREE = 0.8
"""Of the memory that is free: what a contender may hold of frames."""
TITLES = {
    "track": "streamtrack track",
    "compat.sam2": "streamtrack.compat.sam2",
    "compat.transformers": "streamtrack.compat.transformers",
    "sam2": "sam2 SAM2VideoPredictor",
    "transformers": "transformers Sam2VideoModel",
}


@dataclass(frozen=True)
class Case:
    """What every contender does."""

    path: Path
    """The film."""
    side: int
    """Of the network's input, in pixels."""
    objects: int


class Refused(Exception):
    """A film that a contender cannot hold; the text says why."""


def write_film(path: Path, num_frames: int) -> None:
    """The scene as an mp4, looped."""
    pictures = make_pictures(min(LOOP, num_frames))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"preset": "ultrafast", "g": "30"})
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for index in range(num_frames):
            frame = av.VideoFrame.from_ndarray(pictures[index % len(pictures)], format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def track(case: Case, model: LoadedModel) -> Iterator[object]:
    """What `streamtrack track` follows: the film engine, which goes through the film once."""
    prompts = [Prompt(number, mask=mask, at_frame=0) for number, mask in enumerate(make_masks(case.objects))]
    source = FilmReader(SourceConfig(url=str(case.path)))
    yield from start_run(model, source, prompts, TrackingConfig()).results()


def ours(case: Case, model: LoadedModel) -> Iterator[object]:
    """sam2's calls over streamtrack."""
    predictor = SAM2VideoPredictor(model)
    state = predictor.init_state(case.path)
    for object_id, mask in enumerate(make_masks(case.objects)):
        predictor.add_new_mask(state, 0, object_id, mask)
    yield from predictor.propagate_in_video(state)


def twin(case: Case, model: LoadedModel) -> Iterator[object]:
    """transformers' calls over streamtrack."""
    follower, processor = Sam2VideoModel(model), Sam2VideoProcessor(case.side)
    session = processor.init_video_session(video=case.path)
    masks = make_masks(case.objects)
    processor.add_inputs_to_inference_session(session, 0, list(range(case.objects)), input_masks=masks)
    follower(session, 0)
    yield from follower.propagate_in_video_iterator(session)


def sam2(case: Case, model: LoadedModel) -> Iterator[object]:
    """sam2's own predictor, which holds every frame as floats."""
    from sam2.sam2_video_predictor import SAM2VideoPredictor as Original

    predictor, _ = make_module(MODEL, case.side, cls=Original)
    loaded = (_all_frames(case.path, model), *open_film(case.path).frame_size)
    with mock.patch("sam2.sam2_video_predictor.load_video_frames", return_value=loaded):
        state = predictor.init_state("frames are given")
    for object_id, mask in enumerate(make_masks(case.objects)):
        predictor.add_new_mask(state, 0, object_id, torch.from_numpy(mask))
    yield from predictor.propagate_in_video(state)


def transformers(case: Case, model: LoadedModel) -> Iterator[object]:
    """transformers' own model, whose session holds every frame as floats."""
    from transformers.models.sam2_video.modeling_sam2_video import Sam2VideoInferenceSession

    from bench.peers.contender import Case as PeerCase
    from bench.peers.transformers_video import convert, make_processor

    peer = PeerCase(MODEL, case.side, case.objects, 0, "fp32", "cpu", torch.get_num_threads())
    module, _ = make_module(MODEL, case.side)
    original = convert(module, peer).eval()
    height, width = open_film(case.path).frame_size
    session = Sam2VideoInferenceSession(_all_frames(case.path, model), height, width, dtype=torch.float32)
    masks = list(map(torch.from_numpy, make_masks(case.objects)))
    make_processor(peer).process_new_mask_for_video_frame(session, 0, list(range(case.objects)), masks)
    original(session, 0)
    yield from original.propagate_in_video_iterator(session)


CONTENDERS: dict[str, Callable[[Case, LoadedModel], Iterator[object]]] = {
    "track": track,
    "compat.sam2": ours,
    "compat.transformers": twin,
    "sam2": sam2,
    "transformers": transformers,
}


def follow(what: str, case: Case, num_frames: int) -> dict[str, Any]:
    """Resident bytes at a sixth, at the half and at the end of a film."""
    config = ModelConfig(name=MODEL, checkpoint=find_weights(MODEL).path, device="cpu", image_size=case.side)
    try:
        steps = CONTENDERS[what](case, load_model(config))
        process, resident = psutil.Process(), {}
        looked = {max(1, num_frames // 6), num_frames // 2, num_frames - 1}
        with torch.inference_mode():
            for index, _ in enumerate(steps):
                if index in looked:
                    resident[index] = process.memory_info().rss
    except Refused as error:
        return {"refused": str(error)}
    return {"resident": list(resident.values())}


def measure(
    lengths: list[int], who: list[str], *, side: int, objects: int, threads: int
) -> list[dict[str, Any]]:
    """Contenders on films of every length."""
    environment = {**os.environ, "TQDM_DISABLE": "1", "OMP_WAIT_POLICY": "PASSIVE"}
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for num_frames in lengths:
            path = Path(folder) / f"{num_frames}.mp4"
            write_film(path, num_frames)
            for what in who:
                progress(f"{what}: {num_frames} frames")
                command = [sys.executable, "-m", "bench.bench_film_memory", "--only", what]
                command += ["--film", str(path), "--frames", str(num_frames), "--threads", str(threads)]
                command += ["--side", str(side), "--objects", str(objects)]
                done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
                found = json.loads(done.stdout.splitlines()[-1])
                results.append({"contender": what, "frames": num_frames, **found})
    return results


def render(result: dict[str, Any]) -> str:
    """A row for each run."""
    rows: list[tuple[object, ...]] = []
    for one in result["runs"]:
        title = TITLES[one["contender"]]
        if "refused" in one:
            rows.append((title, one["frames"], *[""] * 3, f"not run: {one['refused']}"))
            continue
        sixth, half, last = (value / MEBIBYTE for value in one["resident"])
        growth = (last - sixth) / max(1, one["frames"] * 5 / 6) * 1000
        rows.append(
            (
                title,
                one["frames"],
                f"{sixth:.0f} MiB",
                f"{half:.0f} MiB",
                f"{last:.0f} MiB",
                f"{growth:+.1f} MiB",
            )
        )
    head = ("", "frames", "resident at a sixth", "at the half", "at the end", "growth per 1,000 frames")
    what = f"nano at {result['side']} px, {result['objects']} objects."
    return f"{describe_measurement(result)} {what}\n\n{table(head, rows)}"


def main() -> None:
    """Measure, write bench/results/film_memory.{json,md}, print the table."""
    parser = make_parser(__doc__)
    parser.add_argument("--frames", type=int, nargs="+", default=[600, 6000])
    parser.add_argument("--side", type=int, default=256, help="of the network's input, in pixels")
    parser.add_argument("--objects", type=int, default=2)
    parser.add_argument("--who", nargs="+", choices=sorted(CONTENDERS), help="left out: all")
    parser.add_argument("--only", choices=sorted(CONTENDERS), help=argparse.SUPPRESS)
    parser.add_argument("--film", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.only is not None:
        case = Case(options.film, options.side, options.objects)
        print(json.dumps(follow(options.only, case, options.frames[0])))
        return
    runs = measure(
        list(QUICK_FRAMES) if options.quick else options.frames,
        options.who or list(CONTENDERS),
        side=options.side,
        objects=options.objects,
        threads=options.threads,
    )
    what = {"side": options.side, "objects": options.objects}
    write_result("film_memory", {**what, "runs": runs}, render, options.out)


def _all_frames(path: Path, model: LoadedModel) -> torch.Tensor:
    """(T, 3, S, S) float32, normalised: what the originals hold of a film.

    Raises:
        Refused: it does not fit into what is free.
    """
    film, network = open_film(path), model.network
    assert isinstance(network, Sam2Network)
    size = network.geometry.input_size
    num_bytes = film.num_frames * 3 * size[0] * size[1] * 4
    free = psutil.virtual_memory().available
    if num_bytes > SHARE_OF_FREE * free:
        raise Refused(f"its frames are {num_bytes / 2**30:.1f} GiB, {free / 2**30:.1f} GiB are free")
    frames = torch.empty(film.num_frames, 3, *size)
    for index in range(film.num_frames):
        for at, image in film.read(index, 0):
            frames[at] = network.normalise(to_input(np.ascontiguousarray(image), size, network.device))[0]
    return frames


if __name__ == "__main__":
    main()
