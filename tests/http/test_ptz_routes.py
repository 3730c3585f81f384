from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from streamtrack.config import PtzConfig
from streamtrack.http.error_answers import add_error_answers
from streamtrack.http.ptz_routes import ptz_router
from streamtrack.ptz.desk import PtzDesk
from streamtrack.ptz.onvif_mount import OnvifMount


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    """The API of a camera whose motors nobody asks, and of one that has none."""
    config = PtzConfig(host="192.0.2.7")
    desk = PtzDesk("cam", config, OnvifMount(config), lambda event: None)
    app = FastAPI()
    app.include_router(ptz_router({"cam": desk, "fixed": None}))
    add_error_answers(app)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        yield client


async def test_camera_is_moved_stopped_and_shown(http: httpx.AsyncClient) -> None:
    moved = (await http.post("/streams/cam/ptz/move", json={"pan": -0.5, "zoom": 0.2})).json()
    assert (moved["state"], moved["pan"], moved["tilt"], moved["zoom"]) == ("manual", -0.5, 0.0, 0.2)
    stopped = (await http.post("/streams/cam/ptz/stop")).json()
    assert (stopped["state"], stopped["pan"]) == ("idle", 0.0)
    assert (await http.post("/streams/cam/ptz/home")).status_code == 200
    shown = (await http.get("/streams/cam/ptz")).json()
    assert (shown["camera_online"], shown["object_id"]) == (False, None)


@pytest.mark.parametrize(
    ("path", "body", "status", "error"),
    [
        ("cam/ptz/follow", {"object_id": 3}, 404, "cam: object_id is 3, expected one that is followed: none"),
        ("cam/ptz/move", {"pan": 2}, 422, "pan is 2: input should be less than or equal to 1"),
        (
            "cam/ptz/move",
            {"pan": 0.1, "seconds": 60},
            422,
            "seconds is 60: input should be less than or equal to 10",
        ),
        (
            "fixed/ptz/stop",
            None,
            409,
            "stream fixed: its camera does not turn, expected `ptz` in its config",
        ),
        ("other/ptz/stop", None, 404, "stream is 'other', expected one of: cam, fixed"),
    ],
)
async def test_what_cannot_be_is_refused_in_one_line(
    http: httpx.AsyncClient, path: str, body: object, status: int, error: str
) -> None:
    answer = await http.post(f"/streams/{path}", json=body)
    assert (answer.status_code, answer.json()["error"]) == (status, error)
