"""What a config may say of recordings, and how it is told what it may not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from streamtrack.config import load_config, parse_config
from streamtrack.errors import ConfigError


def config(recording: Any, **archive: Any) -> dict[str, Any]:
    stream = {"name": "cam", "source": {"url": "synthetic:demo"}, "recording": recording}
    return {"streams": [stream], "archive": archive}


@pytest.mark.parametrize(
    ("written", "mode"),
    [
        ("continuous", "continuous"),
        ("off", "off"),
        (False, "off"),
        ({"mode": "events"}, "events"),
        ({"mode": False}, "off"),
    ],
)
def test_mode_may_stand_alone(written: Any, mode: str) -> None:
    assert parse_config(config(written, folder="kept"), "x").streams[0].recording.mode == mode


@pytest.mark.parametrize(
    ("recording", "archive", "told"),
    [
        ("continuous", {}, "stream 'cam' has recording: continuous and archive.folder is not set"),
        ("always", {"folder": "kept"}, "streams.0.recording.mode is text of 6 characters"),
        ({"mode": "events", "kinds": ["exploded"]}, {"folder": "kept"}, "no kind of event to record"),
        (
            {"mode": "events", "kinds": ["recording_stopped"]},
            {"folder": "kept"},
            "no kind of event to record",
        ),
        ({"mode": "events", "classes": ["persn"]}, {"folder": "kept"}, "persn"),
        ({"pre_rol_s": 5}, {"folder": "kept"}, "pre_rol_s"),
        ("off", {"folder": "kept", "max_gb": 0}, "archive.max_gb"),
    ],
)
def test_what_does_not_fit_is_one_line(recording: Any, archive: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_config(config(recording, **archive), "live.yaml")
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)


def test_folder_begins_beside_the_config(tmp_path: Path) -> None:
    path = tmp_path / "live.yaml"
    path.write_text(
        "streams: [{name: cam, source: {url: 'synthetic:demo'}, recording: off}]\narchive: {folder: kept}\n"
    )
    loaded = load_config(path)
    assert loaded.archive.folder == tmp_path / "kept"
    assert loaded.streams[0].recording.mode == "off"
