"""Weights in a folder as transformers saves them, wherever a checkpoint is taken."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from streamtrack.compat.sam2 import build_sam2_video_predictor
from streamtrack.config import ModelConfig
from streamtrack.errors import CheckpointError
from streamtrack.model.checkpoint import name_of_checkpoint, read_checkpoint, read_hub_config
from streamtrack.model.chosen import check_model
from streamtrack.tracking import Tracker
from streamtrack.weights.catalog import get_entry
from streamtrack.weights.model_name import weights_file
from tests.support.hub_model import SIDE, hub_config, hub_model
from tests.support.pictures import drifting_ellipses
from tests.support.reference import random_weights


@pytest.fixture(scope="module")
def weights() -> Mapping[str, Tensor]:
    return random_weights(get_entry("sam2.1-tiny"), SIDE, seed=11, object_score_bias=4.0)


@pytest.fixture(scope="module")
def folder(weights: Mapping[str, Tensor], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What transformers' own save_pretrained writes."""
    path = tmp_path_factory.mktemp("hub") / "model"
    hub_model(weights).save_pretrained(path)
    return path


@pytest.fixture
def config_alone(tmp_path: Path) -> Path:
    hub_config().save_pretrained(tmp_path)
    return tmp_path


def masks(tracker: Tracker) -> list[np.ndarray[Any, np.dtype[np.bool_]]]:
    session = tracker.new_session()
    session.add(1, points=[[100, 80]])
    session.add(2, box=[20, 90, 100, 150])
    found = [session.step(image) for image in drifting_ellipses(num_frames=3)]
    return [item.mask for result in found for item in result.objects.values()]


def test_the_same_weights_in_both_layouts_give_the_same_masks(
    folder: Path, weights: Mapping[str, Tensor], tmp_path: Path
) -> None:
    torch.save({"model": weights}, tmp_path / "meta.pt")
    of_folder = Tracker.from_checkpoint(folder, device="cpu")
    assert (of_folder.name, of_folder.image_size) == ("sam2.1-tiny", SIDE)
    of_file = Tracker.from_checkpoint(tmp_path / "meta.pt", device="cpu", image_size=SIDE)
    found, expected = masks(of_folder), masks(of_file)
    assert any(mask.any() for mask in expected)
    for mask, there in zip(found, expected, strict=True):
        np.testing.assert_array_equal(mask, there)


def test_it_is_taken_wherever_a_checkpoint_is(folder: Path) -> None:
    config = ModelConfig(name="sam2.1-tiny", checkpoint=folder, device="cpu")
    assert check_model(config).image_size == SIDE
    assert Tracker.from_config(config).image_size == SIDE
    assert check_model(ModelConfig(name=str(folder), device="cpu")).checkpoint == folder
    assert name_of_checkpoint(folder / "model.safetensors") == "sam2.1-tiny"
    predictor = build_sam2_video_predictor("sam2.1_hiera_t.yaml", str(folder), device="cpu")
    assert predictor.image_size == SIDE
    with pytest.raises(CheckpointError, match=r"holds weights of sam2\.1-tiny, expected nano$"):
        check_model(ModelConfig(name="nano", checkpoint=folder, device="cpu"))


def test_weights_in_several_pieces(folder: Path, tmp_path: Path) -> None:
    whole = load_file(folder / "model.safetensors")
    names = sorted(whole)
    pieces = {"a.safetensors": names[:200], "b.safetensors": names[200:]}
    for file, keys in pieces.items():
        save_file({key: whole[key] for key in keys}, tmp_path / file)
    index = {"weight_map": {key: file for file, keys in pieces.items() for key in keys}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    shutil.copy(folder / "config.json", tmp_path)
    assert name_of_checkpoint(tmp_path) == "sam2.1-tiny"
    index["weight_map"]["x"] = "../a.safetensors"
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(CheckpointError, match=r"weight_map names no files of this folder$"):
        read_checkpoint(tmp_path)


def test_the_size_is_read_from_the_config(config_alone: Path) -> None:
    def read(**vision: Any) -> tuple[str, int]:
        values = json.loads((config_alone / "config.json").read_text())
        values["vision_config"]["backbone_config"].update(vision)
        (config_alone / "config.json").write_text(json.dumps(values))
        found = read_hub_config(config_alone)
        return found.name, found.image_size

    assert read() == ("sam2.1-tiny", SIDE)
    assert read(blocks_per_stage=[1, 2, 11, 2])[0] == "sam2.1-small"
    assert read(blocks_per_stage=[2, 3, 16, 3])[0] == "sam2.1-base-plus"
    assert read(blocks_per_stage=[2, 6, 36, 4])[0] == "sam2.1-large"
    values = json.loads((config_alone / "config.json").read_text())
    (config_alone / "config.json").write_text(
        json.dumps({**values, "enable_occlusion_spatial_embedding": False, "image_size": [512, 512]})
    )
    assert read_hub_config(config_alone).name == "sam2-large"
    assert read_hub_config(config_alone).image_size == 512


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_type": "bert"}, "model_type is 'bert', expected sam2_video"),
        ({"num_maskmem": 5}, "num_maskmem is 5, expected 7"),
        ({"max_cond_frame_num": 4}, "max_cond_frame_num is 4, expected -1"),
        ({"image_size": [64, 128]}, "image_size is [64, 128], expected the side of a square in pixels"),
        (
            {"vision_config": {"backbone_config": {"blocks_per_stage": [1, 1, 1, 1]}}},
            "blocks_per_stage is [1, 1, 1, 1], expected those of tiny, small, base-plus, large",
        ),
    ],
)
def test_configs_of_other_models_are_one_line(
    change: dict[str, Any], message: str, config_alone: Path
) -> None:
    path = config_alone / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(CheckpointError) as raised:
        read_hub_config(config_alone)
    assert str(raised.value) == f"{path}: {message}"


def test_bad_folders_are_one_line(config_alone: Path, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"no model\.safetensors, expected a folder as save_pretrained"):
        Tracker.from_checkpoint(config_alone)
    (config_alone / "config.json").write_text("{" * 3000)
    with pytest.raises(CheckpointError, match=r"config\.json: damaged, expected JSON$"):
        read_hub_config(config_alone)
    lone = tmp_path / "lone"
    lone.mkdir()
    (lone / "model.safetensors").symlink_to(folder / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"lone: no config\.json, expected a folder as save_pretrained"):
        Tracker.from_checkpoint(lone)
    whole = load_file(folder / "model.safetensors")
    pictures = {key: value for key, value in whole.items() if not key.startswith("memory_")}
    save_file(pictures, tmp_path / "pictures.safetensors")
    with pytest.raises(CheckpointError, match=r"a model for single pictures, expected one that follows"):
        Tracker.from_checkpoint(tmp_path / "pictures.safetensors")


def test_a_config_of_another_size_than_the_weights(folder: Path, tmp_path: Path) -> None:
    values = json.loads((folder / "config.json").read_text())
    values["vision_config"]["backbone_config"]["blocks_per_stage"] = [1, 2, 11, 2]
    (tmp_path / "config.json").write_text(json.dumps(values))
    (tmp_path / "model.safetensors").symlink_to(folder / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"of sam2\.1-tiny, but its config\.json is of sam2\.1-small$"):
        Tracker.from_checkpoint(tmp_path)


def test_names_of_the_hub(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMTRACK_CHECKPOINTS", str(tmp_path / "ours"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "theirs"))
    model_id = "facebook/sam2.1-hiera-tiny"
    assert weights_file(model_id) is None  # the catalog's, whose weights are the same
    with pytest.raises(CheckpointError, match=r"run `streamtrack checkpoints get sam2\.1-tiny`"):
        Tracker.from_checkpoint(model_id)
    kept = tmp_path / "theirs" / "models--facebook--sam2.1-hiera-tiny"
    (kept / "refs").mkdir(parents=True)
    (kept / "refs" / "main").write_text("abc")
    (kept / "snapshots").mkdir()
    (kept / "snapshots" / "abc").symlink_to(folder)
    assert weights_file(model_id) == kept / "snapshots" / "abc"
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours" / "facebook--sam2.1-hiera-tiny").symlink_to(folder)
    assert weights_file(model_id) == tmp_path / "ours" / "facebook--sam2.1-hiera-tiny"
    assert Tracker.from_checkpoint(model_id, device="cpu").image_size == SIDE
