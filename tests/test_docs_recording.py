"""What docs/recording.md says can be pasted: configs parse, addresses exist, lines are a recorder's."""

from __future__ import annotations

import json
import re
import textwrap
from pathlib import Path

import numpy as np
import yaml
from fastapi import FastAPI

from streamtrack.archive import Archive
from streamtrack.cli.events import log_of
from streamtrack.config import ArchiveConfig, load_config, parse_config
from streamtrack.frame import FrameResult, ObjectMask, StageTimes
from streamtrack.http.history_routes import history_router
from streamtrack.http.recordings_routes import recordings_router
from streamtrack.recording.masks_file import masks_of
from tests.support.recordings import frame

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "recording.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)


def test_configs_parse() -> None:
    whole, part = blocks("yaml")
    raw = yaml.safe_load(whole)
    assert parse_config(raw, "recording.md").streams[0].recording.mode == "continuous"
    raw["streams"][0] |= yaml.safe_load(textwrap.dedent(part))
    assert parse_config(raw, "recording.md").streams[0].recording.pre_roll_s == 10


def test_config_that_ships_keeps_its_archive_beside_itself() -> None:
    path = ROOT / "configs" / "recording.yaml"
    assert load_config(path).streams[0].recording.mode == "events"
    assert log_of(str(path)) == ROOT / "configs" / "recordings" / "events.sqlite"


def test_line_of_masks_has_the_keys_that_are_told() -> None:
    (text,) = blocks("json")
    told = json.loads(text)
    picture = np.zeros((96, 160, 3), np.uint8)
    found = ObjectMask.from_mask(picture[:, :, 0] == 0, 1, label="ann")
    written = masks_of(FrameResult(1, frame(picture), {1: found}, StageTimes()), lambda *_: "", revises=False)
    assert written.keys() == told.keys()
    assert written["objects"][0].keys() == told["objects"][0].keys()


def test_addresses_exist() -> None:
    app = FastAPI()
    archive = Archive(ArchiveConfig())
    app.include_router(recordings_router(archive))
    app.include_router(history_router(archive))
    known = {
        (method.upper(), re.sub(r"\{[^}]*\}", "*", path))
        for path, methods in app.openapi()["paths"].items()
        for method in methods
    }
    rows = re.findall(r"^\| (`(?:GET|POST|DELETE).*?) \|", PAGE, flags=re.MULTILINE)
    asked = [
        (method, re.sub(r"[A-Z]+", "*", path).replace("clean.mp4", "*.mp4").replace("film.mp4", "*"))
        for row in rows
        for method, path in re.findall(r"`(GET|POST|DELETE) ([^`?]+)", row)
    ]
    assert len(asked) >= 9
    assert [one for one in asked if one not in known] == []


def test_links_lead_somewhere() -> None:
    paths = re.findall(r"\]\((?!https?:)([^)#]+)\)", PAGE)
    assert [path for path in paths if not (ROOT / "docs" / path).exists()] == []
