"""Masks over HTTP: JSON, PNG, server-sent events and the wire's own messages, from the product's server."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import numpy as np
import pytest
import websockets.sync.client
from PIL import Image
from pycocotools import mask as coco
from pydantic import SecretStr
from websockets.exceptions import ConnectionClosed, InvalidStatus

from streamtrack.client import MaskSubscriber
from streamtrack.config import HttpConfig
from streamtrack.publish.mask_codec import decode_rle
from streamtrack.publish.wire import decode_message
from streamtrack.server import Server
from tests.support.pipelines import SCENE, SOON_S, stream_config, wait_until
from tests.support.servers import server_config, serving

LIVE = f"synthetic:{SCENE}?fps=5&width=160&height=90"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    config = server_config(stream_config(name="cam"), stream_config(LIVE, "live", pace="newest"))
    with serving(config) as running:
        wait_until(lambda: running.status("cam").newest_frame_idx == 2, "the film's end")
        yield running


@pytest.fixture
def api(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.http_address, timeout=SOON_S) as client:
        yield client


def socket_to(server: Server, path: str, **options: Any) -> Any:
    address = server.http_address.replace("http", "ws", 1) + path
    return websockets.sync.client.connect(address, open_timeout=SOON_S, close_timeout=SOON_S, **options)


def decoded(told: dict[str, Any]) -> np.ndarray:
    height, width = told["segmentation"]["size"]
    return decode_rle(told["segmentation"]["counts"].encode(), (height, width))


def picture(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


def test_newest_masks_are_cocos_and_those_of_the_pictures(server: Server, api: httpx.Client) -> None:
    answer = api.get("/streams/cam/masks")
    told = answer.json()
    newest = server.streams.get("cam").pipeline.newest
    assert newest is not None
    assert told["frame_idx"] == newest.frame_idx == 2
    assert told["capture_ns"] == newest.frame.capture_wall_ns
    assert {one["object_id"] for one in told["objects"]} == set(newest.objects)
    labels = api.get("/streams/cam/masks", params={"format": "png"})
    values = {int(value): object_id for value, object_id in json.loads(labels.headers["x-labels"]).items()}
    assert picture(labels.content).dtype == np.uint8
    for one in told["objects"]:
        object_id, mask = one["object_id"], decoded(one)
        assert np.array_equal(mask, newest.objects[object_id].mask)
        assert coco.area(one["segmentation"]) == one["area"] == one["area_px"]
        assert coco.toBbox(one["segmentation"]).tolist() == one["bbox"]
        white = api.get(f"/streams/cam/objects/{object_id}/mask.png")
        assert np.array_equal(picture(white.content), mask * 255)
        on_top = picture(labels.content) == object_id
        assert values[object_id] == object_id
        assert not (on_top & ~mask).any()
    assert labels.headers["x-frame-idx"] == "2"
    by_accept = api.get("/streams/cam/masks", headers={"accept": "image/png"})
    assert by_accept.content == labels.content


def test_what_the_asker_has_is_not_sent_again(api: httpx.Client) -> None:
    first = api.get("/streams/cam/masks")
    tag = first.headers["etag"]
    again = api.get("/streams/cam/masks", headers={"if-none-match": tag})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    late = api.get("/streams/cam/masks", params={"after_frame": 2, "wait_ms": 50})
    assert late.status_code == 204
    newer = api.get("/streams/live/masks", headers={"if-none-match": tag})
    assert newer.status_code == 200
    for _ in range(3):
        before = newer.json()["frame_idx"]
        newer = api.get("/streams/live/masks", params={"after_frame": before, "wait_ms": 20_000})
        assert newer.json()["frame_idx"] > before


def test_what_is_not_there_is_told(api: httpx.Client) -> None:
    assert api.get("/streams/none/masks").json()["kind"] == "unknown_stream"
    assert api.get("/streams/cam/objects/99/mask.png").json()["kind"] == "unknown_object"
    assert api.get("/streams/cam/masks", params={"wait_ms": 10**9}).status_code == 422
    assert api.get("/streams/cam/masks", params={"format": "gif"}).status_code == 422


def test_results_come_as_events_with_what_happened(api: httpx.Client) -> None:
    told: list[tuple[str, Any]] = []
    with api.stream("GET", "/streams/live/results", params={"masks": "false"}) as stream:
        name = ""
        for line in stream.iter_lines():
            if line.startswith("event: "):
                name = line[7:]
            elif line.startswith("data: "):
                told.append((name, json.loads(line[6:])))
            if sum(name == "result" for name, _ in told) >= 3:
                break
    results = [data for name, data in told if name == "result"]
    assert [one["frame_idx"] for one in results] == sorted(one["frame_idx"] for one in results)
    assert "segmentation" not in json.dumps(results)
    with (
        api.stream("GET", "/streams/live/results") as stream,
        ThreadPoolExecutor(1) as reader,
    ):
        lines = stream.iter_lines()
        heard = reader.submit(lambda: next(line for line in lines if '"labeled"' in line))
        with httpx.Client(base_url=api.base_url, timeout=SOON_S) as other:
            object_id = other.get("/streams/live/objects").json()[0]["object_id"]
            other.patch(f"/streams/live/objects/{object_id}", json={"label": "ball"})
        assert json.loads(heard.result(SOON_S)[6:])["object_id"] == object_id


def test_websocket_has_the_messages_of_zeromq_byte_for_byte(server: Server) -> None:
    with (
        MaskSubscriber(server.masks_address, "live") as subscriber,
        socket_to(server, "/streams/live/wire") as socket,
    ):
        by_frame = {}
        while True:
            data = socket.recv(SOON_S)
            if not isinstance(data, bytes) or not data.startswith(b"masks/"):
                continue
            by_frame[decode_message(data).frame_idx] = decode_message(data)
            message = subscriber.receive(int(SOON_S * 1000))
            assert message is not None
            if message.frame_idx in by_frame:
                mine = by_frame[message.frame_idx]
                break
    assert (mine.epoch, mine.seq, mine.publish_monotonic_ns) == (
        message.epoch,
        message.seq,
        message.publish_monotonic_ns,
    )
    assert {key: one.data for key, one in mine.objects.items()} == {
        key: one.data for key, one in message.objects.items()
    }


def test_websockets_are_guarded_as_all_else_is(server: Server) -> None:
    with pytest.raises(InvalidStatus) as refused:
        socket_to(server, "/streams/live/wire", origin="http://evil.example")
    assert refused.value.response.status_code == 403
    with socket_to(server, "/streams/none/wire") as socket, pytest.raises(ConnectionClosed) as closed:
        socket.recv(SOON_S)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4404
    with pytest.raises(InvalidStatus) as nowhere:
        socket_to(server, "/nothing")
    assert nowhere.value.response.status_code in (403, 404)


def test_websocket_wants_the_token_and_takes_it_from_the_address() -> None:
    token = "a-long-random-text-0123456789"
    config = server_config(
        stream_config(LIVE, "live", pace="newest"), http=HttpConfig(port=0, token=SecretStr(token))
    )
    with serving(config) as server:
        with pytest.raises(InvalidStatus) as refused:
            socket_to(server, "/streams/live/wire")
        assert refused.value.response.status_code == 401
        with socket_to(server, f"/streams/live/wire?token={token}") as socket:
            assert isinstance(socket.recv(SOON_S), bytes)
        bearer = {"Authorization": f"Bearer {token}"}
        with socket_to(server, "/streams/live/wire", additional_headers=bearer) as socket:
            assert isinstance(socket.recv(SOON_S), bytes)


def test_readers_of_a_stream_that_is_removed_are_told(server: Server, api: httpx.Client) -> None:
    api.post("/streams", json={"name": "gone", "source": {"url": LIVE}})
    wait_until(lambda: server.status("gone").newest_frame_idx >= 0, "frames")
    with (
        socket_to(server, "/streams/gone/wire") as socket,
        api.stream("GET", "/streams/gone/results") as stream,
        ThreadPoolExecutor(1) as reader,
    ):
        heard = reader.submit(lambda: "".join(stream.iter_text()))
        with httpx.Client(base_url=api.base_url, timeout=SOON_S) as other:
            assert other.delete("/streams/gone").status_code == 204
        received = list(socket)  # until it is closed in order
        assert b"stream_removed" in received[-1]
        assert socket.close_reason == "the stream has ended"
        assert heard.result(SOON_S).rstrip().endswith('{"reason": "the stream has ended"}')
