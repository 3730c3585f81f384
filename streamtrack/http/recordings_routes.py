"""The HTTP API's recordings: listed, played, cut, deleted.

What a request names is looked up in lists; it never becomes a part of a path.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from pathlib import Path as FilePath
from typing import Annotated, Protocol

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from streamtrack.config import ArchiveConfig
from streamtrack.history.event_log import EventLog
from streamtrack.http.command_route import CommandRoute
from streamtrack.http.file_ranges import file_response
from streamtrack.http.paths import StreamName
from streamtrack.recording.clips import Clip, Clips
from streamtrack.recording.library import Library, RecordingInfo
from streamtrack.recording.names import Film, not_kept
from streamtrack.recording.shelf import GB, Shelf
from streamtrack.recording.stream_recorder import RecorderStatus

MP4, JSON_LINES = "video/mp4", "application/jsonl"
MAX_MS = 2**53
MAX_LISTED = 1_000
DAY_MS = 86_400_000

RecordingName = Annotated[str, Path(description="As the list names it", max_length=96)]
ClipId = Annotated[str, Path(description="As the answer named it", max_length=32)]
Moment = Annotated[int, Query(ge=0, le=MAX_MS, description="Unix epoch in milliseconds, UTC")]
Download = Annotated[bool, Query(description="Send it as a file to save")]


class OpenShelves(Protocol):
    """What an archive consists of."""

    @property
    def shelf(self) -> Shelf: ...
    @property
    def library(self) -> Library: ...
    @property
    def clips(self) -> Clips: ...
    @property
    def events(self) -> EventLog: ...


class ArchiveOf(Protocol):
    """The archive, as the routes need it."""

    @property
    def config(self) -> ArchiveConfig: ...
    @property
    def is_on(self) -> bool: ...
    @property
    def shelves(self) -> OpenShelves:
        """Raises ArchiveError where nothing is kept."""
        ...

    def recorders(self) -> Mapping[str, RecorderStatus]: ...


class RecordedStream(BaseModel):
    """One stream's recordings in short."""

    stream: str
    recordings: int
    bytes: int
    first_ms: int | None
    """When the oldest begins; null where there is none."""
    spans: tuple[tuple[int, int], ...]
    """From when to when it is recorded, in the time that was asked for (the last day, unless told)."""
    recorder: RecorderStatus | None
    """What it does at this moment; null where the stream is not recorded now."""


class RecordingsAnswer(BaseModel):
    """What is kept."""

    on: bool
    """Whether anything is: `archive.folder` is set."""
    bytes: int = 0
    max_bytes: int = 0
    keep_days: float = 0
    streams: tuple[RecordedStream, ...] = ()


class DeletedAnswer(BaseModel):
    """How many recordings were deleted."""

    deleted: int


class ClipBody(BaseModel):
    """What to cut."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    stream: str = Field(max_length=64)
    from_ms: int = Field(ge=0, le=MAX_MS, strict=True)
    to_ms: int = Field(ge=0, le=MAX_MS, strict=True)
    film: Film = "clean"
    exact: bool = Field(False, strict=True)
    """Begin with the picture at `from_ms`: all is encoded anew. Else the packets stay as they are, and the
    clip begins with the keyframe before; the answer's `start_ms` says when that was."""


class ClipAnswer(BaseModel):
    """A clip, and where to fetch it."""

    clip: Clip
    film: str
    """Its address: an MP4 that plays everywhere."""
    masks: str
    """Its masks' address: JSON lines, their `pts` being those of the clip."""


def recordings_router(archive: ArchiveOf) -> APIRouter:
    """The routes."""
    router = APIRouter()
    router.include_router(_list_routes(archive))
    router.include_router(_file_routes(archive))
    router.include_router(_clip_routes(archive))
    return router


def _list_routes(archive: ArchiveOf) -> APIRouter:
    router = APIRouter(prefix="/recordings", tags=["recordings"])

    @router.get("")
    async def list_recorded_streams(
        from_ms: Moment | None = None, to_ms: Moment | None = None
    ) -> RecordingsAnswer:
        """Every stream that is or was recorded, and from when to when."""
        if not archive.is_on:
            return RecordingsAnswer(on=False)
        until = int(time.time() * 1000) + 1 if to_ms is None else to_ms
        since = max(0, until - DAY_MS) if from_ms is None else from_ms
        return await asyncio.to_thread(_describe, archive, since, until)

    @router.get("/{stream}")
    async def list_recordings(
        stream: StreamName,
        from_ms: Moment = 0,
        to_ms: Moment | None = None,
        limit: Annotated[int, Query(ge=1, le=MAX_LISTED)] = 100,
    ) -> list[RecordingInfo]:
        """A stream's recordings with a part between two moments, oldest first. Of more than `limit`, the
        first; the next ones begin at the last one's `ended_ms`."""
        library = archive.shelves.library
        return list(await asyncio.to_thread(library.list, stream, from_ms, to_ms, limit))

    @router.delete("/{stream}")
    async def delete_recordings(stream: StreamName, from_ms: Moment, to_ms: Moment) -> DeletedAnswer:
        """Delete a stream's recordings that lie between two moments; those that reach beyond stay, and so
        does one that is being written."""
        return DeletedAnswer(deleted=await asyncio.to_thread(_delete, archive, stream, from_ms, to_ms))

    @router.get("/{stream}/{name}")
    async def show_recording(stream: StreamName, name: RecordingName) -> RecordingInfo:
        """One recording."""
        return await asyncio.to_thread(archive.shelves.library.info, stream, name)

    @router.delete("/{stream}/{name}", status_code=HTTPStatus.NO_CONTENT)
    async def delete_recording(stream: StreamName, name: RecordingName) -> Response:
        """Delete a recording with all its files."""
        await asyncio.to_thread(archive.shelves.shelf.remove, stream, name)
        return Response(status_code=HTTPStatus.NO_CONTENT)

    return router


def _file_routes(archive: ArchiveOf) -> APIRouter:
    router = APIRouter(prefix="/recordings/{stream}/{name}", tags=["recordings"])

    @router.head("/{film}.mp4", include_in_schema=False)
    @router.get("/{film}.mp4", response_class=Response)
    async def play(
        request: Request, stream: StreamName, name: RecordingName, film: str, download: Download = False
    ) -> Response:
        """A film, `clean` or `overlay`: fragmented MP4, up to its last whole fragment. Takes `Range`."""
        path, shape = await asyncio.to_thread(archive.shelves.library.film, stream, name, film)
        saved = f"{name}.{film}.mp4" if download else None
        return await _file(request, path, shape.whole_bytes, MP4, saved)

    @router.head("/masks.jsonl", include_in_schema=False)
    @router.get("/masks.jsonl", response_class=Response)
    async def masks(
        request: Request, stream: StreamName, name: RecordingName, download: Download = False
    ) -> Response:
        """The masks beside it, a line a tracked frame. Takes `Range`; the last line may be half of one."""
        path = await asyncio.to_thread(archive.shelves.library.masks, stream, name)
        saved = f"{name}.masks.jsonl" if download else None
        return await _file(request, path, path.stat().st_size, JSON_LINES, saved)

    return router


def _clip_routes(archive: ArchiveOf) -> APIRouter:
    router = APIRouter(prefix="/clips", tags=["recordings"], route_class=CommandRoute)

    @router.get("")
    async def list_clips() -> list[ClipAnswer]:
        """Clips that can be fetched, oldest first."""
        clips = await asyncio.to_thread(archive.shelves.clips.all)
        return [_clip_answer(clip) for clip in clips]

    @router.post("", status_code=HTTPStatus.CREATED)
    async def cut_clip(body: ClipBody) -> ClipAnswer:
        """Cut a clip out of a stream's recordings, to be fetched within an hour."""
        cut: Callable[..., Clip] = archive.shelves.clips.cut
        clip = await asyncio.to_thread(
            cut, body.stream, body.from_ms, body.to_ms, body.film, exact=body.exact
        )
        return _clip_answer(clip)

    @router.get("/{clip_id}")
    async def show_clip(clip_id: ClipId) -> ClipAnswer:
        """One clip."""
        return _clip_answer(archive.shelves.clips.get(clip_id))

    @router.head("/{clip_id}/{part}", include_in_schema=False)
    @router.get("/{clip_id}/{part}", response_class=Response)
    async def fetch_clip(request: Request, clip_id: ClipId, part: str, download: Download = True) -> Response:
        """A clip's `film.mp4` or `masks.jsonl`. Takes `Range`."""
        clips = archive.shelves.clips
        clip = clips.get(clip_id)
        film, masks = clips.paths(clip_id)
        parts = {"film.mp4": (film, MP4, "mp4"), "masks.jsonl": (masks, JSON_LINES, "masks.jsonl")}
        if part not in parts:
            raise not_kept("clips", f"{clip_id}/{part}")
        path, media_type, suffix = parts[part]
        saved = f"{clip.file_name}.{suffix}" if download else None
        return await _file(request, path, path.stat().st_size, media_type, saved)

    @router.delete("/{clip_id}", status_code=HTTPStatus.NO_CONTENT)
    async def delete_clip(clip_id: ClipId) -> Response:
        """Delete a clip before its hour is over."""
        await asyncio.to_thread(archive.shelves.clips.remove, clip_id)
        return Response(status_code=HTTPStatus.NO_CONTENT)

    return router


def _describe(archive: ArchiveOf, from_ms: int, to_ms: int) -> RecordingsAnswer:
    shelf, library, recorders = archive.shelves.shelf, archive.shelves.library, archive.recorders()
    streams = []
    for name in sorted({*shelf.streams(), *recorders}):
        kept = shelf.kept(name)
        streams.append(
            RecordedStream(
                stream=name,
                recordings=len(kept),
                bytes=sum(one.num_bytes for one in kept),
                first_ms=kept[0].begun_ms if kept else None,
                spans=library.spans(name, from_ms, to_ms),
                recorder=recorders.get(name),
            )
        )
    return RecordingsAnswer(
        on=True,
        bytes=shelf.num_bytes,
        max_bytes=int(archive.config.max_gb * GB),
        keep_days=archive.config.keep_days,
        streams=tuple(streams),
    )


def _delete(archive: ArchiveOf, stream: str, from_ms: int, to_ms: int) -> int:
    shelf, deleted = archive.shelves.shelf, 0
    for one in archive.shelves.library.list(stream, from_ms, to_ms):
        if one.begun_ms >= from_ms and one.ended_ms <= to_ms and not one.is_open:
            shelf.remove(stream, one.name)
            deleted += 1
    return deleted


async def _file(request: Request, path: FilePath, size: int, media_type: str, saved: str | None) -> Response:
    try:
        return await asyncio.to_thread(file_response, request, path, size, media_type, download=saved)
    except FileNotFoundError:  # deleted since it was found
        raise not_kept("recordings", path.name) from None


def _clip_answer(clip: Clip) -> ClipAnswer:
    address = f"/clips/{clip.clip_id}"
    return ClipAnswer(clip=clip, film=f"{address}/film.mp4", masks=f"{address}/masks.jsonl")
