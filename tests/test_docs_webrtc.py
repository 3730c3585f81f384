"""What docs/webrtc.md and docs/ptz.md say can be pasted: configs parse, bodies fit, routes exist, links lead
somewhere."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
import yaml
from fastapi import FastAPI

from streamtrack.config import parse_config
from streamtrack.http.ptz_routes import FollowBody, MoveBody, ptz_router
from streamtrack.http.push_routes import push_router
from streamtrack.http.video_routes import video_router

DOCS = Path(__file__).parents[1] / "docs"
PAGES = {name: (DOCS / name).read_text(encoding="utf-8") for name in ("webrtc.md", "ptz.md")}
BLOCKS = [
    (name, text)
    for name, page in PAGES.items()
    for text in re.findall(r"^```yaml\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)
]


@pytest.mark.parametrize(("name", "text"), BLOCKS)
def test_config_parses(name: str, text: str) -> None:
    config = parse_config(yaml.safe_load(re.sub(r"\$\{\w+\}", "aword", text)), name)
    assert config.webrtc.ice_servers or config.streams[0].push or config.streams[0].ptz


def test_bodies_fit() -> None:
    page = PAGES["ptz.md"]
    for text in re.findall(r"^```sh\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL):
        for part in shlex.split(text):
            if part.startswith("{"):
                FollowBody.model_validate(json.loads(part))
    (move,) = re.findall(r"`(\{\"pan\".*?\})`", page)
    MoveBody.model_validate(json.loads(move))


def test_routes_exist() -> None:
    app = FastAPI()
    for router in (video_router({}), push_router({}), ptz_router({})):
        app.include_router(router)
    known = {
        (verb.upper(), path.replace("{name}", "N"))
        for path, verbs in app.openapi()["paths"].items()
        for verb in verbs
    }
    for page in PAGES.values():
        for verb, path in re.findall(r"`(GET|POST|OPTIONS) (/streams/[^ ?`]+)`", page):
            assert (verb, path.replace("NAME", "N")) in known


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES.keys())
def test_links_lead_somewhere(page: str) -> None:
    paths = re.findall(r"\]\((?!https?:)([^)#]+)\)", page)
    assert [path for path in paths if not (DOCS / path).exists()] == []
