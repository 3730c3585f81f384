from __future__ import annotations

import asyncio
import base64
import json
import time
from typing import Any

import msgspec
import numpy as np
import pytest
import zmq
import zmq.asyncio

from streamtrack.client import ClientKeys, Control
from streamtrack.config import ZmqConfig
from streamtrack.control import zmq_control
from streamtrack.control.commands import (
    AddCommand,
)
from streamtrack.control.zmq_control import MAX_CONCURRENT_REQUESTS, ZmqControl
from streamtrack.errors import (
    CapacityError,
    ConfigError,
    FrameExpiredError,
    PromptError,
    PublishError,
    ShapeError,
    StreamTrackError,
)
from tests.support.control_server import FRAME_IDX, OneStream, ask_json, raw_client, serving
from tests.support.masks import TIMEOUT_MS, disc, keypair, make_curve


async def test_client_steers_a_stream() -> None:
    executor = OneStream()
    mask = disc(5)

    def steer(address: str) -> None:
        with Control(address, "cam1") as control:
            added = control.add(points=[(3.5, 4)], labels=[1], label="dog")
            assert (added.object_id, added.frame_idx, added.op) == (1, FRAME_IDX, "add")
            assert control.add(object_id=9, mask=mask).object_id == 9
            assert control.correct(1, box=(1, 2, 3, 4), at_frame=12).frame_idx == FRAME_IDX
            control.label(9, "cat")
            assert [(info.object_id, info.label) for info in control.list()] == [(1, "dog"), (9, "cat")]
            assert control.list()[0].box == (1, 2, 3, 4)
            control.remove(1)
            assert [info.object_id for info in control.list()] == [9]
            assert control.pause().paused
            control.resume()

    async with serving(executor) as server:
        await asyncio.to_thread(steer, server.address)
    first = executor.commands[0]
    assert isinstance(first, AddCommand)
    assert (first.points, first.labels, first.mask) == (((3.5, 4.0),), (1,), None)
    np.testing.assert_array_equal(executor.masks[9], mask)


async def test_client_raises_the_error_that_the_server_refused_with() -> None:
    def steer(address: str) -> None:
        with Control(address, "cam2") as other, pytest.raises(PromptError) as unknown:
            other.list()
        assert str(unknown.value) == "stream is 'cam2', expected one of: cam1"
        with Control(address, "cam1") as control:
            with pytest.raises(PromptError, match=r"object_id is 5, expected one of: \[\]"):
                control.remove(5)
            control.add(box=(0, 0, 5, 5))
            with pytest.raises(FrameExpiredError) as expired:
                control.correct(1, points=[(1, 1)], at_frame=3)
            assert (expired.value.oldest_frame_idx, expired.value.newest_frame_idx) == (10, FRAME_IDX)
            control.add(box=(0, 0, 5, 5))
            control.add(box=(0, 0, 5, 5))
            with pytest.raises(CapacityError, match="3 objects are followed"):
                control.add(box=(0, 0, 5, 5))
            with pytest.raises(PromptError, match=r"command: .*points"):
                control.add(points=[(0.0, 1.0)] * 100)
            with pytest.raises(ShapeError, match=r"mask has dtype float32, expected bool"):
                control.add(mask=np.ones((2, 2), np.float32))

    async with serving() as server:
        await asyncio.to_thread(steer, server.address)


async def test_failure_of_the_server_is_answered_without_its_details(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def steer(address: str) -> None:
        with Control(address, "cam1") as control:
            with pytest.raises(StreamTrackError) as failed:
                control.add(box=(0, 0, 1, 1), label="boom")
            assert str(failed.value) == "the command failed, see the server's log"
            assert control.list() == ()

    async with serving() as server:
        await asyncio.to_thread(steer, server.address)
    assert "a secret of the server" in caplog.text


async def test_json_is_answered_in_json_with_its_request_id() -> None:
    async with serving() as server, raw_client(server.address) as socket:
        reply = await ask_json(socket, {"op": "list", "stream": "cam1", "request_id": "abc"})
    assert reply == {
        "ok": True,
        "request_id": "abc",
        "answer": {
            "stream": "cam1",
            "op": "list",
            "frame_idx": FRAME_IDX,
            "object_id": None,
            "objects": [],
            "candidates": [],
            "likeness": [],
            "undone": None,
            "paused": False,
        },
    }


async def test_plain_req_socket_is_answered() -> None:
    async with serving() as server, raw_client(server.address, zmq.REQ) as socket:
        await socket.send(msgspec.msgpack.encode({"op": "pause", "stream": "cam1"}))
        reply = msgspec.msgpack.decode(await socket.recv())
    assert reply["ok"] is True
    assert reply["answer"]["paused"] is True


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        ({"op": "fly", "stream": "cam1"}, {"kind": "prompt", "message": "command: "}),
        ({"op": "list"}, {"kind": "prompt", "message": "command: "}),
        (
            {"op": "list", "stream": "nope"},
            {"kind": "unknown_stream", "message": "stream is 'nope', expected one of: cam1"},
        ),
        ({"op": "remove", "stream": "cam1", "object_id": -1}, {"kind": "prompt", "message": "command: "}),
        ([1], {"kind": "bad_request", "message": "request is list, expected a map with the key 'op'"}),
        (
            {"op": "list", "stream": "cam1", "request_id": []},
            {"kind": "bad_request", "message": "request_id is list"},
        ),
    ],
)
async def test_bad_request_is_answered_and_the_next_is_carried_out(
    request_: Any, error: dict[str, str]
) -> None:
    async with serving() as server, raw_client(server.address) as socket:
        reply = await ask_json(socket, request_)
        assert reply["ok"] is False
        assert reply["error"]["kind"] == error["kind"]
        assert reply["error"]["message"].startswith(error["message"])
        assert "\n" not in reply["error"]["message"]
        assert (await ask_json(socket, {"op": "list", "stream": "cam1"}))["ok"] is True


async def test_garbage_and_odd_frames_are_answered() -> None:
    async with serving() as server, raw_client(server.address) as socket:
        for frames in ([b"\xc1garbage"], [b""], [b"{"], [b"a", b"b"], [b"a", b"b", b"c"]):
            await socket.send_multipart(frames)
            reply = (await socket.recv_multipart())[-1]
            decoded = json.loads(reply) if reply.startswith(b"{") else msgspec.msgpack.decode(reply)
            assert decoded["error"]["kind"] == "bad_request"
        assert (await ask_json(socket, {"op": "list", "stream": "cam1"}))["ok"] is True


async def test_request_over_the_bound_ends_its_connection_and_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(zmq_control, "MAX_MEMORY_BYTES", 1 << 20)
    async with serving() as server, raw_client(server.address) as big, raw_client(server.address) as small:
        big.rcvtimeo = 300
        await big.send(b"{" + b" " * (2 << 20) + b"}")
        with pytest.raises(zmq.Again):
            await big.recv()
        assert (await ask_json(small, {"op": "list", "stream": "cam1"}))["ok"] is True


async def test_a_command_as_long_as_a_memory_is_refused() -> None:
    async with serving() as server, raw_client(server.address) as socket:
        await socket.send(b"{" + b" " * (2 << 20) + b"}")
        reply = json.loads(await socket.recv())
        assert reply["error"]["message"] == f"request is {(2 << 20) + 2} bytes, expected at most {1 << 20}"


async def test_a_memory_travels_behind_its_command() -> None:
    executor = OneStream()
    add = {"op": "add_memory", "stream": "cam1", "object_id": 3, "request_id": 1}
    export = {"op": "export", "stream": "cam1", "object_id": 3, "request_id": 2}
    async with serving(executor) as server:
        for kind in (zmq.DEALER, zmq.REQ):
            async with raw_client(server.address, kind) as socket:
                await socket.send_multipart([json.dumps(add).encode(), b"m" * 3_000_000])
                assert json.loads(await socket.recv())["ok"] is True
                await socket.send(msgspec.msgpack.encode(export))
                body, memory = await socket.recv_multipart()
                assert "memory" not in msgspec.msgpack.decode(body)["answer"]
                assert memory == b"m" * 3_000_000
        async with raw_client(server.address) as socket:
            in_json = add | {"memory": base64.b64encode(b"short").decode()}
            assert (await ask_json(socket, in_json))["ok"] is True
            assert executor.memory == b"short"
            for parts, words in (
                ([json.dumps(export).encode(), b"m"], "a second frame came, expected one behind add_memory"),
                ([json.dumps(add).encode()], "memory"),
                ([json.dumps(add | {"memory": "?"}).encode()], "expected bytes, or text in base64"),
                ([b"", b"", b"", b""], "request has 3 frames"),
            ):
                await socket.send_multipart(parts)
                reply = (await socket.recv_multipart())[-1]
                assert words in reply.decode(errors="replace")


async def test_memories_over_the_bound_are_answered_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zmq_control, "MAX_MEMORY_UNDER_WAY", 10)
    executor = OneStream()
    executor.gate.clear()
    add = json.dumps({"op": "add_memory", "stream": "cam1", "object_id": 3}).encode()
    async with serving(executor) as server, raw_client(server.address) as socket:
        await socket.send_multipart([add, b"m" * 8])
        await socket.send_multipart([add, b"m" * 8])
        assert json.loads(await socket.recv())["error"]["kind"] == "busy"
        executor.gate.set()
        assert json.loads(await socket.recv())["ok"] is True
        await socket.send_multipart([add, b"m" * 8])
        assert json.loads(await socket.recv())["ok"] is True


async def test_requests_over_the_bound_are_answered_busy() -> None:
    executor = OneStream()
    executor.gate.clear()
    num_requests = MAX_CONCURRENT_REQUESTS + 8
    async with serving(executor) as server, raw_client(server.address) as socket:
        for request_id in range(num_requests):
            await socket.send(json.dumps({"op": "list", "stream": "cam1", "request_id": request_id}).encode())
        busy = [json.loads(await socket.recv()) for _ in range(8)]
        assert {reply["error"]["kind"] for reply in busy} == {"busy"}
        assert [reply["request_id"] for reply in busy] == list(range(MAX_CONCURRENT_REQUESTS, num_requests))
        assert len(executor.commands) == MAX_CONCURRENT_REQUESTS
        executor.gate.set()
        done = [json.loads(await socket.recv()) for _ in range(MAX_CONCURRENT_REQUESTS)]
        assert {reply["ok"] for reply in done} == {True}


async def test_command_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zmq_control, "EXECUTE_TIMEOUT_S", 0.1)
    executor = OneStream()
    executor.gate.clear()
    async with serving(executor) as server, raw_client(server.address) as socket:
        reply = await ask_json(socket, {"op": "list", "stream": "cam1"})
    assert reply["error"] == {"kind": "timeout", "message": "command was not carried out in 0.1 s"}


async def test_stop_is_quick_with_a_request_under_way_and_frees_the_port() -> None:
    executor = OneStream()
    executor.gate.clear()
    async with serving(executor) as server, raw_client(server.address) as socket:
        await socket.send(b'{"op": "list", "stream": "cam1"}')
        async with asyncio.timeout(TIMEOUT_MS / 1e3):
            await executor.asked.wait()
        started = time.monotonic()
        await server.stop()
        assert time.monotonic() - started < 1
        again = ZmqControl(ZmqConfig(control_address=server.address), executor)
        await again.stop()


async def test_client_gives_up_in_time_and_the_late_answer_is_not_taken_for_the_next() -> None:
    executor = OneStream()
    executor.gate.clear()

    def steer(address: str) -> None:
        with Control(address, "cam1", timeout_ms=300) as control:
            with pytest.raises(PublishError) as caught:
                control.pause()
            assert str(caught.value) == f"{address}: no answer to 'pause' within 300 ms"
            loop.call_soon_threadsafe(executor.gate.set)
            control.timeout_ms = TIMEOUT_MS
            assert control.list() == ()

    loop = asyncio.get_running_loop()
    async with serving(executor) as server:
        await asyncio.to_thread(steer, server.address)


def test_client_without_a_server_gives_up_in_time() -> None:
    started = time.monotonic()
    with (
        Control("tcp://127.0.0.1:9", "cam1", timeout_ms=200) as control,
        pytest.raises(PublishError) as caught,
    ):
        control.list()
    assert (
        str(caught.value) == "tcp://127.0.0.1:9: no connection within 200 ms, expected a server that knows us"
    )
    assert time.monotonic() - started < 2


async def test_curve_admits_the_client_on_the_list_and_nobody_else() -> None:
    curve, (keys,) = make_curve()
    executor = OneStream()
    strangers = [
        None,
        ClientKeys(keys.server_public_key, *keypair()),
        ClientKeys(keypair()[0], keys.public_key, keys.secret_key),
    ]

    def steer(address: str) -> None:
        for stranger in strangers:
            with (
                Control(address, "cam1", timeout_ms=200, keys=stranger) as control,
                pytest.raises(PublishError),
            ):
                control.add(box=(0, 0, 1, 1))
        with Control(address, "cam1", keys=keys) as control:
            assert control.list() == ()

    async with serving(executor, curve) as server:
        await asyncio.to_thread(steer, server.address)
    assert [command.op for command in executor.commands] == ["list"]


async def test_address_in_use_raises_publish_error() -> None:
    async with serving() as server:
        with pytest.raises(PublishError) as caught:
            ZmqControl(ZmqConfig(control_address=server.address), OneStream())
    assert str(caught.value) == f"zmq.control_address: {server.address} is in use, expected a free port"


def test_control_that_is_turned_off_cannot_be_made() -> None:
    with pytest.raises(ConfigError, match=r"zmq\.control_address is null"):
        ZmqControl(ZmqConfig(control_address=None), OneStream())
