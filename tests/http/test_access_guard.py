"""The guard and the headers: what every answer carries, and what is refused before it costs."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from pydantic import SecretStr, ValidationError

from streamtrack.access.attempts import GUESSES_AT_ONCE
from streamtrack.config import HttpConfig, HttpLimitsConfig
from streamtrack.errors import ConfigError
from streamtrack.http.answer_headers import HEADERS
from streamtrack.http.api import create_app
from streamtrack.http.auth import door_of
from streamtrack.http.page_routes import page_router

TOKEN = "a long and random token".replace(" ", "-")
RIGHT = {"authorization": f"Bearer {TOKEN}"}


class NoStreams:
    """A board without a stream."""

    def statuses(self) -> list[Any]:
        return []

    def metrics(self) -> bytes:
        return b""


def app_of(refused: list[str] | None = None, **keys: Any) -> FastAPI:
    router = APIRouter()

    @router.get("/broken")
    async def broken() -> None:
        raise RuntimeError("a secret detail")

    on_refused = refused.append if refused is not None else None
    board: Any = NoStreams()
    return create_app(board, HttpConfig.model_validate(keys), (router, page_router()), on_refused)


@asynccontextmanager
async def client_of(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
        yield http


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 200),
        ("/web/app.js", 200),
        ("/docs", 200),
        ("/docs/docs.js", 200),
        ("/openapi.json", 200),
        ("/healthz", 200),
        ("/readyz", 200),
        ("/metrics", 200),
        ("/streams", 200),
        ("/nowhere", 404),
        ("/broken", 500),
    ],
)
async def test_every_answer_carries_the_headers(path: str, status: int) -> None:
    async with client_of(app_of()) as http:
        answer = await http.get(path)
    assert answer.status_code == status
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    for name, value in HEADERS.items():
        assert name in answer.headers
        assert name == "Content-Security-Policy" or answer.headers[name] == value
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "secret" not in answer.text


async def test_refusals_carry_the_headers_and_pages_that_may_read_answers_read_them() -> None:
    async with client_of(app_of(token=TOKEN, cors_origins=["https://Panel.example/"])) as http:
        ours = await http.get("/streams", headers={"origin": "https://panel.example"})
        theirs = await http.get("/streams", headers={"origin": "https://evil.example"})
        broken = await http.get("/broken", headers={"origin": "https://panel.example", **RIGHT})
        asked = {"origin": "https://panel.example", "access-control-request-method": "POST"}
        preflight = await http.options("/streams/cam/whep", headers=asked)
    assert (ours.status_code, theirs.status_code, broken.status_code) == (401, 401, 500)
    assert preflight.status_code == 200
    for answer in (ours, broken, preflight):
        assert answer.headers["access-control-allow-origin"] == "https://panel.example"
    assert "access-control-allow-origin" not in theirs.headers
    for answer in (ours, theirs, broken):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert list(answer.json()) == ["error", "kind"]


async def test_docs_load_nothing_from_elsewhere_and_keep_the_token_out_of_the_address() -> None:
    async with client_of(app_of(token=TOKEN)) as http:
        assert (await http.get("/docs")).status_code == 401
        page = await http.get("/docs", params={"token": TOKEN})
        assert "//" not in page.text.replace("<!doctype", "")
        for name in ("docs.js", "swagger-ui-bundle.js", "swagger-ui.css"):
            assert f"/docs/{name}" in page.text
            assert (await http.get(f"/docs/{name}")).status_code == 200
        assert "replaceState" in (await http.get("/docs/docs.js")).text
        assert (await http.get("/docs/index.html")).status_code == 404
        assert "unsafe-" not in page.headers["content-security-policy"]


async def test_guesses_are_slowed_counted_and_reported_once(caplog: pytest.LogCaptureFixture) -> None:
    refused: list[str] = []
    async with client_of(app_of(refused, token=TOKEN)) as http:
        statuses = [
            (await http.get("/streams", headers={"authorization": f"Bearer {index}"})).status_code
            for index in range(GUESSES_AT_ONCE + 10)
        ]
        slowed = await http.get("/streams", headers=RIGHT)
        assert (await http.get("/healthz")).status_code == 200
        assert (await http.get("/streams")).status_code == 401  # without a token nothing is guessed
    assert statuses == [401] * GUESSES_AT_ONCE + [429] * 10
    assert (slowed.status_code, slowed.json()["kind"]) == (429, "too_many_guesses")
    assert 1 <= int(slowed.headers["retry-after"]) <= 2
    assert refused == ["unauthorized"] * GUESSES_AT_ONCE + ["too_many_guesses"] * 11 + ["unauthorized"]
    lines = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert lines == ["http: 1 requests with a wrong token from 127.0.0.1"]


async def test_health_is_answered_when_every_place_is_taken() -> None:
    full = HttpLimitsConfig().model_copy(update={"requests": 0})
    async with client_of(app_of(limits=full)) as http:
        assert (await http.get("/healthz")).status_code == 200
        assert (await http.get("/readyz")).status_code == 200
        busy = await http.get("/streams")
    assert (busy.status_code, busy.json()["kind"]) == (503, "busy")


async def test_place_is_free_again_after_each_answer() -> None:
    async with client_of(app_of(limits={"requests_per_address": 1})) as http:
        for path, status in (("/streams", 200), ("/broken", 500), ("/nowhere", 404), ("/streams", 200)):
            assert (await http.get(path)).status_code == status


@pytest.mark.parametrize("token", ["", " ", "\t", "x", "12345", "with blank", "naïve-naïve", "line\nbreak"])
def test_token_that_guards_nothing_is_refused(token: str) -> None:
    with pytest.raises(ConfigError, match=r"^http\.token .*, expected ") as caught:
        door_of(HttpConfig.model_construct(token=SecretStr(token)))
    assert len(token) < 2 or token not in str(caught.value)
    with pytest.raises(ValidationError):
        HttpConfig(token=SecretStr(token))


def test_every_origin_is_let_in_with_a_token_only() -> None:
    with pytest.raises(ConfigError, match=r"^http\.cors_origins is '\*' without http\.token"):
        app_of(cors_origins=["*"])
    door_of(HttpConfig.model_validate({"cors_origins": ("*",), "token": TOKEN}))
    door_of(HttpConfig(cors_origins=("*",), allow_open=True))
