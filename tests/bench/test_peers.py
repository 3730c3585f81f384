"""Other trackers beside ours: same masks, in turns; who cannot take part says why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench import bench_peers, player
from bench.peers.contender import CONTENDERS, Case
from bench.peers.worker import Worker, held_tensor_bytes
from bench.scenario import mask_iou
from tests.support.bench import run


@pytest.mark.whole_bench
def test_quick_run_takes_turns_and_compares_masks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result, table = run(bench_peers, tmp_path, monkeypatch, "--device", "cpu")
    (case,) = result["cases"]
    ours, theirs, optimised = (case["contenders"][name] for name in ("streamtrack-eager", "sam2", "sam2-vos"))
    for contender in (ours, theirs):
        assert [len(turn["step_seconds"]) for turn in contender["turns"]] == [2]
        assert min(contender["mask_ious"]) > 0.999
    assert bench_peers.growth_bytes(ours, "tensor_bytes") == 0
    assert bench_peers.growth_bytes(theirs, "tensor_bytes") > 0
    assert optimised == {"refused": "CUDA only"}
    assert "| the same, vos_optimized |  | not run: CUDA only |" in table
    assert "| nano | 128 | 2 | checkpoint |" in bench_peers.headline(result)


def test_transformers_gives_our_masks() -> None:
    pytest.importorskip("transformers", reason="pip install -e '.[dev]'")
    case = vars(Case("nano", 128, 1, frames=3, precision="fp32", device="cpu", threads=1))
    masks = []
    for name in ("streamtrack-eager", "transformers"):
        worker = Worker(name)
        assert worker.start(case)["weights"] == "checkpoint"
        assert len(worker.run(3)["step_seconds"]) == 3
        answer = worker.masks()
        masks.append(worker._require().masks(worker._outcome))
        assert answer["shape"] == masks[-1].shape
    # It scales masks up in two steps where we take one, which moves edges by a pixel: most at a small input.
    assert mask_iou(*masks) > bench_peers.SAME_MASKS_IOU


def test_other_masks_make_a_comparison_void() -> None:
    contender = {"mask_ious": [1.0, 0.5], "weights": "random"}
    assert bench_peers.verdict("sam2", contender) == "0.5000: void"
    assert bench_peers.verdict("cutie", contender) == "another method"
    nothing = np.zeros((1, 4, 4), np.bool_)
    assert bench_peers._agreement(nothing, nothing) is None
    assert bench_peers.verdict("sam2", {"mask_ious": None, "weights": "random"}) == "void"


def test_contender_without_its_environment_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(player, "PEERS_PYTHON", tmp_path / "python")
    case = Case("nano", 128, 1, frames=1, precision="fp32", device="cpu", threads=1)
    assert player.Player("cutie").start(case) == "needs packages of its own: run `make peers`"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--cases", "nano:256"], "case is 'nano:256', expected MODEL:PIXELS:OBJECTS"),
        (["--cases", "nan:256:1"], "unknown model 'nan', did you mean 'nano'?"),
        (["--contenders", "sam"], "unknown contender sam, expected of: streamtrack, streamtrack-eager, sam2"),
    ],
)
def test_what_cannot_be_is_one_clear_line(
    arguments: list[str], message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["bench_peers", *arguments])
    with pytest.raises(SystemExit) as ended:
        bench_peers.main()
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_held_bytes_count_shared_storage_once() -> None:
    import torch

    before = held_tensor_bytes()
    whole = torch.zeros(1000)
    views: list[Any] = [whole[:10], whole[10:], torch.zeros(4, 4).to_mkldnn()]
    assert held_tensor_bytes() - before == whole.nbytes
    del views, whole
    assert held_tensor_bytes() == before


def test_every_contender_is_a_module_with_one() -> None:
    for name, entry in CONTENDERS.items():
        source = Path(entry.module.replace(".", "/")).with_suffix(".py")
        assert (Path(__file__).parents[2] / source).is_file(), name


def test_masks_survive_the_pipe() -> None:
    worker = Worker("streamtrack-eager")
    worker.start(vars(Case("nano", 128, 2, frames=1, precision="fp32", device="cpu", threads=1)))
    worker.run(1)
    asking = player.Player("streamtrack-eager")
    answer = worker.masks()
    asking.ask = lambda what: answer  # type: ignore[assignment, misc]
    assert np.array_equal(asking.masks(), worker._require().masks(worker._outcome))
