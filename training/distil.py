"""Another trunk for a trained network: `python -m training.distil WORK --trunk NAME --pretrained FILE ...`.

The new image encoder learns to give the maps that the old one gives (mean squared error, each map by its own
deviation). No masks are needed, and since memory attention, decoder and all the rest are taken over as they
are, minutes of this replace hours of training from prompts.
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import time
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader
from tqdm import tqdm  # type: ignore[import-untyped]

from streamtrack.model.nano.build import TRUNKS, build_nano
from training.clips import Mixture
from training.pretrained import read_trunk
from training.starts import load_start, trunk_of
from training.train import TRUNK_PREFIX, BatchStream, Options
from training.unroll import normalise

logger = logging.getLogger(__name__)

LOG_EVERY = 25
RIDGE = 1e-4
"""Regularisation of the least squares, as a share of each channel's power."""


def map_losses(student: list[Tensor], teacher: list[Tensor]) -> Tensor:
    """Mean squared error of each map, as a share of the teacher's variance: (number of maps,)."""
    shares = []
    for ours, theirs in zip(student, teacher, strict=True):
        variance = theirs.var(dim=(0, 2, 3), keepdim=True).mean()
        shares.append(F.mse_loss(ours, theirs) / variance)
    return torch.stack(shares)


def fit_laterals(student: Any, teacher: Any, images: Tensor) -> None:
    """Set the 1x1 convolutions of the student's neck by least squares, in place.

    Each then gives what the teacher's of the same stride gives, as well as a linear map can.
    """
    with torch.no_grad():
        pairs = zip(
            reversed(student.neck.convs),
            reversed(teacher.neck.convs),
            student.trunk(images),
            teacher.trunk(images),
            strict=True,
        )
        for ours, theirs, own_map, other_map in pairs:
            target = theirs.conv(other_map).movedim(1, -1).flatten(0, 2)
            inputs = own_map.movedim(1, -1).flatten(0, 2)
            inputs = torch.cat([inputs, torch.ones(len(inputs), 1)], 1)
            gram = inputs.T @ inputs
            gram += gram.diagonal().diag() * RIDGE
            solution = torch.linalg.solve(gram, inputs.T @ target)
            ours.conv.weight.copy_(solution[:-1].T[:, :, None, None])
            ours.conv.bias.copy_(solution[-1])


def distil(
    work: Path, run: Path, teacher_weights: Path, trunk: str, pretrained: Path, steps: int, rate: float
) -> None:
    """Fit a new image encoder; writes RUN/last.pt with all weights of the network."""
    run.mkdir(parents=True, exist_ok=True)
    teacher = build_nano(trunk=trunk_of(teacher_weights)).eval().to(memory_format=torch.channels_last)
    load_start(teacher, teacher_weights)
    student = build_nano(trunk=trunk).train().to(memory_format=torch.channels_last)
    own = student.state_dict()
    kept = {k: v for k, v in teacher.state_dict().items() if k in own and not k.startswith(TRUNK_PREFIX)}
    kept = {k: v for k, v in kept.items() if v.shape == own[k].shape}
    fresh = {TRUNK_PREFIX + k: v for k, v in read_trunk(pretrained).items()}
    student.load_state_dict({**own, **kept, **fresh}, strict=True)

    stream = BatchStream(work, Options(still_share=1.0, still_batch=(8, 1)), 17, Mixture())
    batches = iter(DataLoader(stream, batch_size=None, num_workers=1, prefetch_factor=4))

    def images() -> Tensor:
        frames, _ = next(batches)
        return normalise(frames)[:, 0].contiguous(memory_format=torch.channels_last)

    fit_laterals(student.image_encoder, teacher.image_encoder, torch.cat([images() for _ in range(4)]))
    parameters = list(student.image_encoder.parameters())
    optimiser = torch.optim.AdamW(parameters, lr=rate, betas=(0.9, 0.98), weight_decay=0.01)
    average = {name: value.detach().clone() for name, value in student.state_dict().items()}
    with (run / "log.jsonl").open("a") as log:
        recent: list[Tensor] = []
        for step in tqdm(range(steps), mininterval=5, dynamic_ncols=True):
            warm, phase = min(1.0, (step + 1) / 30), step / steps
            for group in optimiser.param_groups:
                group["lr"] = rate * warm * (0.02 + 0.98 * (1 + math.cos(math.pi * phase)) / 2)
            batch = images()
            with torch.inference_mode():
                theirs = teacher.image_encoder(batch)["backbone_fpn"]
            losses = map_losses(student.image_encoder(batch)["backbone_fpn"], [m.clone() for m in theirs])
            optimiser.zero_grad()
            losses.sum().backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(parameters, 1.0)
            optimiser.step()
            keep = min(0.98, step / (10 + step))
            with torch.no_grad():
                for name, value in student.state_dict().items():
                    average[name].lerp_(value, 1 - keep)
            recent.append(losses.detach())
            if (step + 1) % LOG_EVERY == 0:
                shares = [round(float(share), 4) for share in torch.stack(recent).mean(0)]
                log.write(json.dumps({"step": step + 1, "unix_s": round(time.time()), "maps": shares}) + "\n")
                log.flush()
                recent.clear()
            if (step + 1) % 100 == 0 or step + 1 == steps:
                torch.save({"step": 0, "average": average, "trunk": trunk}, run / "last.pt")


def main() -> None:
    """Parse the command line and distil."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path, help="folder that training.build filled")
    parser.add_argument("--run", required=True, help="name of the run; WORK/runs/NAME is its folder")
    parser.add_argument("--teacher", type=Path, default=Path("checkpoints/nano.safetensors"))
    parser.add_argument("--trunk", choices=sorted(TRUNKS), required=True)
    parser.add_argument("--pretrained", type=Path, required=True, help="the new trunk's published weights")
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(arguments.threads)
    # Of the whole process, and so not for who imports this: tiny gradients are slow as denormals.
    torch.set_flush_denormal(True)
    distil(
        arguments.work,
        arguments.work / "runs" / arguments.run,
        arguments.teacher,
        arguments.trunk,
        arguments.pretrained,
        arguments.steps,
        arguments.rate,
    )


if __name__ == "__main__":
    main()
