"""The same mistake has the same kind on HTTP and ZeroMQ, so that a robot need not care which it uses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import pytest
import zmq

from streamtrack.server import Server
from tests.support.pipelines import SOON_S, stream_config, wait_until
from tests.support.servers import server_config, serving

NOWHERE = "rtsp://127.0.0.1:1/off"
ADD = {"op": "add", "points": [[1, 1]]}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    off = stream_config(NOWHERE, "off", "newest", autoprompt=None)
    with serving(server_config(stream_config(name="cam", autoprompt=None), off), ready=False) as running:
        wait_until(lambda: running.status("cam").newest_frame_idx == 2, "the last frame")
        wait_until(lambda: running.status("off").state == "offline", "a camera that is off")
        yield running


def over_http(server: Server, stream: str, command: dict[str, Any]) -> str:
    body = {key: value for key, value in command.items() if key not in ("op", "object_id")}
    objects = f"{server.http_address}/streams/{stream}/objects"
    one = f"{objects}/{command.get('object_id')}"
    with httpx.Client(timeout=SOON_S) as http:
        answer = {
            "add": lambda: http.post(objects, json=body),
            "correct": lambda: http.post(f"{one}/prompts", json=body),
            "remove": lambda: http.delete(one),
        }[command["op"]]()
    assert 400 <= answer.status_code < 600, answer.text
    return str(answer.json()["kind"])


def over_zeromq(server: Server, stream: str, command: dict[str, Any]) -> str:
    with zmq.Context() as context, context.socket(zmq.REQ) as socket:
        socket.linger = 0
        socket.rcvtimeo = int(SOON_S * 1e3)
        socket.connect(str(server.control_address))
        socket.send(msgspec.msgpack.encode({**command, "stream": stream}))
        reply = msgspec.msgpack.decode(socket.recv())
    assert reply["ok"] is False
    return str(reply["error"]["kind"])


@pytest.mark.parametrize(
    ("stream", "command", "kind"),
    [
        ("nope", ADD, "unknown_stream"),
        ("off", ADD, "offline"),
        ("cam", {"op": "remove", "object_id": 9}, "unknown_object"),
        ("cam", {"op": "correct", "object_id": 9, "points": [[1, 1]]}, "unknown_object"),
        ("cam", {**ADD, "at_frame": 99}, "frame_expired"),
        ("cam", {"op": "add"}, "prompt"),
        ("cam", {**ADD, "colour": "red"}, "prompt"),
        ("cam", {"op": "add", "points": [[5000, 1]]}, "prompt"),
        ("cam", {"op": "add", "mask": {"size": [4, 4], "counts": "0"}}, "shape"),
        ("cam", {"op": "add", "points": [[1, 1]] * 2_000}, "bad_request"),
    ],
)
def test_error_has_one_kind(server: Server, stream: str, command: dict[str, Any], kind: str) -> None:
    assert over_http(server, stream, command) == kind
    assert over_zeromq(server, stream, command) == kind
