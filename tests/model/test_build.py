from __future__ import annotations

import copy
import shutil
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from safetensors.torch import load_file, save_file

from streamtrack.config import ModelConfig
from streamtrack.errors import CheckpointError, ConfigError
from streamtrack.model.build import (
    load_model,
    resolve_device,
    resolve_precision,
)
from streamtrack.model.checkpoint import name_of_checkpoint
from streamtrack.model.families import build_module, identify
from streamtrack.model.sam2.network import Sam2Network
from streamtrack.tracking import Tracker
from streamtrack.weights.catalog import CATALOG, get_entry, require_checkpoint


@pytest.fixture(scope="module")
def nano_file() -> Path:
    return require_checkpoint(get_entry("nano"))


@pytest.fixture(scope="module")
def tiny_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A .pt of sam2.1-tiny as upstream lays it out, with random weights."""
    path = tmp_path_factory.mktemp("weights") / "mine.pt"
    torch.save({"model": build_module(get_entry("sam2.1-tiny"), 128).state_dict()}, path)
    return path


def test_own_weights_are_recognised_by_what_they_hold(tiny_file: Path) -> None:
    assert name_of_checkpoint(tiny_file) == "sam2.1-tiny"
    tracker = Tracker.from_checkpoint(tiny_file, device="cpu", image_size=128)
    assert (tracker.name, tracker.image_size, tracker.device) == ("sam2.1-tiny", 128, "cpu")


@pytest.mark.parametrize("name", ["nano", "sam2.1-tiny", "sam2.1-small", "sam2.1-base-plus", "sam2-tiny"])
def test_every_architecture_builds_and_is_told_apart(name: str) -> None:
    module: Any = build_module(CATALOG[name], 128)
    assert identify(module.state_dict()) == name
    assert Sam2Network(module).geometry.grid == (8, 8)


@pytest.mark.parametrize("size", [256, 512])
def test_image_size_sets_the_grid(size: int) -> None:
    geometry = Sam2Network(build_module(get_entry("nano"), size)).geometry
    assert geometry.input_size == (size, size)
    assert geometry.grid == (size // 16, size // 16)
    assert geometry.low_res_size == (size // 4, size // 4)


def test_width_and_height_set_a_wide_grid() -> None:
    geometry = Tracker.from_checkpoint("nano", device="cpu", image_size="256x160").model.network.geometry
    assert (geometry.input_size, geometry.grid, geometry.low_res_size) == ((160, 256), (10, 16), (40, 64))
    assert geometry.memory_tokens == 160


@pytest.mark.parametrize("name", ["nano", "sam2.1-tiny", "sam2-tiny"])
def test_a_square_given_as_width_and_height_is_the_same_network(name: str) -> None:
    module: Any = build_module(CATALOG[name], 128)
    image = torch.randint(0, 256, (1, 3, 128, 128), dtype=torch.uint8)
    told = Sam2Network(copy.deepcopy(module), input_size=(128, 128))
    network = Sam2Network(module)
    with torch.inference_mode():
        for mine, theirs in zip(network.encode(image).tensors(), told.encode(image).tensors(), strict=True):
            assert torch.equal(mine, theirs)


def test_image_size_that_is_no_multiple_of_32_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"^model: image_size is 250: .*expected a multiple of 32$"):
        Tracker.from_checkpoint("nano", image_size=250)


def test_unknown_model_is_refused_with_the_closest() -> None:
    with pytest.raises(
        CheckpointError, match=r"unknown model \'sam2\.1-tinny\', did you mean \'sam2\.1-tiny\'"
    ):
        Tracker.from_checkpoint("sam2.1-tinny")


def test_weights_of_another_model_are_refused(nano_file: Path, tiny_file: Path) -> None:
    with pytest.raises(CheckpointError, match=r"holds weights of nano, expected sam2.1-tiny$"):
        load_model(ModelConfig(name="sam2.1-tiny", checkpoint=nano_file))
    with pytest.raises(CheckpointError, match=r"holds weights of sam2.1-tiny, expected nano$"):
        load_model(ModelConfig(name="nano", checkpoint=tiny_file))


def test_missing_tensor_is_refused(nano_file: Path, tmp_path: Path) -> None:
    weights = load_file(nano_file)
    del weights["maskmem_tpos_enc"]
    save_file(weights, tmp_path / "less.safetensors")
    with pytest.raises(
        CheckpointError, match=r"1 tensors are missing, 0 are unknown \(such as maskmem_tpos_enc\)"
    ):
        load_model(ModelConfig(name="nano", checkpoint=tmp_path / "less.safetensors"))


def test_tensor_of_another_shape_is_refused(nano_file: Path, tmp_path: Path) -> None:
    weights = load_file(nano_file)
    weights["no_mem_embed"] = torch.zeros(1, 1, 5)
    save_file(weights, tmp_path / "odd.safetensors")
    with pytest.raises(CheckpointError, match=r"no_mem_embed is \(1, 1, 5\), expected \(1, 1, 128\)"):
        load_model(ModelConfig(name="nano", checkpoint=tmp_path / "odd.safetensors"))


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
@pytest.mark.parametrize("damage", ["truncated", "empty", "garbage"])
def test_damaged_file_is_one_clear_line(
    suffix: str, damage: str, nano_file: Path, tiny_file: Path, tmp_path: Path
) -> None:
    source = nano_file if suffix == ".safetensors" else tiny_file
    broken = tmp_path / f"broken{suffix}"
    shutil.copy(source, broken)
    content = {
        "truncated": source.read_bytes()[:100_000],
        "empty": b"",
        "garbage": b"not weights at all" * 50,
    }
    broken.write_bytes(content[damage])
    with pytest.raises(CheckpointError) as caught:
        load_model(ModelConfig(name="nano", checkpoint=broken))
    assert str(caught.value).startswith(f"{broken}: damaged, or not a checkpoint: ")
    assert "\n" not in str(caught.value)


def test_pickle_that_would_run_code_is_refused(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return print, ("code ran",)

    torch.save({"model": Trap()}, tmp_path / "evil.pt")
    with pytest.raises(CheckpointError, match="damaged, or not a checkpoint") as caught:
        load_model(ModelConfig(name="nano", checkpoint=tmp_path / "evil.pt"))
    assert "weights_only" not in str(caught.value), "nobody is told how to run it all the same"


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"gone\.pt: no such file$"):
        load_model(ModelConfig(name="nano", checkpoint=tmp_path / "gone.pt"))


def test_device_that_is_not_there_is_refused() -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    with pytest.raises(ConfigError, match=r"model\.device is cuda, but there is none on this machine"):
        resolve_device("cuda")


@pytest.mark.needs_cuda
def test_auto_takes_the_gpu_in_bf16() -> None:
    model = load_model(ModelConfig(name="nano"))
    assert (model.network.device.type, model.precision) == ("cuda", "bf16")


@pytest.mark.parametrize(
    ("preset", "has_bf16", "expected"),
    [("quality", True, "fp32"), ("balanced", True, "bf16"), ("fast", True, "bf16"), ("fast", False, "fp32")],
)
def test_only_an_approximate_preset_takes_bf16_on_a_cpu_and_only_where_it_is_fast(
    monkeypatch: pytest.MonkeyPatch,
    preset: Literal["quality", "balanced", "fast"],
    has_bf16: bool,
    expected: str,
) -> None:
    monkeypatch.setattr("streamtrack.model.build.cpu_has_bf16", lambda: has_bf16)
    assert load_model(ModelConfig(device="cpu", image_size=128, preset=preset)).precision == expected
    for named in ("fp32", "bf16"):
        assert resolve_precision(named, torch.device("cpu"), exact=preset == "quality") == named
