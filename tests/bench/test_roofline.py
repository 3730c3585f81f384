"""FLOPs, bytes and floors."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from bench import bench_roofline, op_counter
from bench.devices import DEVICES
from bench.op_counter import OpCounter, Work
from tests.support.bench import run


class Layer:
    """A stage of known work."""

    def __init__(self) -> None:
        self.weight = torch.zeros(16, 32)

    def project(self, x: Tensor) -> Tensor:
        return F.relu(F.linear(x, self.weight)).view(-1)

    def attend(self, x: Tensor) -> Tensor:
        heads = x[None, None]
        return F.scaled_dot_product_attention(heads, heads, heads)


def test_work_of_a_stage_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = ((Layer, "project", "project"), (Layer, "attend", "attend"))
    monkeypatch.setattr(op_counter, "CALLS", calls)
    layer, counter = Layer(), OpCounter()
    x = torch.ones(64, 32)
    with torch.inference_mode(), counter.watching():
        layer.project(x)
        layer.attend(x)
    result_bytes = 64 * 16 * 4
    assert counter.work["project"] == Work(
        flops=2 * 64 * 32 * 16,
        least_bytes=x.nbytes + layer.weight.nbytes + result_bytes,
        # once in and out of the product, once in and out of relu; a view moves nothing
        eager_bytes=x.nbytes + layer.weight.nbytes + 3 * result_bytes,
    )
    assert counter.work["attend"].flops == 2 * 2 * 64 * 64 * 32
    assert counter.work["attend"].least_bytes == 2 * x.nbytes


@pytest.mark.whole_bench
def test_quick_run_sets_measured_beside_floor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(op_counter, "COPY_FLOATS", 2**20)
    result, table = run(bench_roofline, tmp_path, monkeypatch, "--device", "cpu")
    (case,) = result["cases"]
    for stage in ("encode", "memory attention", "decode", "memory encode"):
        work = case["work"][stage]
        assert work["flops"] > 0
        assert work["eager_bytes"] > work["least_bytes"] > 0
        floor = bench_roofline.floor_seconds(work, *case["peaks"].values())
        assert case["stage_seconds"][stage] > floor > 0, "faster than the device can be"
    assert 0 < bench_roofline.share_of_peak(case) < 1
    for device in DEVICES:
        assert f"{device.name}: {device.source}" in table
    assert "| nano | 128 | 1 |" in bench_roofline.headline(result)


def test_floor_is_the_slower_of_both_ways() -> None:
    work = {"flops": 100, "least_bytes": 50, "eager_bytes": 0}
    assert bench_roofline.floor_seconds(work, flops_per_s=10, bytes_per_s=100) == 10
    assert bench_roofline.floor_seconds(work, flops_per_s=1000, bytes_per_s=10) == 5
    assert bench_roofline.floor_seconds(work, 1000, 10, byte_share=0.5) == 2.5
