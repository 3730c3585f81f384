"""Memory that is used up: one sentence, and whoever has no object more goes on."""

from __future__ import annotations

import logging

import pytest
import torch

from streamtrack.config import ModelConfig
from streamtrack.errors import CapacityError
from streamtrack.model.build import LoadedModel, load_model
from streamtrack.model.chosen import choose_model
from streamtrack.model.out_of_memory import is_out_of_memory, tell_what_fits, warn_if_tight
from streamtrack.weights.catalog import get_entry

TOO_MUCH = 2**60


def test_torchs_page_becomes_one_sentence_that_names_what_fits() -> None:
    with (
        pytest.raises(CapacityError) as raised,
        tell_what_fits("sam2.1-large", 1024, "fp32", "cpu"),
    ):
        torch.empty(TOO_MUCH, dtype=torch.uint8)
    text = str(raised.value)
    assert text.startswith("out of memory: cpu has ")
    assert "GiB for sam2.1-large at 1024 px" in text
    assert "\n" not in text
    told = r"mine at 64 px on cpu: fewer objects or a smaller size need less$"
    with pytest.raises(CapacityError, match=told), tell_what_fits("mine", 64, "fp32", "cpu"):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate")


def test_other_complaints_stay() -> None:
    with pytest.raises(RuntimeError, match="shapes"), tell_what_fits("nano", 256, "fp32", "cpu"):
        raise RuntimeError("shapes differ")
    assert not is_out_of_memory(ValueError("not enough memory"))


def test_a_models_calls_tell_it() -> None:
    model = load_model(choose_model(ModelConfig(name="nano", device="cpu", image_size=128)))
    with (
        pytest.raises(CapacityError, match=r"^out of memory: cpu has .* GiB for nano at 128 px"),
        model.autocast(),
    ):
        torch.empty(TOO_MUCH, dtype=torch.uint8)
    bf16 = LoadedModel(model.name, model.network, "bf16")
    with bf16.autocast():
        assert torch.is_autocast_enabled("cpu")
    assert not torch.is_autocast_enabled("cpu")


def test_what_will_hardly_fit_is_said_before(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamtrack.model.out_of_memory.free_bytes", lambda device: 2**30)
    with caplog.at_level(logging.WARNING):
        warn_if_tight(get_entry("nano"), 256, "fp32", "cpu")
        assert caplog.messages == []
        warn_if_tight(get_entry("sam2.1-large"), 1024, "fp32", "cpu")
    (message,) = caplog.messages
    assert message.startswith("sam2.1-large at 1024 px needs about ")
    assert "would fit" in message
