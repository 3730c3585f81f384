"""Cameras over HTTP, on the product's own server: added, changed, removed, kept, and read again."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import pytest

from streamtrack.client import MaskSubscriber
from streamtrack.config import CamerasConfig, Config
from streamtrack.errors import ConfigError
from streamtrack.server import Server
from streamtrack.state.secret_box import SecretBox
from tests.support.pipelines import SCENE, SOON_S, stream_config, wait_until
from tests.support.recordings import write_clip
from tests.support.rtsp import RtspServer
from tests.support.servers import server_config, serving

SMALL = f"synthetic:{SCENE}?fps=4&width=160&height=90"
SILENT = "rtsp://admin:hunter2@127.0.0.1:9/none"


def camera(name: str, url: str = SMALL, **keys: Any) -> dict[str, Any]:
    return {"name": name, "source": {"url": url, **keys}, "tracking": {"window": "off", "max_objects": 2}}


def config_with(folder: Path | None = None, *urls: str, **limits: Any) -> Config:
    streams = [
        stream_config(url, f"fixed{number}", pace="newest") for number, url in enumerate(urls or (SMALL,))
    ]
    return server_config(*streams, cameras=CamerasConfig(state_dir=folder, **limits))


@pytest.fixture(scope="module")
def state_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="module")
def server(state_dir: Path) -> Iterator[Server]:
    with serving(config_with(state_dir)) as running:
        yield running


@pytest.fixture
def api(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.http_address, timeout=SOON_S) as client:
        yield client


def tracked(server: Server, name: str) -> int:
    return server.status(name).newest_frame_idx


def test_camera_is_added_shown_changed_and_removed(server: Server, api: httpx.Client) -> None:
    with MaskSubscriber(server.masks_address, "door") as masks:
        added = api.post("/streams", json=camera("door"))
        assert added.status_code == 201, added.text
        assert added.headers["location"] == "/streams/door"
        assert added.json()["origin"] == "state"
        wait_until(lambda: tracked(server, "door") >= 1, "frames of the new stream")
        assert masks.receive(int(SOON_S * 1000)) is not None
    assert [one["name"] for one in api.get("/streams").json()] == ["fixed0", "door"]
    assert api.get("/streams/door/snapshot.jpg").status_code == 200
    assert api.get("/streams/door/rules").json()["stored"] is True
    assert 'stream="door"' in api.get("/metrics").text
    before = server.streams.get("door")
    same = api.patch("/streams/door", json={"source": {"url": SMALL}})
    assert same.status_code == 200
    assert server.streams.get("door") is before, "nothing changed, so nothing begins anew"
    changed = api.patch("/streams/door", json={"tracking": {"max_objects": 3}})
    assert changed.json()["settings"]["tracking"] == {"window": "off", "max_objects": 3}
    assert server.streams.get("door") is not before
    assert api.delete("/streams/door").status_code == 204
    assert api.get("/streams/door").status_code == 404
    assert 'stream="door"' not in api.get("/metrics").text


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"name": "x"}, 422, "source is missing"),
        (camera("a/b"), 422, "stream name is 'a/b'"),
        (camera("x", read_timeout_s=5), 422, "unknown key source.read_timeout_s, expected read_timeout_ms?"),
        (camera("x", "/etc/passwd"), 403, "inside cameras.allow_folders"),
        (camera("x", "http://169.254.169.254/"), 403, "metadata"),
        (camera("x", "ftp://cam.lan/"), 403, "scheme 'ftp' is not allowed"),
        (camera("fixed0"), 409, "exists already"),
        ({**camera("x"), "rules": {"file": "/etc/cron.d/x"}}, 403, "rules.file"),
        (
            {
                **camera("x"),
                "autoprompt": {"kind": "detector", "detector": "python:os:x", "classes": ["car"]},
            },
            403,
            "autoprompt.detector",
        ),
    ],
)
def test_what_cannot_be_added_is_told_in_one_line(
    api: httpx.Client, body: dict[str, Any], status: int, words: str
) -> None:
    answer = api.post("/streams", json=body)
    assert answer.status_code == status, answer.text
    assert words in answer.json()["error"]
    assert "\n" not in answer.json()["error"]


def test_streams_of_the_config_are_changed_there(api: httpx.Client) -> None:
    for answer in (
        api.delete("/streams/fixed0"),
        api.patch("/streams/fixed0", json={"video": {"max_fps": 5}}),
    ):
        assert (answer.status_code, answer.json()["kind"]) == (409, "fixed_stream")
    assert api.delete("/streams/none").json()["kind"] == "unknown_stream"


def test_password_is_never_shown_and_stays_where_the_mask_comes_back(
    api: httpx.Client, state_dir: Path
) -> None:
    api.post("/streams", json=camera("off", SILENT))
    shown = api.get("/streams/off/config").json()
    assert shown["settings"]["source"]["url"] == "rtsp://***@127.0.0.1:9/none"
    changed = api.patch("/streams/off", json={"source": {"url": "rtsp://***@127.0.0.1:9/other"}})
    assert changed.status_code == 200, changed.text
    kept = (state_dir / "streams.json").read_text()
    assert "hunter2" not in kept
    sealed = json.loads(kept)["streams"][0]["source"]["url"]["sealed"]
    assert SecretBox().open(sealed) == "rtsp://admin:hunter2@127.0.0.1:9/other"
    assert (state_dir / "streams.json").stat().st_mode & 0o077 == 0
    elsewhere = api.patch("/streams/off", json={"source": {"url": "rtsp://***@127.0.0.1:10/other"}})
    assert elsewhere.status_code == 422
    assert "user and password" in elsewhere.json()["error"]
    assert api.delete("/streams/off").status_code == 204
    everything = api.get("/cameras").text + api.get("/streams").text + changed.text + elsewhere.text
    assert "hunter2" not in everything


def test_kept_cameras_are_back_after_a_restart_and_those_that_cannot_run_stay(tmp_path: Path) -> None:
    folder, films = tmp_path / "state", tmp_path / "films"
    (films / "a").mkdir(parents=True)
    (films / "a" / "0.png").write_bytes(PICTURE)
    config = config_with(folder, allow_folders=(films,))
    with serving(config) as server, httpx.Client(base_url=server.http_address, timeout=SOON_S) as api:
        assert api.post("/streams", json=camera("door")).status_code == 201
        film = api.post("/streams", json=camera("film", str(films / "a")))
        assert film.status_code == 201, film.text
        added = api.post("/streams/door/rules", json=ZONE)
        assert added.status_code == 201, added.text
    (films / "a" / "0.png").unlink()
    with (
        serving(config, ready=False) as server,
        httpx.Client(base_url=server.http_address, timeout=SOON_S) as api,
    ):
        wait_until(lambda: tracked(server, "door") >= 0, "frames of the stream that was kept")
        assert [one["rule"]["name"] for one in api.get("/streams/door/rules").json()["rules"]] == ["yard"]
        told = {one["name"]: one for one in api.get("/cameras").json()["cameras"]}
        assert "a folder without frames" in told["film"]["fault"]
        assert api.delete("/streams/film").status_code == 204
        assert api.delete("/streams/door").status_code == 204
        assert api.post("/streams", json=camera("door")).status_code == 201
        assert api.get("/streams/door/rules").json()["rules"] == [], "another camera of that name"
        assert api.get("/streams/film/config").status_code == 404


def test_watchers_of_a_removed_stream_are_told_why_and_end(server: Server, api: httpx.Client) -> None:
    api.post("/streams", json=camera("door"))
    wait_until(lambda: tracked(server, "door") >= 0, "frames of the new stream")
    with (
        api.stream("GET", "/streams/door/live") as live,
        api.stream("GET", "/streams/door/mjpeg") as video,
        ThreadPoolExecutor(2) as readers,
    ):
        heard = readers.submit(lambda: "".join(live.iter_text()))
        seen = readers.submit(lambda: b"".join(video.iter_bytes()))
        with httpx.Client(base_url=server.http_address, timeout=SOON_S) as other:
            assert other.delete("/streams/door").status_code == 204
        assert '"kind":"stream_removed"' in heard.result(SOON_S)
        assert "it was removed" in heard.result()
        assert "event: end" in heard.result()
        assert seen.result(SOON_S).endswith(b"--picture--\r\n")


def test_of_two_that_are_added_at_once_under_one_name_one_is(server: Server) -> None:
    async def both() -> list[int]:
        async with httpx.AsyncClient(base_url=server.http_address, timeout=SOON_S) as api:
            answers = await asyncio.gather(*(api.post("/streams", json=camera("twin")) for _ in range(4)))
            removed = await api.delete("/streams/twin")
        return [*sorted(answer.status_code for answer in answers), removed.status_code]

    assert asyncio.run(both()) == [201, 409, 409, 409, 204]


def test_changes_of_one_stream_take_turns(server: Server) -> None:
    async def many() -> list[int]:
        async with httpx.AsyncClient(base_url=server.http_address, timeout=SOON_S) as api:
            assert (await api.post("/streams", json=camera("busy"))).status_code == 201
            patches = [
                api.patch("/streams/busy", json={"tracking": {"max_objects": number}}) for number in (3, 4, 5)
            ]
            codes = [answer.status_code for answer in await asyncio.gather(*patches)]
            return [*codes, (await api.delete("/streams/busy")).status_code]

    assert asyncio.run(many()) == [200, 200, 200, 204]
    assert server.cameras._locks == {}


def test_number_of_streams_is_bounded(tmp_path: Path) -> None:
    with (
        serving(config_with(max_streams=3)) as server,
        httpx.Client(base_url=server.http_address, timeout=SOON_S) as api,
    ):

        async def many() -> list[int]:
            async with httpx.AsyncClient(base_url=server.http_address, timeout=SOON_S) as several:
                bodies = [camera(f"cam{number}") for number in range(6)]
                answers = await asyncio.gather(*(several.post("/streams", json=body) for body in bodies))
            return [answer.status_code for answer in answers]

        codes = asyncio.run(many())
        assert codes.count(503) >= 4
        assert len(server.streams) <= 3
        assert api.get("/cameras").json()["stored"] is False


def test_films_of_a_camera_are_kept_only_where_a_folder_is(api: httpx.Client) -> None:
    assert api.get("/cameras").json()["records"] is False
    answer = api.post("/streams", json={**camera("film"), "recording": {"mode": "continuous"}})
    assert answer.status_code == 409
    assert "archive.folder is not set" in answer.json()["error"]
    assert "film" not in [one["name"] for one in api.get("/streams").json()]


def test_source_that_never_answers_is_removed_at_once(server: Server, api: httpx.Client) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"rtsp://127.0.0.1:{listener.getsockname()[1]}/silent"
        assert api.post("/streams", json=camera("silent", url)).status_code == 201
        wait_until(lambda: server.status("silent").state == "connecting", "the connection")
        assert api.delete("/streams/silent").status_code == 204
    assert "silent" not in server.streams


def test_source_is_tried_before_it_is_added(server: Server, api: httpx.Client) -> None:
    found = api.post("/streams/test", json={"source": {"url": SMALL}})
    assert found.status_code == 200, found.text
    told = found.json()
    assert (told["width_px"], told["height_px"], told["codec"], told["fps"]) == (160, 90, "synthetic", 4.0)
    assert told["still"].startswith("data:image/jpeg;base64,")
    picture = api.post("/streams/test", json={"source": {"url": SMALL}}, headers={"accept": "image/jpeg"})
    assert picture.content[:2] == b"\xff\xd8"
    assert json.loads(picture.headers["x-found"])["codec"] == "synthetic"
    refused = api.post("/streams/test", json={"source": {"url": SILENT}})
    assert refused.status_code == 409
    assert "hunter2" not in refused.text
    assert api.post("/streams/test", json={"source": {"url": "/etc/passwd"}}).status_code == 403


def test_reloaded_config_touches_only_what_changed_and_a_bad_one_nothing(tmp_path: Path) -> None:
    now = [config_with(None, SMALL, f"{SMALL}&seed=1")]

    def read() -> Config:
        if not now:
            raise ConfigError("live.yaml: not YAML, in line 3")
        return now[0]

    with (
        serving(now[0], read_config=read) as server,
        httpx.Client(base_url=server.http_address, timeout=SOON_S) as api,
    ):
        stays, changes = server.streams.get("fixed0"), server.streams.get("fixed1")
        now[:] = [config_with(None, SMALL, f"{SMALL}&seed=2", f"{SMALL}&seed=3")]
        told = api.post("/config/reload").json()
        assert told == {
            "added": ["fixed2"],
            "changed": ["fixed1"],
            "removed": [],
            "unchanged": ["fixed0"],
            "needs_restart": [],
        }
        assert server.streams.get("fixed0") is stays
        assert server.streams.get("fixed1") is not changes
        now.clear()
        bad = api.post("/config/reload")
        assert (bad.status_code, bad.json()["error"]) == (422, "live.yaml: not YAML, in line 3")
        now[:] = [config_with(None, SMALL, "nowhere.mp4")]
        assert "no such file" in api.post("/config/reload").json()["error"]
        assert server.stream_names() == ("fixed0", "fixed1", "fixed2")
        now[:] = [config_with(None, SMALL)]
        assert api.post("/config/reload").json()["removed"] == ["fixed1", "fixed2"]
        assert server.streams.get("fixed0") is stays


ZONE = {"kind": "zone", "name": "yard", "points": [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9]], "unit": "share"}
PICTURE = cv2.imencode(".png", np.zeros((64, 64, 3), np.uint8))[1].tobytes()


@pytest.mark.rtsp
def test_real_camera_is_tried_and_added_with_its_password(
    server: Server, api: httpx.Client, tmp_path: Path
) -> None:
    clip = write_clip(tmp_path / "clip.mp4")
    with RtspServer([clip], fps=12, user="admin", password="hunter2") as camera_:
        url = camera_.url.replace("rtsp://", "rtsp://admin:hunter2@")
        found = api.post("/streams/test", json={"source": {"url": url}})
        assert found.status_code == 200, found.text
        told = found.json()
        assert (told["codec"], told["width_px"], told["height_px"], told["live"]) == ("h264", 320, 180, True)
        assert told["fps"] == pytest.approx(12, rel=0.25), "measured over a second of a camera with a clock"
        assert told["first_picture_ms"] > 0
        assert api.post("/streams", json=camera("gate", url)).status_code == 201
        wait_until(lambda: tracked(server, "gate") >= 1, "frames of the camera")
        shown = api.get("/streams/gate/config").json()["settings"]["source"]["url"]
        again = api.post("/streams/test", json={"source": {"url": shown}, "name": "gate"})
        assert again.status_code == 200, "what was shown is tried with the password that stands there"
        wrong = api.post("/streams/test", json={"source": {"url": url.replace("hunter2", "hunter3")}})
        assert "user or password is wrong" in wrong.json()["error"]
        assert api.delete("/streams/gate").status_code == 204
    assert "hunter" not in found.text + shown + again.text + wrong.text
