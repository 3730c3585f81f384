"""sam2's names for models."""

from __future__ import annotations

import pytest

from streamtrack.compat.sam2.models import catalog_name, load
from streamtrack.errors import ConfigError
from streamtrack.model.build import LoadedModel


@pytest.mark.parametrize(
    ("config", "name"),
    [
        ("configs/sam2.1/sam2.1_hiera_b+.yaml", "sam2.1-base-plus"),
        ("sam2_hiera_t.yaml", "sam2-tiny"),
        ("facebook/sam2.1-hiera-large", "sam2.1-large"),
        ("nano", "nano"),
        ("weights/own.pt", "weights/own.pt"),
    ],
)
def test_names_of_sam2_mean_entries_of_the_catalog(config: str, name: str) -> None:
    assert catalog_name(config) == name


def test_a_loaded_model_stays_as_it_is(model: LoadedModel) -> None:
    assert load(model, None, "auto", "auto", None) is model


def test_a_config_of_ones_own_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"^config is mine\.yaml, expected one of sam2's own"):
        catalog_name("mine.yaml")
