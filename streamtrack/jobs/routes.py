"""The HTTP API's jobs: a film by upload or by address in, progress, results out."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from http import HTTPStatus
from pathlib import Path as FilePath
from typing import Annotated, Any

import yaml
from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import FileResponse, StreamingResponse
from pydantic import Field, ValidationError
from starlette.exceptions import HTTPException

from streamtrack.config import SourceConfig
from streamtrack.config.faults import first_fault
from streamtrack.config.section import Section
from streamtrack.control.untrusted import check_extent
from streamtrack.digits import whole_number
from streamtrack.errors import (
    BadRequestError,
    CapacityError,
    ConfigError,
    PublishError,
    TooLargeError,
    WrongTypeError,
)
from streamtrack.http.access_guard import media_type
from streamtrack.http.live import KEEP_ALIVE, RETRY_MS
from streamtrack.http.peers import peer_of
from streamtrack.http.watchers import Watchers
from streamtrack.ingest.redact import redact_url
from streamtrack.ingest.source_gate import Gate
from streamtrack.jobs.desk import MB, JobDesk
from streamtrack.jobs.film_run import FilmRequest, read_job_prompts
from streamtrack.jobs.film_upload import FILM, OPTIONS, PROMPTS, URL, FormReader, Uploaded, check_is_film
from streamtrack.jobs.job import Job, JobOptions
from streamtrack.jobs.store import JOB_ID
from streamtrack.jobs.zip_stream import zip_of
from streamtrack.offline.prompts_file import FilmPrompt

TELL_PERIOD_S = 0.2
KEEP_ALIVE_S = 1.0
FORM_TYPE, JSON_TYPE = "multipart/form-data", "application/json"
MAX_JSON_BYTES = 1 << 20
UPLOAD_TIMEOUT_S = 3_600.0
"""A film that comes more slowly keeps its place from others."""
MAX_DEPTH = 6

JobId = Annotated[str, Path(pattern=f"^{JOB_ID.pattern}$")]


class JobBody(Section):
    """A film at an address, its prompts, and how it is followed."""

    url: str = Field(min_length=1, max_length=16_384)
    """http(s)://..., or a file of a folder that the config allows."""
    prompts: tuple[FilmPrompt, ...] = Field(min_length=1, max_length=1000)
    """As in the file of `streamtrack track --prompts`."""
    options: JobOptions = JobOptions()
    """How it is followed, and what is written."""


REQUEST_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            FORM_TYPE: {
                "schema": {
                    "type": "object",
                    "required": [PROMPTS],
                    "properties": {
                        FILM: {"type": "string", "format": "binary", "description": "The film; or url"},
                        URL: {"type": "string", "description": "The film's address; or film"},
                        PROMPTS: {"type": "string", "description": "As of `track --prompts`, YAML or JSON"},
                        OPTIONS: {"type": "string", "description": "JSON: direction, start, exports, ..."},
                        "mask": {"type": "string", "format": "binary", "description": "A prompt's picture"},
                    },
                }
            },
            JSON_TYPE: {
                "schema": {
                    "type": "object",
                    "required": ["url", "prompts"],
                    "properties": {
                        "url": {"type": "string"},
                        "prompts": {"type": "array", "items": {"type": "object"}},
                        "options": {"type": "object"},
                    },
                }
            },
        },
    }
}
"""What OpenAPI tells of `POST /jobs`, whose body is read as it comes."""


def jobs_router(desk: JobDesk, gate: Gate) -> APIRouter:
    """The routes.

    Args:
        gate: which addresses films may have.
    """
    router = APIRouter(prefix="/jobs", tags=["jobs"])
    _add_asking(router, desk, gate)
    _add_looking(router, desk)
    _add_results(router, desk)
    return router


def _add_asking(router: APIRouter, desk: JobDesk, gate: Gate) -> None:
    @router.post("", status_code=HTTPStatus.CREATED, openapi_extra=REQUEST_BODY)
    async def submit(request: Request, response: Response) -> Job:
        """Follow the objects of a film: uploaded (`film`) or at an address (`url`), prompts as in the file of
        `streamtrack track --prompts`. One runs at a time, a few wait; a film that is damaged ends as a job
        that has failed."""
        kind = media_type(request.headers.get("content-type", ""))
        if kind not in (FORM_TYPE, JSON_TYPE):
            raise WrongTypeError(
                f"content type is {kind[:80] or 'missing'}, expected {FORM_TYPE} or {JSON_TYPE}"
            )
        length = request.headers.get("content-length", "0")
        size_bytes = whole_number(length) or 0
        most = desk.config.max_film_mb * MB
        if size_bytes > most + 2 * MAX_JSON_BYTES:
            raise TooLargeError(
                f"the film has {size_bytes} bytes, expected at most {most} (jobs.max_film_mb)"
            )
        with desk.arriving(size_bytes):
            try:
                job_id, folder = await asyncio.to_thread(desk.store.new_folder)
            except OSError as error:
                raise PublishError(f"jobs: the disk refuses: {error.strerror}") from error
            try:
                found = await _received(request, kind, folder, most)
                asked = await asyncio.to_thread(_asked, desk, gate, job_id, folder, found)
            except BaseException:
                await asyncio.to_thread(desk.store.remove, job_id)
                raise
            job = desk.submit(*asked)
        response.headers["Location"] = f"/jobs/{job.id}"
        return job

    @router.post("/{job_id}/cancel")
    async def cancel(job_id: JobId) -> Job:
        """End a job; what it has written so far stays."""
        return desk.cancel(job_id)

    @router.delete("/{job_id}", status_code=HTTPStatus.NO_CONTENT)
    async def remove(job_id: JobId) -> Response:
        """Forget a job, its film and its results; one that runs is ended."""
        await asyncio.to_thread(desk.remove, job_id)
        return Response(status_code=HTTPStatus.NO_CONTENT)


def _add_looking(router: APIRouter, desk: JobDesk) -> None:
    watchers = Watchers(time.monotonic)

    @router.get("")
    async def list_jobs() -> list[Job]:
        """Every job, the oldest first."""
        return list(desk.jobs())

    @router.get("/{job_id}")
    async def show(job_id: JobId) -> Job:
        """One job."""
        return desk.job(job_id)

    @router.get("/{job_id}/live", response_class=StreamingResponse)
    async def live(job_id: JobId, request: Request) -> StreamingResponse:
        """Server-sent events: `job` whenever it changes, until it has ended."""
        desk.job(job_id)
        peer = peer_of(request.client)
        watchers.make_room(peer)

        async def blocks() -> AsyncIterator[bytes]:
            try:
                with watchers.watching(peer) as watcher:
                    async for block in _progress(desk, job_id):
                        yield block
                        if watcher.leaves:
                            return
            except CapacityError:
                return

        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(blocks(), media_type="text/event-stream", headers=headers)


async def _progress(desk: JobDesk, job_id: str) -> AsyncIterator[bytes]:
    yield f"retry: {RETRY_MS}\n\n".encode()
    told, silent_s = "", 0.0
    known = {job.id for job in desk.jobs()}
    while job_id in known:
        job = desk.job(job_id)
        now = job.model_dump_json()
        if now != told:
            told, silent_s = now, 0.0
            yield f"event: job\ndata: {now}\n\n".encode()
        elif silent_s >= KEEP_ALIVE_S:
            silent_s = 0.0
            yield KEEP_ALIVE
        if job.has_ended:
            break
        await asyncio.sleep(TELL_PERIOD_S)
        silent_s += TELL_PERIOD_S
        known = {one.id for one in desk.jobs()}
    yield b'event: end\ndata: {"reason": "the job has ended"}\n\n'


def _add_results(router: APIRouter, desk: JobDesk) -> None:
    @router.get("/{job_id}/results.zip", response_class=StreamingResponse)
    async def everything(job_id: JobId) -> StreamingResponse:
        """All results as one zip archive."""
        job = desk.job(job_id)
        if not job.files:
            raise HTTPException(HTTPStatus.NOT_FOUND, f"job {job_id} is {job.state} and has no results")
        pieces = zip_of(desk.store.results_of(job_id), desk.store.names_in(job_id))
        headers = {"content-disposition": f'attachment; filename="{job_id}.zip"', "cache-control": "no-store"}
        return StreamingResponse(pieces, media_type="application/zip", headers=headers)

    @router.get("/{job_id}/results/{name:path}", response_class=FileResponse)
    async def one_file(job_id: JobId, name: str) -> Response:
        """One file of the results: a name that the job lists, or one in a folder that it lists."""
        path = desk.store.result(job_id, name) if desk.job(job_id).has_ended else None
        if path is None:
            raise HTTPException(HTTPStatus.NOT_FOUND, f"no result {name[:80]!r}")
        return FileResponse(path, filename=path.name, headers={"cache-control": "no-store"})


async def _received(request: Request, kind: str, folder: FilePath, max_film_bytes: int) -> Uploaded:
    """The parts of a request, files in the folder."""
    if kind == FORM_TYPE:
        reader = FormReader(request.headers["content-type"], folder, max_film_bytes)
        try:
            async with asyncio.timeout(UPLOAD_TIMEOUT_S):
                return await reader.read(request.stream())
        except TimeoutError:
            raise BadRequestError(f"the film has not come within {UPLOAD_TIMEOUT_S:g} s") from None
    data = await request.body()
    if len(data) > MAX_JSON_BYTES:
        raise TooLargeError(f"the body has {len(data)} bytes, expected at most {MAX_JSON_BYTES}")
    body = _body_of(data)
    prompts = [one.model_dump(mode="json", exclude_unset=True) for one in body.prompts]
    fields = {
        URL: body.url,
        PROMPTS: yaml.safe_dump(prompts),
        OPTIONS: body.options.model_dump_json(exclude_unset=True),
    }
    return Uploaded(fields=fields)


def _body_of(data: bytes) -> JobBody:
    try:
        raw = json.loads(data)
    except (ValueError, RecursionError):
        raise BadRequestError("the body is not JSON") from None
    check_extent(raw, MAX_DEPTH)
    try:
        return JobBody.model_validate(raw)
    except ValidationError as error:
        raise ConfigError(first_fault(error.errors(include_url=False), JobBody).text) from error


def _asked(
    desk: JobDesk, gate: Gate, job_id: str, folder: FilePath, found: Uploaded
) -> tuple[Job, FilmRequest]:
    """The job that a request asks for, checked as far as can be without the model."""
    url = found.fields.get(URL, "").strip()
    if (found.film is None) == (not url):
        raise BadRequestError("expected a film or a url, one of them")
    if PROMPTS not in found.fields:
        raise BadRequestError("prompts is missing, expected a list as in the file of `track --prompts`")
    path = folder / "prompts.yaml"
    path.write_text(found.fields[PROMPTS], encoding="utf-8")
    prompts = read_job_prompts(path, found.masks)
    options = _options_of(found.fields.get(OPTIONS, ""))
    if found.film is not None:
        check_is_film(found.film, found.film_name)
        film, shown = str(found.film), found.film_name
    else:
        gate.check(SourceConfig(url=url))
        film, shown = url, redact_url(url)
    request = FilmRequest(
        film, shown, prompts, options, folder / "results", gate if found.film is None else None
    )
    job = Job(
        id=job_id,
        film=shown,
        source="url" if found.film is None else "upload",
        options=options,
        num_objects=len(prompts.object_ids),
        created_ms=desk.now_ms(),
    )
    return job, request


def _options_of(text: str) -> JobOptions:
    if not text.strip():
        return JobOptions()
    try:
        return JobOptions.model_validate_json(text)
    except ValidationError as error:
        raise ConfigError(
            f"options: {first_fault(error.errors(include_url=False), JobOptions).text}"
        ) from error
