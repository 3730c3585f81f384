"""The HTTP API over real sockets, in front of a real stream that stands still after three frames."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from fastapi.testclient import TestClient

from streamtrack.client import Control, decode_mask
from streamtrack.config import HttpConfig
from streamtrack.errors import PromptError
from streamtrack.http.access_guard import MAX_BODY_BYTES
from streamtrack.http.api import create_app
from streamtrack.ingest import make_scene
from streamtrack.publish.mask_codec import encode_rle
from streamtrack.server import Server
from tests.support.pipelines import SCENE, SOON_S, stream_config, wait_until
from tests.support.servers import server_config, serving

LAST = 2
TRUTH = make_scene(SCENE).render(LAST)[1][2]
CENTRE = (187, 244)
BOX = (137, 201, 240, 288)
JSON = dict[str, Any]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    config = server_config(stream_config(name="cam", autoprompt=None))
    with serving(config) as running:
        wait_until(lambda: running.status("cam").newest_frame_idx == LAST, "the last frame")
        wait_until(lambda: running.status("cam").state == "ended", "the end of the recording")
        yield running


@pytest.fixture
def api(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.http_address, timeout=SOON_S) as client:
        yield client
        for found in client.get("/streams/cam/objects").json():
            client.delete(f"/streams/cam/objects/{found['object_id']}")


def refused(response: httpx.Response, status: int) -> str:
    assert response.status_code == status, response.text
    body = response.json()
    assert list(body) == ["error", "kind"]
    assert "\n" not in body["error"]
    return str(body["error"])


def test_stream_tells_what_it_is(api: httpx.Client) -> None:
    (shown,) = api.get("/streams").json()
    assert shown.keys() == api.get("/streams/cam").json().keys()
    expected = {
        "name": "cam",
        "state": "ended",
        "width_px": 640,
        "height_px": 360,
        "model": "nano",
        "paused": False,
        "newest_frame_idx": LAST,
        "objects": [],
        "source": f"synthetic:{SCENE}?frames=3",
    }
    assert {key: shown[key] for key in expected} == expected
    assert shown["latency_ms"].keys() == {"p50", "p95"}


def test_object_from_its_first_click_to_its_end(api: httpx.Client) -> None:
    added = api.post("/streams/cam/objects", json={"box": BOX, "label": "ball"})
    assert added.status_code == 201
    answer = added.json()
    object_id = answer["object_id"]
    assert (answer["op"], answer["frame_idx"]) == ("add", LAST)
    mend = {"points": [CENTRE], "at_frame": LAST}
    corrected = api.post(f"/streams/cam/objects/{object_id}/prompts", json=mend)
    assert (corrected.status_code, corrected.json().get("frame_idx")) == (200, LAST), corrected.text
    too_early = {"points": [CENTRE], "at_frame": 1}
    error = refused(api.post(f"/streams/cam/objects/{object_id}/prompts", json=too_early), 422)
    assert "expected its first frame (2) or later" in error
    api.patch(f"/streams/cam/objects/{object_id}", json={"label": "red"}).raise_for_status()
    (listed,) = api.get("/streams/cam/objects").json()
    assert (listed["object_id"], listed["label"], listed["added_at_frame"]) == (object_id, "red", LAST)
    assert listed["area_px"] == pytest.approx(TRUTH.sum(), rel=0.3)
    assert api.delete(f"/streams/cam/objects/{object_id}").json()["op"] == "remove"
    assert api.get("/streams/cam/objects").json() == []


def test_object_from_a_mask(api: httpx.Client) -> None:
    height, width = TRUTH.shape
    counts = encode_rle(TRUTH, (0, 0, width, height), (height, width)).decode()
    mask = {"size": [height, width], "counts": counts}
    assert api.post("/streams/cam/objects", json={"mask": mask}).status_code == 201


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        ({"points": [[5000, 10]]}, 422, "point 0 is (5000, 10), expected inside the frame of 640 x 360"),
        ({"box": [10, 10, 10, 20]}, 422, "box is (10, 10, 10, 20), expected x0 < x1 and y0 < y1"),
        ({}, 422, "the prompt is empty"),
        ({"mask": {"size": [10, 10], "counts": "d3"}}, 422, "mask has size [10, 10], expected [360, 640]"),
        ({"points": [[1, 1]], "labels": [1, 1]}, 422, "2 labels for 1 points"),
        ({"points": [[1, 1]], "at_frame": 50}, 409, "at_frame is 50, expected a kept frame from 0 to 2"),
        ({"points": [["a", 1]]}, 422, "points.0.0 is 'a': input should be a valid number"),
        ({"points": [[1, 1]], "colour": "red"}, 422, "unknown key colour"),
        ({"points": [[1, 1]], "object_id": -1}, 422, "object_id is -1"),
        ({"points": [[1, 1]], "stream": "other"}, 422, "the body names stream 'other', expected 'cam'"),
        ({"points": [[1, 1]] * 65}, 422, "points"),
    ],
)
def test_prompt_that_does_not_fit_is_a_4xx_in_one_line(
    api: httpx.Client, body: JSON, status: int, error: str
) -> None:
    assert error in refused(api.post("/streams/cam/objects", json=body), status)
    assert api.get("/streams/cam").json()["state"] == "ended"


def test_what_does_not_exist_is_a_404(api: httpx.Client) -> None:
    assert refused(api.get("/streams/nope"), 404) == "stream is 'nope', expected one of: cam"
    refused(api.post("/streams/nope/objects", json={"box": BOX}), 404)
    refused(api.get("/streams/nope/live"), 404)
    unknown = refused(api.delete("/streams/cam/objects/77"), 404)
    assert unknown == "cam: object_id is 77, expected one that is followed: none"
    refused(api.post("/streams/cam/objects/77/prompts", json={"points": [[1, 1]]}), 404)
    refused(api.patch("/streams/cam/objects/77", json={"label": "x"}), 404)
    refused(api.get("/nowhere"), 404)
    refused(api.put("/streams"), 405)


def test_body_that_is_no_json_is_a_422(api: httpx.Client) -> None:
    headers = {"content-type": "application/json"}
    error = refused(api.post("/streams/cam/objects", content=b"{", headers=headers), 422)
    assert error == "the body is not JSON"


def test_large_body_is_refused_before_it_is_kept(server: Server, api: httpx.Client) -> None:
    refused(api.post("/streams/cam/objects", content=b" " * (MAX_BODY_BYTES + 1)), 413)

    def chunks() -> Iterator[bytes]:  # a chunked body does not tell its length before
        for _ in range(MAX_BODY_BYTES // 100_000 + 2):
            yield b" " * 100_000

    refused(api.post("/streams/cam/objects", content=chunks()), 413)


def test_pause_and_resume_are_told(api: httpx.Client) -> None:
    assert api.post("/streams/cam/pause").json()["paused"] is True
    assert api.get("/streams/cam").json()["paused"] is True
    assert api.post("/streams/cam/resume").json()["paused"] is False
    assert api.get("/streams/cam").json()["paused"] is False


def test_live_tells_states_and_events(server: Server, api: httpx.Client) -> None:
    kinds: list[str] = []
    with api.stream("GET", "/streams/cam/live") as live:
        assert live.headers["content-type"].startswith("text/event-stream")
        name, shows_it = "", False
        for line in live.iter_lines():
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: ") and name == "state":
                state = json.loads(line.removeprefix("data: "))
                if not kinds:
                    assert state["objects"] == []
                    kinds.append("state")
                    url = f"{server.http_address}/streams/cam/objects"
                    httpx.post(url, json={"box": BOX, "label": "ball"}).raise_for_status()
                else:
                    shows_it = bool(state["objects"])
            elif line.startswith("data: "):
                event = json.loads(line.removeprefix("data: "))
                assert event.keys() == {"kind", "frame_idx", "object_id", "detail"}
                kinds.append(event["kind"])
            if shows_it and "added" in kinds:  # in either order: the state is read when it is sent
                break
    assert kinds == ["state", "added"]


def test_health_and_metrics(api: httpx.Client) -> None:
    assert api.get("/healthz").json() == {"alive": True}
    assert api.get("/readyz").json() == {"ready": True, "streams": {"cam": "ended"}}
    metrics = api.get("/metrics")
    assert metrics.headers["content-type"].startswith("text/plain")
    assert 'streamtrack_frames_tracked_total{stream="cam"} 3.0' in metrics.text


def test_openapi_shows_the_commands_without_what_the_path_names(api: httpx.Client) -> None:
    assert api.get("/docs").status_code == 200
    schema = api.get("/openapi.json").json()
    assert {"/streams", "/streams/{name}/objects", "/streams/{name}/live"} <= schema["paths"].keys()
    body = schema["components"]["schemas"]["AddBody"]["properties"]
    assert {"points", "labels", "box", "mask", "at_frame", "object_id", "label"} == body.keys()


def test_page_and_video_routes_are_mounted(api: httpx.Client) -> None:
    assert "text/html" in api.get("/").headers["content-type"]
    snapshot = api.get("/streams/cam/snapshot.jpg")
    assert snapshot.headers["content-type"] == "image/jpeg"
    assert snapshot.content.startswith(b"\xff\xd8")


def test_page_of_another_origin_cannot_command(api: httpx.Client) -> None:
    refused(api.post("/streams/cam/pause", headers={"origin": "https://evil.example"}), 403)
    refused(api.get("/streams", headers={"host": "evil.example"}), 403)
    assert api.get("/streams/cam").json()["paused"] is False


def test_token_is_enforced_and_never_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    keys = {"port": 0, "token": "hunter2-hunter2-hunter2", "cors_origins": ["https://panel.example"]}
    http = HttpConfig.model_validate(keys)
    with serving(server_config(http=http), ready=False) as server:
        url = server.http_address
        assert httpx.get(f"{url}/healthz").status_code == 200
        assert httpx.get(f"{url}/").status_code == 200
        for method, path in (
            ("GET", "/streams"),
            ("GET", "/metrics"),
            ("GET", "/docs"),
            ("GET", "/openapi.json"),
            ("POST", "/streams/cam/pause"),
            ("POST", "/streams/cam/whep"),
            ("GET", "/streams/cam/live"),
            ("GET", "/streams/cam/mjpeg"),
            ("GET", "/streams/cam/snapshot.jpg"),
            ("DELETE", "/streams/cam/objects/1"),
        ):
            response = httpx.request(method, url + path)
            assert (response.status_code, response.headers.get("www-authenticate")) == (401, "Bearer"), path
        assert httpx.get(f"{url}/streams?token=hunter2-hunter2-hunter2").status_code == 200
        assert (
            httpx.get(
                f"{url}/streams", headers={"authorization": "Bearer hunter2-hunter2-hunter2"}
            ).status_code
            == 200
        )
        assert httpx.post(f"{url}/streams/cam/pause?token=hunter2-hunter2-hunter2").status_code == 401
        preflight = httpx.options(
            f"{url}/streams",
            headers={"origin": "https://panel.example", "access-control-request-method": "GET"},
        )
        assert preflight.headers["access-control-allow-origin"] == "https://panel.example"
    ours = [record.getMessage() for record in caplog.records if not record.name.startswith("http")]
    assert not [line for line in ours if "hunter2-hunter2-hunter2" in line]


def test_unexpected_error_is_a_500_without_a_word_of_the_inside(server: Server) -> None:
    router = APIRouter()

    @router.get("/broken")
    async def broken() -> None:
        raise RuntimeError("a secret detail")

    app: FastAPI = create_app(server, HttpConfig(), (router,))
    with TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False) as client:
        response = client.get("/broken")
    assert response.status_code == 500
    assert response.json() == {"error": "internal error, see the log", "kind": "internal"}


def test_object_under_a_point_is_found(api: httpx.Client) -> None:
    object_id = api.post("/streams/cam/objects", json={"box": BOX}).json()["object_id"]
    where = {"x": CENTRE[0], "y": CENTRE[1], "at_frame": LAST}
    assert api.get("/streams/cam/objects/at", params=where).json()["object_id"] == object_id
    assert api.get("/streams/cam/objects/at", params={"x": 5, "y": 5}).json()["object_id"] is None
    wrongs: tuple[dict[str, str | int], ...] = ({"x": "nan", "y": 5}, {"x": 5}, {"x": 5, "y": "inf"})
    for wrong in wrongs:
        refused(api.get("/streams/cam/objects/at", params=wrong), 422)
    second = api.post("/streams/cam/objects", json={"box": BOX})
    assert second.json()["kind"] == "duplicate"
    refused(second, 409)


def test_camera_is_asked_again_only_where_it_is_offline(api: httpx.Client) -> None:
    assert api.get("/streams/cam").json()["next_try_in_s"] is None
    reason = refused(api.post("/streams/cam/retry"), 409)
    assert reason == "cam: the source is ended, expected one that is offline"


def test_second_thoughts_by_http_and_zeromq_are_the_same(api: httpx.Client, server: Server) -> None:
    objects = "/streams/cam/objects"
    object_id = api.post(objects, json={"points": [CENTRE]}).json()["object_id"]
    path = f"{objects}/{object_id}"
    before = api.get(objects).json()
    offered = api.get(f"{path}/candidates").json()
    assert [one["index"] for one in offered] == [0, 1, 2]
    assert offered[0]["mask"]["size"] == [360, 640]
    [chosen] = [one["index"] for one in offered if one["chosen"]]
    with Control(server.control_address or "", "cam", timeout_ms=int(SOON_S * 1000)) as control:
        told = control.candidates(object_id)
        assert [(one.area_px, one.chosen) for one in told] == [
            (one["area_px"], one["chosen"]) for one in offered
        ]
        assert decode_mask(told[0].mask).sum() == told[0].area_px
        other = (chosen + 1) % 3
        assert api.post(f"{path}/choose", json={"index": other}).json()["frame_idx"] == LAST
        assert control.undo(object_id).undone == "choose"
        control.choose(object_id, other)
        assert api.post(f"{path}/undo").json()["undone"] == "choose"
        assert api.get(objects).json() == before
        api.post(f"{path}/prompts", json={"points": [[10, 10]]})
        assert api.post("/streams/cam/undo").json()["undone"] == "correct"
        assert api.get(objects).json() == before
        assert api.post(f"{path}/start-over", json={"box": BOX, "label": "ball"}).json()["op"] == "start_over"
        assert api.get(objects).json()[0]["label"] == "ball"
        assert "merged with itself" in refused(api.post(f"{path}/merge", json={"other_id": object_id}), 422)
        with pytest.raises(PromptError, match="merged with itself"):
            control.merge(object_id, object_id)
        with pytest.raises(PromptError, match="candidate 9, expected one from 0 to 2"):
            control.choose(object_id, 9)
        refused(api.post(f"{path}/choose", json={"index": True}), 422)
        assert refused(api.get(f"{objects}/77/candidates"), 404) == (
            f"cam: object_id is 77, expected one that is followed: {object_id}"
        )
        refused(api.delete(f"{path}/prompts?at_frame=0"), 422)
        control.clear(object_id, at_frame=LAST)
    assert api.get(objects).json() == []
    assert "can be taken back" in refused(api.post("/streams/cam/undo"), 422)
