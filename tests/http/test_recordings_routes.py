"""Recordings and history over HTTP: a stream that is recorded, listed, played in parts, cut and deleted."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import httpx
import pytest

from streamtrack.config import ArchiveConfig, HttpConfig, LineRule, RecordingConfig, RulesConfig
from streamtrack.server import Server
from tests.support.films import write_clip
from tests.support.pipelines import SOON_S, stream_config, wait_until
from tests.support.servers import server_config, serving

TOKEN = "a-token-of-some-length-0123"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("archive")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    clip = write_clip(folder / "clip.mp4", 60, b_frames=2)
    recorded = stream_config(
        str(clip),
        "gate",
        autoprompt=None,
        recording=RecordingConfig(mode="continuous", segment_s=2, overlay=True),
        prompts=[{"object_id": 1, "box": (4, 30, 34, 60), "label": "ann"}],
        rules=RulesConfig(lines=(LineRule(name="line", points=((80, 0), (80, 96))),)),
    )
    archive = ArchiveConfig(folder=folder, min_free_gb=0)
    config = server_config(recorded, archive=archive, http=HttpConfig(port=0, token=TOKEN))
    with serving(config) as running:
        wait_until(lambda: running.status("gate").state == "ended", "the end of the clip")
        library = running.archive.shelves.library
        wait_until(lambda: len(library.list("gate")) == 2, "two films")
        wait_until(lambda: not any(one.is_open for one in library.list("gate")), "their end", 60)
        yield running


@pytest.fixture
def api(server: Server) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with httpx.Client(base_url=server.http_address, timeout=SOON_S, headers=headers) as client:
        yield client


def refused(response: httpx.Response, status: int, kind: str) -> str:
    assert response.status_code == status, response.text
    body = response.json()
    assert body["kind"] == kind
    assert "\n" not in body["error"]
    return str(body["error"])


def recordings(api: httpx.Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.get("/recordings/gate").json()
    return found


def test_streams_and_their_recordings_are_listed(api: httpx.Client) -> None:
    answer = api.get("/recordings").json()
    assert answer["on"] is True
    (stream,) = answer["streams"]
    assert stream["stream"] == "gate"
    assert stream["recordings"] == 2
    assert stream["bytes"] == answer["bytes"] > 0
    assert stream["recorder"]["mode"] == "continuous"
    assert stream["recorder"]["clean"] == "packets"
    first, second = recordings(api)
    assert stream["first_ms"] == first["begun_ms"]
    assert stream["spans"][0][0] == first["begun_ms"]
    assert first["films"] == ["clean", "overlay"]
    assert first["has_masks"] is True
    assert first["name"].startswith("gate_20")
    assert api.get(f"/recordings/gate/{second['name']}").json() == second
    later = api.get("/recordings/gate", params={"from_ms": second["ended_ms"] + 1}).json()
    assert later == []
    assert api.get("/recordings/gate", params={"limit": 1}).json() == [first]


def test_film_is_played_in_parts(api: httpx.Client) -> None:
    first = recordings(api)[0]
    address = f"/recordings/gate/{first['name']}/clean.mp4"
    whole = api.get(address)
    assert whole.status_code == 200
    assert whole.headers["content-type"] == "video/mp4"
    assert whole.headers["accept-ranges"] == "bytes"
    size = len(whole.content)
    with av.open(io.BytesIO(whole.content)) as container:
        assert len(list(container.decode(video=0))) == 50
    for asked, first_byte, last in (
        ("bytes=0-99", 0, 99),
        ("bytes=100-", 100, size - 1),
        ("bytes=-50", size - 50, size - 1),
        (f"bytes=10-{size * 2}", 10, size - 1),
    ):
        part = api.get(address, headers={"Range": asked})
        assert part.status_code == 206
        assert part.headers["content-range"] == f"bytes {first_byte}-{last}/{size}"
        assert part.content == whole.content[first_byte : last + 1]
    gone = api.get(address, headers={"Range": f"bytes={size}-"})
    assert gone.status_code == 416
    assert gone.headers["content-range"] == f"bytes */{size}"
    assert api.get(address, headers={"Range": "lines=1-2"}).status_code == 200
    head = api.head(address)
    assert head.headers["content-length"] == str(size)
    assert head.content == b""
    etag = whole.headers["etag"]
    assert api.get(address, headers={"If-None-Match": etag}).status_code == 304
    assert api.get(address, headers={"Range": "bytes=0-9", "If-Range": '"other"'}).status_code == 200
    saved = api.get(address, params={"download": True}).headers["content-disposition"]
    assert saved == f'attachment; filename="{first["name"]}.clean.mp4"'


def test_masks_stand_beside_the_film(api: httpx.Client) -> None:
    first = recordings(api)[0]
    lines = api.get(f"/recordings/gate/{first['name']}/masks.jsonl").text.splitlines()
    head, frame = json.loads(lines[0]), json.loads(lines[-1])
    assert head["streamtrack"] == "masks"
    assert head["stream"] == "gate"
    assert len(lines) == 51
    (item,) = frame["objects"]
    assert item["label"] == "ann"
    assert item["rle"]["size"] == [96, 160]


@pytest.mark.parametrize("exact", [False, True])
def test_clip_is_cut_out_with_its_masks_and_tells_where_it_begins(api: httpx.Client, exact: bool) -> None:
    first = recordings(api)[0]
    from_ms = first["begun_ms"] + 1_400
    body = {"stream": "gate", "from_ms": from_ms, "to_ms": from_ms + 500, "exact": exact}
    made = api.post("/clips", json=body)
    assert made.status_code == 201, made.text
    clip = made.json()["clip"]
    # A keyframe comes each second.
    expected = from_ms if exact else first["begun_ms"] + 1_080
    assert clip["start_ms"] == pytest.approx(expected, abs=40)
    film = api.get(made.json()["film"])
    assert 'attachment; filename="gate_20' in film.headers["content-disposition"]
    with av.open(io.BytesIO(film.content)) as container:
        stream = container.streams.video[0]
        shown = [round(float(frame.pts * stream.time_base) * 90_000) for frame in container.decode(stream)]
    assert shown[0] == 0
    masks = [json.loads(line) for line in api.get(made.json()["masks"]).text.splitlines()]
    assert masks[0]["wall_ms"] == clip["start_ms"]
    assert [line["pts"] for line in masks[1:]] == pytest.approx(shown, abs=90)
    assert [one["clip"]["clip_id"] for one in api.get("/clips").json()][-1] == clip["clip_id"]
    assert api.delete(f"/clips/{clip['clip_id']}").status_code == 204
    refused(api.get(made.json()["film"]), 404, "unknown_recording")


def test_clip_across_two_recordings_is_one_film(api: httpx.Client) -> None:
    first, second = recordings(api)
    body = {"stream": "gate", "from_ms": first["begun_ms"], "to_ms": second["ended_ms"] + 10_000}
    made = api.post("/clips", json=body).json()
    with av.open(io.BytesIO(api.get(made["film"]).content)) as container:
        stream = container.streams.video[0]
        shown = [round(float(frame.pts * stream.time_base) * 90_000) for frame in container.decode(stream)]
    assert len(shown) == 60
    masks = [json.loads(line) for line in api.get(made["masks"]).text.splitlines()][1:]
    assert [line["pts"] for line in masks] == pytest.approx(shown, abs=90)
    assert [line["frame"] for line in masks] == list(range(60))


def test_clips_that_cannot_be_are_refused_in_one_line(api: httpx.Client) -> None:
    first = recordings(api)[0]
    body = {"stream": "gate", "from_ms": first["begun_ms"], "to_ms": first["begun_ms"]}
    assert "to_ms" in refused(api.post("/clips", json=body), 422, "prompt")
    body["to_ms"] += 4_000_000
    assert "at most 3600 s" in refused(api.post("/clips", json=body), 422, "prompt")
    nothing = {"stream": "gate", "from_ms": 1_000, "to_ms": 2_000}
    assert "no clean film is kept" in refused(api.post("/clips", json=nothing), 409, "archive")
    refused(api.post("/clips", json={**nothing, "film": "x"}), 422, "prompt")


@pytest.mark.parametrize(
    "path",
    [
        "/recordings/gate/..%2f..%2fclip.mp4/clean.mp4",
        "/recordings/..%2f/gate/clean.mp4",
        "/recordings/gate/%2e%2e/clean.mp4",
        "/recordings/gate/gate_20261129T000000.000Z/clean.mp4",
        "/clips/..%2fevents.sqlite/film.mp4",
        "/clips/0011223344556677/film.mp4",
        "/events/history/99999/thumbnail.jpg",
    ],
)
def test_what_is_not_listed_is_not_found(api: httpx.Client, path: str) -> None:
    response = api.get(path)
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/json"


def test_everything_asks_for_the_token(server: Server, api: httpx.Client) -> None:
    name = recordings(api)[0]["name"]
    film = f"/recordings/gate/{name}/clean.mp4"
    with httpx.Client(base_url=server.http_address, timeout=SOON_S) as stranger:
        for path in ("/recordings", "/recordings/gate", film, "/clips", "/events/history"):
            assert stranger.get(path).status_code == 401, path
        assert stranger.delete(f"/recordings/gate/{name}").status_code == 401
        assert stranger.post("/clips", json={}).status_code == 401
        assert stranger.get(film, params={"token": TOKEN}).status_code == 200, "a <video> sends no header"


def test_history_is_searched_and_paged(api: httpx.Client) -> None:
    wait_until(
        lambda: bool(api.get("/events/history", params={"kind": "added"}).json()["events"]), "an event"
    )
    (added,) = api.get("/events/history", params={"kind": "added", "stream": "gate"}).json()["events"]
    assert added["object_id"] == 1
    assert added["label"] == "ann"
    assert added["stream"] == "gate"
    assert abs(added["wall_ms"] - time.time() * 1000) < 600_000
    picture = api.get(f"/events/history/{added['id']}/thumbnail.jpg")
    assert picture.content[:2] == b"\xff\xd8"
    assert api.get("/events/history", params={"kind": "lost", "stream": "yard"}).json()["events"] == []
    page = api.get("/events/history", params={"limit": 1}).json()
    rest = (
        api.get("/events/history", params={"before_id": page["next_id"]}).json() if page["next_id"] else None
    )
    assert rest is None or all(event["id"] < page["next_id"] for event in rest["events"])
    refused(api.get("/events/history", params={"kind": "exploded"}), 422, "prompt")
    refused(api.get("/events/history", params={"limit": 0}), 422, "prompt")


def test_recordings_are_deleted_last(api: httpx.Client, server: Server, folder: Path) -> None:
    first, second = recordings(api)
    assert api.delete(f"/recordings/gate/{first['name']}").status_code == 204
    refused(api.get(f"/recordings/gate/{first['name']}/clean.mp4"), 404, "unknown_recording")
    refused(api.delete(f"/recordings/gate/{first['name']}"), 404, "unknown_recording")
    times = {"from_ms": 0, "to_ms": second["ended_ms"]}
    assert api.delete("/recordings/gate", params=times).json() == {"deleted": 1}
    assert list((folder / "recordings").rglob("*.mp4")) == []
    assert server.archive.shelves.shelf.num_bytes == 0


def test_without_a_folder_nothing_is_kept_and_that_is_said(tmp_path: Path) -> None:
    with serving(server_config()) as running, httpx.Client(base_url=running.http_address) as api:
        assert api.get("/recordings").json()["on"] is False
        assert "archive.folder is not set" in refused(api.get("/recordings/cam"), 409, "archive")
        refused(api.get("/events/history"), 409, "archive")
        body = {"stream": "cam", "from_ms": 0, "to_ms": 5}
        refused(api.post("/clips", json=body), 409, "archive")
