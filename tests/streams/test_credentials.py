"""Settings without their secrets, and back."""

from __future__ import annotations

from typing import Any

import pytest

from streamtrack.config import StreamConfig
from streamtrack.errors import PromptError
from streamtrack.streams.credentials import merged, plain_values, restored_url, shown_values

URL = "rtsp://admin:hunter2@cam.lan:554/live?channel=1&token=abc"
SHOWN = "rtsp://***@cam.lan:554/live?channel=1&token=***"


def stream(**keys: Any) -> StreamConfig:
    return StreamConfig.model_validate({"name": "door", "source": {"url": URL}, **keys})


def test_shown_values_hold_what_was_set_and_no_secret() -> None:
    config = stream(tracking={"max_objects": 3}, autoprompt={"kind": "motion"})
    assert shown_values(config) == {
        "name": "door",
        "source": {"url": SHOWN},
        "tracking": {"max_objects": 3},
        "autoprompt": {"kind": "motion"},
    }
    assert plain_values(config)["source"]["url"] == URL
    assert StreamConfig.model_validate(plain_values(config)) == config


def test_patch_is_laid_over_and_null_takes_a_key_away() -> None:
    config = stream(tracking={"max_objects": 3, "lost_after_ms": 900}, video={"max_fps": 5})
    patch = {"tracking": {"max_objects": None}, "video": None, "source": {"crop": [0, 0, 64, 64]}}
    assert merged(config, patch) == {
        "name": "door",
        "source": {"url": URL, "crop": [0, 0, 64, 64]},
        "tracking": {"lost_after_ms": 900},
    }


def test_another_kind_of_section_takes_nothing_over() -> None:
    config = stream(autoprompt={"kind": "detector", "classes": ["car"]})
    assert merged(config, {"autoprompt": {"kind": "motion"}})["autoprompt"] == {"kind": "motion"}
    same = merged(config, {"autoprompt": {"classes": ["person"]}})["autoprompt"]
    assert same == {"kind": "detector", "classes": ["person"]}


def test_what_was_shown_comes_back_as_what_it_was() -> None:
    assert merged(stream(), {"source": {"url": SHOWN}})["source"]["url"] == URL
    assert (
        restored_url("rtsp://***@cam.lan:554/other", URL, "url") == "rtsp://admin:hunter2@cam.lan:554/other"
    )
    assert restored_url("rtsp://***@cam.lan/other", URL, "url") == "rtsp://admin:hunter2@cam.lan/other"
    assert restored_url("rtsp://new:one@cam.lan/x", URL, "url") == "rtsp://new:one@cam.lan/x"


@pytest.mark.parametrize(
    "url",
    [
        "rtsp://***@evil.example:554/live",
        "rtsp://***@cam.lan:8554/live",
        "http://***@cam.lan:554/live",
        "rtsp://***@cam.lan:554/live?channel=2&token=***",
    ],
)
def test_secret_goes_nowhere_else(url: str) -> None:
    with pytest.raises(PromptError, match="expected user and password"):
        merged(stream(), {"source": {"url": url}})
