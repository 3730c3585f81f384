"""Models of the Hugging Face hub: what is fetched is what the hub said beforehand."""

from __future__ import annotations

import json
from collections.abc import Iterator
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
from tests.support.hub_server import HUB_CONFIG as CONFIG
from tests.support.hub_server import HUB_DATA as DATA
from tests.support.hub_server import HUB_MODEL_ID as MODEL_ID
from tests.support.hub_server import Hub

IMPATIENT = DownloadPolicy(timeout_s=2, stall_s=2, backoff_s=0.01, attempts=2)


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
