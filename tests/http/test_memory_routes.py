"""An object's memory over HTTP and ZeroMQ: out of a real stream, and into it again."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from streamtrack.client import Control
from streamtrack.errors import ObjectMemoryError, UnknownObjectError
from streamtrack.http import access_guard
from streamtrack.http.access_guard import MAX_BODY_BYTES, body_limit
from streamtrack.object_record import MAX_MEMORY_BYTES
from streamtrack.server import Server
from tests.support.pipelines import BOX, LAST, SOON_S, stream_config, wait_until
from tests.support.servers import server_config, serving

BYTES = {"content-type": "application/octet-stream"}
OBJECTS = "/streams/cam/objects"


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
        for found in client.get(OBJECTS).json():
            client.delete(f"{OBJECTS}/{found['object_id']}")


def begun(api: httpx.Client) -> int:
    answer = api.post(OBJECTS, json={"box": BOX, "label": "ball", "at_frame": 0})
    assert answer.status_code == 201, answer.text
    return int(answer.json()["object_id"])


def refused(response: httpx.Response, status: int) -> str:
    assert response.status_code == status, response.text
    assert list(response.json()) == ["error", "kind"]
    return str(response.json()["error"])


def test_it_goes_out_and_comes_in_again(api: httpx.Client) -> None:
    object_id = begun(api)
    box = api.get(OBJECTS).json()[0]["box"]
    memory = api.get(f"{OBJECTS}/{object_id}/memory")
    assert memory.headers["content-type"] == "application/octet-stream"
    assert memory.headers["content-disposition"].endswith(f'"object-{object_id}.safetensors"')
    assert api.delete(f"{OBJECTS}/{object_id}").status_code == 200
    added = api.post(OBJECTS, content=memory.content, headers=BYTES, params={"object_id": 77})
    assert added.status_code == 201, added.text
    told = added.json()
    assert (told["object_id"], told["frame_idx"], told["op"]) == (77, LAST, "add_memory")
    assert "memory" not in told
    [found] = told["objects"]
    assert (found["label"], found["state"]) == ("ball", "tracking")
    assert all(abs(one - other) < 12 for one, other in zip(found["box"], box, strict=True))
    again = api.post(OBJECTS, content=memory.content, headers=BYTES, params={"label": "other"})
    assert "object 77 is followed there already" in refused(again, 409)


def test_what_is_none_is_refused_in_a_line(api: httpx.Client) -> None:
    object_id = begun(api)
    memory = api.get(f"{OBJECTS}/{object_id}/memory").content
    for body, params, status, words in (
        (b"", {}, 422, "the body is empty"),
        (memory[:-7], {}, 422, "its tensors cannot be read"),
        (b"{}", {}, 422, "it has 2 bytes and no header"),
        (memory, {"object_id": -1}, 422, "object_id"),
        (memory, {"object_id": object_id}, 422, "is followed already"),
        (memory, {"at_frame": 900}, 409, "expected a kept frame"),
        (memory, {"label": "x" * 129}, 422, "label"),
        (memory, {"anywere": True}, 422, "unknown key anywere, expected anywhere?"),
    ):
        assert words in refused(api.post(OBJECTS, content=body, headers=BYTES, params=params), status)
    assert "expected one that is followed" in refused(api.get(f"{OBJECTS}/5555/memory"), 404)
    assert "stream is 'x'" in refused(api.post("/streams/x/objects", content=memory, headers=BYTES), 404)
    assert "content type is text/plain" in refused(
        api.post(OBJECTS, content=memory, headers={"content-type": "text/plain"}), 415
    )
    assert [found["object_id"] for found in api.get(OBJECTS).json()] == [object_id]


def test_it_is_as_long_as_it_may_be_and_two_at_a_time(
    api: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert body_limit("/streams/a/objects", "Application/Octet-Stream; x=1") == MAX_MEMORY_BYTES
    assert body_limit("/streams/a/objects", "application/json") == MAX_BODY_BYTES
    assert body_limit("/streams/a/objects/1/prompts", "application/octet-stream") == MAX_BODY_BYTES
    monkeypatch.setattr(access_guard, "MAX_MEMORY_BYTES", 3 * MAX_BODY_BYTES)
    long = b"x" * (3 * MAX_BODY_BYTES + 1)
    assert "expected at most" in refused(api.post(OBJECTS, content=long, headers=BYTES), 413)
    assert "no header" in refused(api.post(OBJECTS, content=long[:-1], headers=BYTES), 422)
    monkeypatch.setattr(access_guard, "MAX_UPLOADS", 0)
    busy = api.post(OBJECTS, content=b"x", headers=BYTES)
    assert "memories are on their way in" in refused(busy, 503)
    assert busy.headers["retry-after"] == "2"


def test_an_object_of_another_stream_is_proposed_and_never_started_blindly(api: httpx.Client) -> None:
    object_id = begun(api)
    body = {"source": "cam", "source_id": object_id}
    proposed = api.post(f"{OBJECTS}/from", json={**body, "start": "never"})
    assert proposed.status_code == 200, proposed.text
    told = proposed.json()
    assert (told["op"], told["object_id"]) == ("propose", None)
    [score], [found] = told["likeness"], told["candidates"]
    assert score > 0.5
    assert not found["chosen"]
    assert "is followed there already" in refused(api.post(f"{OBJECTS}/from", json=body), 409)
    unsure = api.post(f"{OBJECTS}/from", json={**body, "min_score": 1.0}).json()
    assert unsure["object_id"] is None
    assert [one["object_id"] for one in api.get(OBJECTS).json()] == [object_id]
    assert "stream is 'x'" in refused(api.post(f"{OBJECTS}/from", json={**body, "source": "x"}), 404)
    assert "object_id is 999" in refused(api.post(f"{OBJECTS}/from", json={**body, "source_id": 999}), 404)


def test_openapi_tells_of_it(api: httpx.Client) -> None:
    paths = api.get("/openapi.json").json()["paths"]
    post = paths["/streams/{name}/objects"]["post"]
    assert set(post["requestBody"]["content"]) == {"application/json", "application/octet-stream"}
    assert {one["name"] for one in post["parameters"]} == {
        "name",
        "object_id",
        "label",
        "at_frame",
        "anywhere",
    }
    get = paths["/streams/{name}/objects/{object_id}/memory"]["get"]
    assert set(get["responses"]["200"]["content"]) == {"application/octet-stream"}


def test_a_client_takes_it_out_and_puts_it_in(server: Server, api: httpx.Client) -> None:
    object_id = begun(api)
    address = server.control_address
    assert address is not None
    with Control(address, "cam", timeout_ms=20_000) as control:
        memory = control.export(object_id)
        with pytest.raises(UnknownObjectError):
            control.export(4444)
        with pytest.raises(ObjectMemoryError, match="its tensors cannot be read"):
            control.add(memory=memory[:-1])
        with pytest.raises(ObjectMemoryError, match="one of the two"):
            control.add(memory=memory, points=[(1, 1)])
        with pytest.raises(ObjectMemoryError, match="expected at most"):
            control.add(memory=bytes(MAX_MEMORY_BYTES + 1))
        with pytest.raises(ObjectMemoryError, match="memory is str, expected bytes"):
            control.add(memory="cup.memory")  # type: ignore[arg-type]
        for known in ({"memory": memory}, {"source": "cam", "source_id": object_id}):
            proposed = control.propose(start="never", **known)
            assert proposed.object_id is None
            assert proposed.likeness[0] is not None
            assert proposed.likeness[0] > 0.5
            assert len(proposed.candidates) == 1
        for wrong in ({}, {"source": "cam"}, {"memory": memory, "source_id": 1}):
            with pytest.raises(ObjectMemoryError, match="expected a memory, or a source with its source_id"):
                control.propose(**wrong)
        control.remove(object_id)
        added = control.add(88, memory=memory, label="mug")
        assert (added.object_id, added.objects[0].label, added.objects[0].state) == (88, "mug", "tracking")
        assert [one.object_id for one in control.list()] == [88]
