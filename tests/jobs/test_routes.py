"""Films over HTTP: uploaded, followed, told of, downloaded, bounded; on the product's own server."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import pytest

from streamtrack.config import CamerasConfig, JobsConfig
from streamtrack.publish.mask_codec import decode_rle
from streamtrack.server import Server
from tests.support.file_server import FileServer
from tests.support.pipelines import SOON_S, stream_config, wait_until
from tests.support.recordings import BOX, FRAMES, OBJECT, TRUTH, write_clip
from tests.support.servers import server_config, serving

PROMPTS = json.dumps([{"object_id": OBJECT, "label": "ball", "box": BOX}])
EXPORTS = json.dumps({"exports": ["masks-rle", "overlay", "masks-png"]})


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("films") / "clip.mp4")


@pytest.fixture(scope="module")
def server(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    config = server_config(
        stream_config(name="cam"),
        cameras=CamerasConfig(allow_folders=(clip.parent,)),
        jobs=JobsConfig(folder=tmp_path_factory.mktemp("jobs"), max_film_mb=1, max_waiting=2),
    )
    with serving(config) as running:
        yield running


@pytest.fixture
def api(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.http_address, timeout=SOON_S) as client:
        yield client
        for job in client.get("/jobs").json():
            client.delete(f"/jobs/{job['id']}")


def upload(api: httpx.Client, film: bytes | None, prompts: str = PROMPTS, **fields: str) -> httpx.Response:
    files: dict[str, Any] = {"prompts": (None, prompts)}
    files |= {name: (None, value) for name, value in fields.items()}
    if film is not None:
        files["film"] = ("holiday.mp4", film)
    return api.post("/jobs", files=files)


def ended(api: httpx.Client, job: dict[str, Any]) -> dict[str, Any]:
    def has_ended() -> bool:
        return api.get(f"/jobs/{job['id']}").json()["state"] not in ("waiting", "running")

    wait_until(has_ended, "the job's end")
    told: dict[str, Any] = api.get(f"/jobs/{job['id']}").json()
    return told


def test_uploaded_film_is_followed_told_of_and_its_results_are_downloaded(
    api: httpx.Client, clip: Path, server: Server
) -> None:
    answer = upload(api, clip.read_bytes(), options=EXPORTS)
    assert answer.status_code == 201, answer.text
    job = answer.json()
    assert answer.headers["location"] == f"/jobs/{job['id']}"
    assert (job["film"], job["source"], job["num_objects"]) == ("holiday.mp4", "upload", 1)
    with api.stream("GET", f"/jobs/{job['id']}/live") as stream:
        lines = list(stream.iter_lines())
    told = [json.loads(line[6:]) for line in lines if line.startswith('data: {"id"')]
    assert [one["num_steps"] for one in told] == sorted(one["num_steps"] for one in told)
    assert told[-1]["state"] == "done"
    assert "event: end" in lines
    assert told[-1]["line"].startswith(f"{FRAMES} frames, 1 objects")
    assert told[-1]["summary"]["frames"] == FRAMES
    files = {one["name"]: one for one in told[-1]["files"]}
    assert files["masks"]["count"] == FRAMES
    video = api.get(f"/jobs/{job['id']}/results/overlay.mp4")
    assert video.content[4:8] == b"ftyp"
    archive = zipfile.ZipFile(io.BytesIO(api.get(f"/jobs/{job['id']}/results.zip").content))
    assert archive.testzip() is None
    names = archive.namelist()
    picture = next(name for name in names if name.startswith(f"masks/{OBJECT:03d}/"))
    assert api.get(f"/jobs/{job['id']}/results/{picture}").content[:4] == b"\x89PNG"
    assert sum(name.startswith("masks/") for name in names) == FRAMES
    assert not any(name.startswith(".") for name in names)
    folder = server.jobs.store.folder_of(job["id"]) if server.jobs else Path()
    assert not (folder / "film.mp4").exists(), "the film goes once it was followed"
    assert api.get(f"/jobs/{job['id']}/results/../job.json").status_code == 404
    assert api.get(f"/jobs/{job['id']}/results/%2e%2e/job.json").status_code == 404
    assert api.delete(f"/jobs/{job['id']}").status_code == 204
    assert not folder.exists()
    assert api.get(f"/jobs/{job['id']}").json()["kind"] == "unknown_job"


def test_film_at_an_address_is_followed_by_a_body_of_json(api: httpx.Client, clip: Path) -> None:
    body = {"url": str(clip), "prompts": json.loads(PROMPTS), "options": {"exports": ["coco-video"]}}
    job = ended(api, api.post("/jobs", json=body).json())
    assert (job["state"], job["error"]) == ("done", "")
    name = job["files"][0]["name"]
    told = json.loads(api.get(f"/jobs/{job['id']}/results/{name}").content)
    first = told["annotations"][0]["segmentations"][0]
    mask = decode_rle(first["counts"].encode(), tuple(first["size"]))
    assert (mask & TRUTH).sum() / (mask | TRUTH).sum() > 0.8


def test_damaged_film_ends_as_a_failed_job_in_one_line(api: httpx.Client, clip: Path) -> None:
    job = ended(api, upload(api, clip.read_bytes()[:400]).json())
    assert job["state"] == "failed"
    assert job["error"].startswith("source holiday.mp4: ")
    assert "\n" not in job["error"]
    late = json.dumps([{"object_id": 1, "box": BOX, "at_frame": 500}])
    job = ended(api, upload(api, clip.read_bytes(), late).json())
    assert job["state"] == "failed"
    assert "expected one of the source's 12 frames" in job["error"], job["error"]


@pytest.mark.parametrize(
    ("prompts", "fields", "status", "words"),
    [
        ("[]", {}, 422, "prompts: holds no list"),
        ("- {object_id: 1}", {}, 422, "a prompt needs points, a box or a mask"),
        ("- {object_id: 1, mask: /etc/passwd}", {}, 422, "a file that was not uploaded"),
        ("- [", {}, 422, "not YAML"),
        (PROMPTS, {"options": '{"exports": ["os:system"]}'}, 422, "options: exports"),
        (PROMPTS, {"options": '{"strid": 2}'}, 422, "unknown key strid, expected stride?"),
        (PROMPTS, {"url": "http://169.254.169.254/x.mp4"}, 400, "a film or a url, one of them"),
        (PROMPTS, {"colour": "red"}, 400, "a part of another name"),
    ],
)
def test_what_cannot_be_done_is_told_before_anything_is_kept(
    api: httpx.Client, prompts: str, fields: dict[str, str], status: int, words: str
) -> None:
    answer = upload(api, b"film", prompts, **fields)
    assert answer.status_code == status, answer.text
    assert words in answer.json()["error"]
    assert "/tmp" not in answer.text
    assert api.get("/jobs").json() == []


@pytest.mark.parametrize(
    "film", [b"", b"#EXTM3U\n/etc/x.ts", b"ffconcat version 1.0\nfile /etc/x", b"\x01<MPD>"]
)
def test_file_that_names_other_files_is_no_film(api: httpx.Client, film: bytes) -> None:
    answer = upload(api, film)
    assert answer.status_code == 400, answer.text
    assert "expected a video" in answer.json()["error"]


def test_bodies_that_are_too_large_broken_or_of_another_kind_are_refused(
    api: httpx.Client, server: Server
) -> None:
    assert upload(api, b"x" * (4 << 20)).json()["kind"] == "too_large"

    def endless() -> Iterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="film"; filename="a.mp4"\r\n\r\n'
        for _ in range(40):
            yield b"x" * 65_536

    form = {"content-type": "multipart/form-data; boundary=b"}
    assert api.post("/jobs", content=endless(), headers=form).json()["kind"] == "too_large"
    cut = b'--b\r\nContent-Disposition: form-data; name="film"; filename="a.mp4"\r\n\r\nabc'
    assert "breaks off" in api.post("/jobs", content=cut, headers=form).json()["error"]
    assert api.post("/jobs", content=b"x", headers={"content-type": "video/mp4"}).status_code == 415
    refused = api.post("/jobs", json={"url": "http://169.254.169.254/x.mp4", "prompts": json.loads(PROMPTS)})
    assert refused.json()["kind"] == "forbidden_source"
    assert server.jobs is not None
    assert server.jobs.store.size() == 0


def test_jobs_run_one_at_a_time_a_few_wait_and_each_can_be_cancelled(
    api: httpx.Client, clip: Path, server: Server
) -> None:
    turns = server.streams.turns
    with turns.turn(600):  # nobody gets the model
        first = upload(api, clip.read_bytes()).json()
        wait_until(lambda: api.get(f"/jobs/{first['id']}").json()["state"] == "running", "the first job")
        second, third = (upload(api, clip.read_bytes()).json() for _ in range(2))
        full = upload(api, clip.read_bytes())
        assert (full.status_code, "jobs.max_waiting" in full.json()["error"]) == (503, True)
        states = [job["state"] for job in api.get("/jobs").json()]
        assert states == ["running", "waiting", "waiting"]
        assert api.post(f"/jobs/{second['id']}/cancel").json()["state"] == "cancelled"
        api.post(f"/jobs/{first['id']}/cancel")
    assert ended(api, first)["state"] == "cancelled"
    assert ended(api, third)["state"] == "done"


def test_mask_that_is_uploaded_beside_the_film_is_a_prompt(api: httpx.Client, clip: Path) -> None:
    white = cv2.imencode(".png", TRUTH.view(np.uint8) * np.uint8(255))[1].tobytes()
    files: dict[str, Any] = {
        "film": ("clip.mp4", clip.read_bytes()),
        "mask": ("ball.png", white),
        "prompts": (None, "- {object_id: 1, mask: ball.png}"),
        "options": (None, '{"exports": ["objects"], "end": 2}'),
    }
    job = ended(api, api.post("/jobs", files=files).json())
    assert (job["state"], job["error"], job["summary"]["frames"]) == ("done", "", 3)
    rows = api.get(f"/jobs/{job['id']}/results/objects.csv").text.splitlines()
    assert int(rows[1].split(",")[rows[0].split(",").index("area_px")]) == int(TRUTH.sum())


def test_film_of_another_server_is_followed(api: httpx.Client, clip: Path) -> None:
    with FileServer(clip.read_bytes()).running() as files:
        body = {
            "url": files.url.replace("http://", "http://admin:hunter2@"),
            "prompts": json.loads(PROMPTS),
            "options": {"exports": ["objects"], "end": 1},
        }
        answer = api.post("/jobs", json=body)
        job = ended(api, answer.json())
    assert (job["state"], job["error"], job["summary"]["frames"]) == ("done", "", 2)
    assert job["film"].startswith("http://***@")
    assert "hunter2" not in answer.text + json.dumps(job)
