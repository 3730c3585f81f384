"""Models of the Hugging Face hub: what is fetched is what the hub said beforehand."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from streamtrack.errors import CheckpointError
from streamtrack.weights.download import DownloadPolicy
from streamtrack.weights.hub import (
    fetch_hub,
    fetched_ids,
    find_hub_folder,
    is_model_id,
    published_name,
    verify_hub,
)

DATA = b"weights" * 5000
CONFIG = b'{"model_type": "sam2_video"}'
MODEL_ID = "someone/sam2.1-hiera-tiny"
IMPATIENT = DownloadPolicy(timeout_s=2, stall_s=2, backoff_s=0.01, attempts=2)


class Hub:
    """A hub with one model; what it says and sends can be spoilt."""

    def __init__(self) -> None:
        self.data = DATA
        self.linked_etag: str | None = f'"{hashlib.sha256(DATA).hexdigest()}"'
        self.config_etag = hashlib.sha1(b"blob %d\0" % len(CONFIG) + CONFIG).hexdigest()
        self.paths: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                self._answer(head=True)

            def do_GET(self) -> None:
                self._answer(head=False)

            def _answer(self, *, head: bool) -> None:
                outer.paths.append(f"{self.command} {self.path}")
                prefix = f"/{MODEL_ID}/resolve/main/"
                if self.path == f"{prefix}model.safetensors":
                    # As the hub does: on to where large files lie.
                    self.send_response(302)
                    self.send_header("Location", "/cdn")
                    self.send_header("X-Linked-Size", str(len(DATA)))
                    if outer.linked_etag is not None:
                        self.send_header("X-Linked-ETag", outer.linked_etag)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                bodies = {"/cdn": outer.data, f"{prefix}config.json": CONFIG}
                body = bodies.get(self.path)
                self.send_response(404 if body is None else 200)
                if body == CONFIG:
                    self.send_header("ETag", f'"{outer.config_etag}"')
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                if not head and body is not None:
                    with contextlib.suppress(ConnectionError):
                        self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"

    @contextlib.contextmanager
    def running(self) -> Iterator[Hub]:
        thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield self
        finally:
            self._http.shutdown()
            thread.join(timeout=10)
            self._http.server_close()


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setenv("STREAMTRACK_CHECKPOINTS", str(tmp_path))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "nothing"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Hub().running() as running:
        monkeypatch.setenv("HF_ENDPOINT", f"{running.url}/")
        yield running


def test_a_model_is_fetched_once_and_verified(hub: Hub, tmp_path: Path) -> None:
    assert find_hub_folder(MODEL_ID) is None
    seen: list[tuple[int, int]] = []
    folder = fetch_hub(MODEL_ID, lambda *progress: seen.append(progress), IMPATIENT)
    assert folder == tmp_path / "someone--sam2.1-hiera-tiny" == find_hub_folder(MODEL_ID)
    assert (folder / "model.safetensors").read_bytes() == DATA
    assert (folder / "config.json").read_bytes() == CONFIG
    assert seen[-1] == (len(DATA), len(DATA))
    assert (verify_hub(MODEL_ID), fetched_ids()) == (folder, [MODEL_ID])
    assert fetch_hub(MODEL_ID, policy=IMPATIENT) == folder
    assert hub.paths.count("GET /cdn") == 1
    (folder / "model.safetensors").write_bytes(DATA[:-1] + b"?")
    with pytest.raises(CheckpointError, match=r"model\.safetensors: sha256 is .*, expected"):
        verify_hub(MODEL_ID)
    fetch_hub(MODEL_ID, policy=IMPATIENT)
    assert hub.paths.count("GET /cdn") == 2


def test_other_bytes_than_announced_are_refused(hub: Hub, tmp_path: Path) -> None:
    hub.data = DATA[:-1] + b"?"
    with pytest.raises(CheckpointError, match=r"gave other bytes: sha256 is"):
        fetch_hub(MODEL_ID, policy=IMPATIENT)
    assert find_hub_folder(MODEL_ID) is None
    hub.config_etag = "0" * 40
    with pytest.raises(CheckpointError, match=r"config\.json arrived damaged, try again$"):
        fetch_hub(MODEL_ID, policy=IMPATIENT)


def test_a_server_without_digests_is_refused(hub: Hub) -> None:
    hub.linked_etag = None
    with pytest.raises(CheckpointError, match=r"names no sha256 of model\.safetensors \(X-Linked-ETag\)"):
        fetch_hub(MODEL_ID, policy=IMPATIENT)


def test_what_is_not_there_is_one_line(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CheckpointError, match=r"^no/such: no model\.safetensors on the hub, expected"):
        fetch_hub("no/such", policy=IMPATIENT)
    with pytest.raises(CheckpointError, match=r"^model is 'a/b/c', expected an id such as facebook/"):
        fetch_hub("a/b/c")
    with pytest.raises(CheckpointError, match=r"^not fetched: run `streamtrack checkpoints get no/such`$"):
        verify_hub("no/such")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(CheckpointError, match=r"cannot be reached .* is this machine offline\?"):
        fetch_hub(MODEL_ID, policy=IMPATIENT)


def test_a_damaged_record_is_one_line(hub: Hub) -> None:
    folder = fetch_hub(MODEL_ID, policy=IMPATIENT)
    (folder / "streamtrack.json").write_text(json.dumps({"sha256": 1}))
    with pytest.raises(CheckpointError, match=r"streamtrack\.json: damaged: fetch someone/"):
        verify_hub(MODEL_ID)


def test_ids() -> None:
    assert published_name("facebook/sam2.1-hiera-base-plus") == "sam2.1-base-plus"
    assert published_name("someone/sam2.1-hiera-tiny") is None
    assert [is_model_id(name) for name in ("a/b", "nano", "../b", "a/b/c", "weights/own.pt", "/a")] == [
        *(True, False, False, False, True, False)
    ]
