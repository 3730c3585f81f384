"""Models by their id on the Hugging Face hub, such as `facebook/sam2.1-hiera-tiny`: found, fetched, verified.

The catalog pins the files of Meta's release; of the hub's layout no digest is pinned here. What is fetched is
held to what the hub says of it before the first byte: the size and sha256 of `model.safetensors` in the
headers of its answer. They are kept beside the file, so that `verify` finds later damage.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import re
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from streamtrack.digits import whole_number
from streamtrack.errors import CheckpointError
from streamtrack.weights.catalog import CATALOG, download_folder
from streamtrack.weights.download import DEFAULT_POLICY, DownloadPolicy, download_file
from streamtrack.weights.part_file import OnProgress, check_file

ENDPOINT = "https://huggingface.co"
"""Another one, a mirror's, is named in HF_ENDPOINT, as the hub's own client reads it."""
CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.safetensors"
INDEX_FILE = "model.safetensors.index.json"
RECORD_FILE = "streamtrack.json"
"""Beside what was fetched: where it is from, its size and its sha256."""

_MODEL_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")
_PUBLISHED = re.compile(r"facebook/(sam2(?:\.1)?)-hiera-(tiny|small|base-plus|large)")
_SHA256 = re.compile(r'(?:W/)?"?([0-9a-f]{64})"?')
_MAX_CONFIG_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class _Announced:
    """What the hub says of a file before it sends it."""

    url: str
    num_bytes: int
    sha256: str


def is_model_id(name: str) -> bool:
    """Whether a name is written as ids on the hub are."""
    return _MODEL_ID.fullmatch(name) is not None


def published_name(model_id: str) -> str | None:
    """The catalog's name for one of Meta's models on the hub; None for any other id."""
    match = _PUBLISHED.fullmatch(model_id)
    name = f"{match[1]}-{match[2]}" if match else None
    return name if name in CATALOG else None


def hub_folder(model_id: str) -> Path:
    """Where a model of the hub is put."""
    return download_folder() / model_id.replace("/", "--")


def find_hub_folder(model_id: str) -> Path | None:
    """The folder of a model on this machine: fetched by streamtrack, else by the hub's own client.

    Nothing is verified. None where it is in neither place.
    """
    if not is_model_id(model_id):
        return None
    return next((folder for folder in _candidates(model_id) if _holds_model(folder)), None)


def fetch_hub(
    model_id: str, on_progress: OnProgress | None = None, policy: DownloadPolicy = DEFAULT_POLICY
) -> Path:
    """The folder of a model of the hub; downloaded where it is not there or damaged.

    Args:
        on_progress: called with bytes present and bytes in all, from the calling thread.
    Raises:
        CheckpointError: no such model, the hub names no digest or sends other bytes, or the disk is full.
    """
    if not is_model_id(model_id):
        raise CheckpointError(f"model is {model_id!r}, expected an id such as facebook/sam2.1-hiera-tiny")
    folder = hub_folder(model_id)
    announced = _ask(model_id, WEIGHTS_FILE, policy)
    config = _fetch_config(model_id, policy)
    download_file(
        [announced.url],
        folder / WEIGHTS_FILE,
        announced.num_bytes,
        announced.sha256,
        on_progress=on_progress,
        policy=policy,
    )
    record = {"url": announced.url, "num_bytes": announced.num_bytes, "sha256": announced.sha256}
    try:
        (folder / CONFIG_FILE).write_bytes(config)
        (folder / RECORD_FILE).write_text(json.dumps(record), encoding="utf-8")
    except OSError as error:
        raise CheckpointError(f"{folder}: cannot be written: {error.strerror or error}") from error
    return folder


def require_hub(model_id: str, policy: DownloadPolicy = DEFAULT_POLICY) -> None:
    """Ask the hub for a sign of life: its own client tries for minutes, and tells each try.

    Raises:
        CheckpointError: it cannot be reached.
    """
    try:
        urllib.request.build_opener(_StayHere).open(
            _head(model_id, CONFIG_FILE), timeout=policy.timeout_s
        ).close()
    except urllib.error.HTTPError as error:
        error.close()  # it answered; what it means its client knows, who may have a login
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise CheckpointError(
            f"{model_id}: not on this machine, and the hub cannot be reached ({_reason(error)})"
        ) from error


def verify_hub(model_id: str) -> Path:
    """Compare what was fetched with what the hub said of it then; returns the folder.

    Raises:
        CheckpointError: it was not fetched by streamtrack, or is not the same any more.
    """
    folder = hub_folder(model_id)
    try:
        record = json.loads((folder / RECORD_FILE).read_text(encoding="utf-8"))
        num_bytes, sha256 = int(record["num_bytes"]), str(record["sha256"])
    except FileNotFoundError:
        raise CheckpointError(f"not fetched: run `streamtrack checkpoints get {model_id}`") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{folder / RECORD_FILE}: damaged: fetch {model_id} again") from error
    check_file(folder / WEIGHTS_FILE, num_bytes, sha256)
    return folder


def fetched_ids() -> list[str]:
    """The models of the hub in the download folder."""
    records = download_folder().glob(f"*--*/{RECORD_FILE}")
    return sorted(path.parent.name.replace("--", "/", 1) for path in records)


def _candidates(model_id: str) -> list[Path]:
    """Ours, then the newest snapshot that the hub's client keeps."""
    home = os.environ.get("HF_HOME") or "~/.cache/huggingface"
    cache = Path(os.path.expanduser(os.environ.get("HF_HUB_CACHE") or f"{home}/hub"))
    kept = cache / f"models--{model_id.replace('/', '--')}"
    try:
        commit = (kept / "refs" / "main").read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return [hub_folder(model_id)]
    return [hub_folder(model_id), kept / "snapshots" / Path(commit).name]


def _holds_model(folder: Path) -> bool:
    try:
        weights = (folder / WEIGHTS_FILE).is_file() or (folder / INDEX_FILE).is_file()
        return weights and (folder / CONFIG_FILE).is_file()
    except OSError:
        return False


def _url(model_id: str, file_name: str) -> str:
    endpoint = (os.environ.get("HF_ENDPOINT") or ENDPOINT).rstrip("/")
    return f"{endpoint}/{model_id}/resolve/main/{file_name}"


class _StayHere(urllib.request.HTTPRedirectHandler):
    """The hub tells a file's digest in the very answer that sends on to where the file lies."""

    def redirect_request(self, *_: object) -> None:
        return None


def _ask(model_id: str, file_name: str, policy: DownloadPolicy) -> _Announced:
    request = _head(model_id, file_name)
    try:
        with urllib.request.build_opener(_StayHere).open(request, timeout=policy.timeout_s) as response:
            headers = response.headers
    except urllib.error.HTTPError as error:
        with error:
            if error.code not in (301, 302, 303, 307, 308):
                raise CheckpointError(_refusal(model_id, file_name, error.code)) from error
            headers = error.headers
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise CheckpointError(_unreachable(model_id, error)) from error
    digest = _SHA256.fullmatch(headers.get("X-Linked-ETag", ""))
    size = whole_number(headers.get("X-Linked-Size", ""))
    if digest is None or size is None:
        raise CheckpointError(
            f"{model_id}: the server names no sha256 of {file_name} (X-Linked-ETag), so it cannot be verified"
        )
    return _Announced(request.full_url, size, digest[1])


def _head(model_id: str, file_name: str) -> urllib.request.Request:
    headers = {"User-Agent": "streamtrack"}
    return urllib.request.Request(_url(model_id, file_name), method="HEAD", headers=headers)


def _fetch_config(model_id: str, policy: DownloadPolicy) -> bytes:
    request = urllib.request.Request(_url(model_id, CONFIG_FILE), headers={"User-Agent": "streamtrack"})
    try:
        with urllib.request.urlopen(request, timeout=policy.timeout_s) as response:  # nosec B310 # the hub
            content: bytes = response.read(_MAX_CONFIG_BYTES + 1)
            etag = response.headers.get("ETag", "").removeprefix("W/").strip('"')
    except urllib.error.HTTPError as error:
        with error:
            raise CheckpointError(_refusal(model_id, CONFIG_FILE, error.code)) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise CheckpointError(_unreachable(model_id, error)) from error
    # Of small files the hub's etag is git's name for their bytes.
    git_name = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
    if len(content) > _MAX_CONFIG_BYTES or (len(etag) == len(git_name) and etag != git_name):
        raise CheckpointError(f"{model_id}: {CONFIG_FILE} arrived damaged, try again")
    return content


def _refusal(model_id: str, file_name: str, code: int) -> str:
    if code in (401, 403):
        return f"{model_id}: the hub answered {code}: no such model, or one that wants a login"
    if code == 404:
        return f"{model_id}: no {file_name} on the hub, expected a model as save_pretrained writes it"
    return f"{model_id}: the hub answered {code}, try again later"


def _unreachable(model_id: str, error: Exception) -> str:
    return (
        f"{model_id}: the hub cannot be reached ({_reason(error)}), is this machine offline? Fetch "
        f"{CONFIG_FILE} and {WEIGHTS_FILE} elsewhere and put them into {hub_folder(model_id)}"
    )


def _reason(error: Exception) -> object:
    return getattr(error, "reason", None) or getattr(error, "strerror", None) or type(error).__name__
