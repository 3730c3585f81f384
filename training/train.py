"""Train `nano`: `python -m training.train WORK --run NAME --start checkpoints/nano.safetensors`.

Started again with the same run name it goes on from its last checkpoint. Learning rate: a warm-up, a plateau,
and half a cosine over the last `--fall` steps, so that a run can be prolonged without a lost schedule.
"""

from __future__ import annotations

import argparse
import itertools
import json
import logging
import math
import os
import signal
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset, get_worker_info
from tqdm import tqdm  # type: ignore[import-untyped]

from streamtrack.model.nano.build import DEFAULT_TRUNK, IMAGE_SIZE_PX, TRUNKS, build_nano
from training.clips import WINDOW_SHARE, ClipSource, Mixture
from training.prompts import PromptKind
from training.starts import load_start
from training.unroll import Plan, normalise, unroll

logger = logging.getLogger(__name__)

TRUNK_PREFIX = "image_encoder.trunk."
FRESH_PREFIXES = ("sam_prompt_encoder.box_embedding.", "sam_prompt_encoder.click_embedding.")
LOG_EVERY = 25
AVERAGE_KEEP = 0.999
"""What the running average keeps a step: single checkpoints swing by 0.2 J on a sequence, averages less."""


@dataclass(frozen=True)
class Options:
    """What a run is made with; written beside its checkpoint."""

    steps: int = 20000
    """Optimiser steps in all."""
    fall: int = 3000
    """Steps at the end over which the learning rate falls to nothing."""
    learning_rate: float = 2e-4
    """Of everything but the trunk."""
    trunk: str = DEFAULT_TRUNK
    """A key of `streamtrack.model.nano.build.TRUNKS`."""
    frozen_blocks: int = 2
    """Stem and first blocks of the trunk that stay as they are: half its backward pass."""
    trunk_rate: float = 0.15
    """The trunk's share of the learning rate; 0 leaves it as it is and saves its backward pass."""
    fresh_rate: float = 1.0
    """Rate of the drawn prompts as a multiple of the rest's: they start from nothing."""
    still_share: float = 0.4
    """Share of steps on single pictures, which teach the first mask."""
    still_batch: tuple[int, int] = (6, 4)
    """Pictures, and targets on each."""
    clip_batch: tuple[int, int] = (2, 2)
    """Clips, and targets in each."""
    clip_frames: tuple[int, int] = (4, 8)
    """Shortest and longest clip."""
    box_share: float = 0.5
    """Share of first prompts that are boxes; of the rest three quarters are clicks, a quarter masks."""
    keep: tuple[int, ...] = ()
    """Steps after which a copy of the checkpoint stays, `step_N.pt`."""
    window_share: float = WINDOW_SHARE
    """Share of clips that are seen through windows."""
    threads: int = 2
    """Threads of the arithmetic on a processor."""
    workers: int = 1
    """Processes that make clips; 0: the training itself does."""
    device: str = "cpu"
    """Where the arithmetic runs: cpu or cuda."""
    minutes: float = 0.0
    """Stop, saved, after this time, to be gone on with by the same command; 0: run to the last step."""
    seed: int = 0
    """Seed of data and prompts."""


class BatchStream(IterableDataset[tuple[Tensor, Tensor]]):
    """Endless batches: (B, T, S, S, 3) uint8 frames and (B, K, T, S, S) bool masks."""

    def __init__(self, work: Path, options: Options, seed: int, mixture: Mixture) -> None:
        self._work, self._options, self._seed, self._mixture = work, options, seed, mixture

    def __iter__(self) -> Any:
        cv2.setNumThreads(1)
        worker = get_worker_info()
        if worker:
            os.nice(1)
        seed = self._seed + (1000003 * worker.id if worker else 0)
        rng = np.random.default_rng(seed)
        share = self._options.window_share
        source = ClipSource(self._work, seed=seed + 1, mixture=self._mixture, window_share=share)
        while True:
            if rng.random() < self._options.still_share:
                (count, targets), frames = self._options.still_batch, 1
            else:
                count, targets = self._options.clip_batch
                frames = int(rng.integers(self._options.clip_frames[0], self._options.clip_frames[1] + 1))
            clips = [source.sample(IMAGE_SIZE_PX, frames, targets) for _ in range(count)]
            yield (
                torch.from_numpy(np.stack([clip.frames for clip in clips])),
                torch.from_numpy(np.stack([clip.masks for clip in clips])),
            )


def random_plan(rng: np.random.Generator, num_frames: int, box_share: float) -> Plan:
    """A prompt kind, and corrective clicks: on the first frame often, on a later one sometimes."""
    kind = PromptKind.BOX
    if rng.random() >= box_share:
        kind = PromptKind.MASK if num_frames > 1 and rng.random() < 0.25 else PromptKind.CLICK
    clicks = {}
    if kind is not PromptKind.MASK and rng.random() < (0.6 if num_frames == 1 else 0.3):
        clicks[0] = int(rng.integers(1, 3))
    if num_frames > 3 and rng.random() < 0.2:
        clicks[int(rng.integers(1, num_frames))] = 1
    return Plan(kind, clicks)


def frozen_parts(num_blocks: int) -> tuple[str, ...]:
    """Names of a trunk's stem and first blocks; none for 0 blocks."""
    return ("stem.", *(f"blocks.{index}." for index in range(num_blocks))) if num_blocks else ()


def learning_rate_at(step: int, options: Options) -> float:
    """The learning rate of a step: warm-up over 50 steps, plateau, and half a cosine to nothing."""
    warm = min(1.0, (step + 1) / 50)
    left = min(1.0, (options.steps - step) / max(1, options.fall))
    return options.learning_rate * warm * max(0.02, (1 - math.cos(math.pi * left)) / 2)


class Trainer:
    """Network, optimiser and their running average; saved and resumed together."""

    def __init__(self, network: nn.Module, options: Options) -> None:
        self.network, self.options, self.step = network, options, 0
        named = list(network.named_parameters())
        self.trunk = [p for name, p in named if name.startswith(TRUNK_PREFIX)]
        self.fresh = [p for name, p in named if name.startswith(FRESH_PREFIXES)]
        self.rest = [p for name, p in named if not name.startswith((TRUNK_PREFIX, *FRESH_PREFIXES))]
        frozen = tuple(TRUNK_PREFIX + part for part in frozen_parts(options.frozen_blocks))
        for name, parameter in named:
            if name.startswith(TRUNK_PREFIX):
                learns = options.trunk_rate > 0 and not name.startswith(frozen)
                parameter.requires_grad_(learns)
        self.optimiser = torch.optim.AdamW(
            [{"params": self.rest}, {"params": self.trunk}, {"params": self.fresh}],
            betas=(0.9, 0.98),
            weight_decay=0.02,
        )
        self.average = {name: value.detach().clone() for name, value in network.state_dict().items()}

    def update(self, loss: Tensor) -> bool:
        """One step of the optimiser and the average; False where the gradient was not finite."""
        rate = learning_rate_at(self.step, self.options)
        shares = (1.0, self.options.trunk_rate, self.options.fresh_rate)
        for group, share in zip(self.optimiser.param_groups, shares, strict=True):
            group["lr"] = rate * share
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        # Clipped apart: one common bound would let the trunk's large gradient starve memory attention's.
        bounds = ((self.rest, 2.0), ([p for p in self.trunk if p.requires_grad], 1.0), (self.fresh, 1.0))
        norms = [nn.utils.clip_grad_norm_(part, bound) for part, bound in bounds]
        self.step += 1
        if not all(math.isfinite(norm) for norm in norms):
            return False
        self.optimiser.step()
        keep = min(AVERAGE_KEEP, self.step / (10 + self.step))
        with torch.no_grad():
            for name, value in self.network.state_dict().items():
                self.average[name].lerp_(value, 1 - keep)
        return True

    def save(self, path: Path) -> None:
        """Write everything needed to go on; an interruption never leaves half a file."""
        state = {
            "step": self.step,
            "trunk": self.options.trunk,
            "network": self.network.state_dict(),
            "average": self.average,
            "optimiser": self.optimiser.state_dict(),
        }
        partial = path.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(path)

    def resume(self, path: Path) -> None:
        """Go on from what `save` wrote."""
        state = torch.load(path, weights_only=True, map_location=self.options.device)
        self.step = state["step"]
        self.network.load_state_dict(state["network"])
        self.average = state["average"]
        self.optimiser.load_state_dict(state["optimiser"])


def train(
    work: Path, run: Path, start: Path | None, options: Options, mixture: Mixture, save_s: float
) -> None:
    """Train until `options.steps`, saving to `run`."""
    run.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(options.threads)
    device = torch.device(options.device)
    network = build_nano(IMAGE_SIZE_PX, trunk=options.trunk).train()
    if start is not None:
        load_start(network, start)
    network = network.to(device, memory_format=torch.channels_last)
    trainer = Trainer(network, options)
    checkpoint = run / "last.pt"
    if checkpoint.exists():
        trainer.resume(checkpoint)
    seed = options.seed + 7919 * trainer.step
    (run / "options.json").write_text(json.dumps({**asdict(options), "mixture": asdict(mixture)}, indent=1))
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    batches = DataLoader(
        BatchStream(work, options, seed, mixture),
        batch_size=None,
        num_workers=options.workers,
        prefetch_factor=6 if options.workers else None,
        pin_memory=device.type == "cuda",
    )
    begun = saved_at = time.monotonic()
    rows: list[tuple[Any, Plan, bool]] = []
    progress = tqdm(total=options.steps, initial=trainer.step, mininterval=5, dynamic_ncols=True)
    try:
        with (run / "log.jsonl").open("a") as log:
            for frames, masks in itertools.islice(batches, options.steps - trainer.step):
                images = normalise(frames.to(device, non_blocking=True))
                plan = random_plan(rng, images.shape[1], options.box_share)
                result = unroll(network, images, masks.to(device, non_blocking=True), plan, rng)
                finite = trainer.update(result.loss)
                rows.append((result, plan, finite))
                progress.update()
                now = time.monotonic()
                if trainer.step % LOG_EVERY == 0:
                    log.write(json.dumps(_summary(trainer.step, rows)) + "\n")
                    log.flush()
                    rows.clear()
                if trainer.step in options.keep:
                    trainer.save(run / f"step_{trainer.step}.pt")
                if options.minutes and now - begun > 60 * options.minutes:
                    logger.info("stopped at step %d; the same command goes on", trainer.step)
                    return
                if now - saved_at > save_s:
                    trainer.save(checkpoint)
                    saved_at = now
    finally:
        trainer.save(checkpoint)


def _summary(step: int, rows: list[tuple[Any, Plan, bool]]) -> dict[str, float]:
    def mean(values: list[float]) -> float:
        return round(float(np.mean(values)), 4) if values else float("nan")

    return {
        "step": step,
        "unix_s": round(time.time(), 1),
        "loss": mean([row.loss.item() for row, _, _ in rows]),
        "first_iou_box": mean([r.ious[:, 0].mean().item() for r, p, _ in rows if p.first is PromptKind.BOX]),
        "first_iou_click": mean(
            [r.ious[:, 0].mean().item() for r, p, _ in rows if p.first is PromptKind.CLICK]
        ),
        "tracked_iou": mean([r.ious[:, 1:].mean().item() for r, _, _ in rows if r.ious.shape[1] > 1]),
        "skipped": sum(not finite for _, _, finite in rows),
    }


def main() -> None:
    """Parse the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path, help="folder that training.build filled")
    parser.add_argument("--run", required=True, help="name of the run; WORK/runs/NAME is its folder")
    parser.add_argument(
        "--start", type=Path, help="weights to start from (.safetensors or another run's .pt)"
    )
    parser.add_argument("--steps", type=int, default=20000)
    parser.add_argument("--fall", type=int, default=3000)
    parser.add_argument("--learning-rate", type=float, default=2e-4)
    parser.add_argument("--trunk", choices=sorted(TRUNKS), default=DEFAULT_TRUNK)
    parser.add_argument("--frozen-blocks", type=int, default=2)
    parser.add_argument("--trunk-rate", type=float, default=0.15)
    parser.add_argument("--fresh-rate", type=float, default=1.0)
    parser.add_argument("--still-share", type=float, default=0.4)
    parser.add_argument("--still-batch", type=int, nargs=2, default=(6, 4), metavar=("PICTURES", "TARGETS"))
    parser.add_argument("--clip-batch", type=int, nargs=2, default=(2, 2), metavar=("CLIPS", "TARGETS"))
    parser.add_argument("--clip-frames", type=int, nargs=2, default=(4, 8), metavar=("SHORTEST", "LONGEST"))
    parser.add_argument("--box-share", type=float, default=0.5)
    parser.add_argument("--keep", type=int, nargs="*", default=(), metavar="STEP")
    parser.add_argument("--window-share", type=float, default=WINDOW_SHARE)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--minutes", type=float, default=0.0, help="stop after this time; run again to go on")
    parser.add_argument("--workers", type=int, default=1, help="processes that make clips")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save-s", type=float, default=120.0, help="seconds between checkpoints")
    for name, weight in asdict(Mixture()).items():
        parser.add_argument(f"--{name}", type=float, default=weight, help="weight of this kind of clip")
    arguments = vars(parser.parse_args())
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # as Ctrl-C: saved on the way out
    work, run, start = arguments.pop("work"), arguments.pop("run"), arguments.pop("start")
    save_s = arguments.pop("save_s")
    mixture = Mixture(**{name: arguments.pop(name) for name in asdict(Mixture())})
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in arguments.items()}
    options = Options(**values)
    # Of the whole process, and so not for who imports this: tiny gradients are slow as denormals.
    torch.set_flush_denormal(True)
    train(work, work / "runs" / run, start, options, mixture, save_s)


if __name__ == "__main__":
    main()
