"""The HTTP API's masks: the newest frame's as JSON or PNG, each frame's as server-sent events, and the
messages of ZeroMQ over a WebSocket."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response, WebSocket, WebSocketDisconnect
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from streamtrack.control.status import StreamBoard
from streamtrack.errors import CapacityError, StreamOfflineError, StreamTrackError, UnknownObjectError
from streamtrack.http.live import KEEP_ALIVE, RETRY_MS, event_json
from streamtrack.http.masks_json import label_map, mask_png, masks_json
from streamtrack.http.paths import ObjectIdPath, StreamName
from streamtrack.http.peers import peer_of
from streamtrack.http.watchers import Watchers
from streamtrack.mailbox import Mailbox, MailboxClosed
from streamtrack.publish.taps import NewestMasks, Taps

MAX_WAIT_MS = 30_000
KEEP_ALIVE_S = 1.0
PNG = "image/png"
CLOSE_NORMAL, CLOSE_TRY_LATER, CLOSE_UNKNOWN = 1000, 1013, 4404
"""Of WebSockets; the last is ours: there is no such stream."""
END = b'event: end\ndata: {"reason": "the stream has ended"}\n\n'

Wait = Annotated[
    int, Query(ge=0, le=MAX_WAIT_MS, description="Wait so long for masks that are newer than those named")
]
After = Annotated[
    int | None, Query(ge=-1, description="Only masks of a later frame than this; 204 where none came")
]


class Segmentation(BaseModel):
    """A mask as COCO's compressed run lengths, as pycocotools reads it."""

    size: tuple[int, int]
    counts: str


class MaskedObject(BaseModel):
    """One object on one frame."""

    object_id: int
    label: str
    state: str
    object_score: float
    iou_score: float
    box: tuple[int, int, int, int]
    """x0, y0, x1, y1 in pixels, x1 and y1 exclusive."""
    area_px: int
    centroid: tuple[float, float] | None
    bbox: tuple[int, int, int, int]
    """x, y, width, height, as COCO has it."""
    area: int
    segmentation: Segmentation


class Masks(BaseModel):
    """Every object on one tracked frame."""

    stream: str
    version: int
    """Counts what the stream has published; a frame that was corrected comes again with a higher one."""
    frame_idx: int
    pts: int | None
    time_base: tuple[int, int]
    capture_ns: int
    """Wall clock (Unix epoch, UTC) when the decoder handed the frame over."""
    capture_monotonic_ns: int
    track_end_monotonic_ns: int
    frame_size: tuple[int, int]
    """H, W in pixels."""
    model: str
    objects: list[MaskedObject]


def masks_router(board: StreamBoard, taps: Taps, epoch: int) -> APIRouter:
    """The routes.

    Args:
        epoch: names this run of the server in entity tags.
    """
    router = APIRouter(tags=["masks"])
    watchers = Watchers(time.monotonic)
    _add_newest(router, board, taps, epoch)
    _add_results(router, board, taps, watchers)
    _add_wire(router, board, taps, watchers)
    return router


def _add_newest(router: APIRouter, board: StreamBoard, taps: Taps, epoch: int) -> None:
    def tag_of(newest: NewestMasks) -> str:
        return f'"{epoch}-{newest.run}-{newest.version}"'

    async def awaited(
        name: str, request: Request, after_frame: int | None, wait_ms: int
    ) -> NewestMasks | Response:
        """The newest masks, or the answer that there are none that the asker does not have."""
        board.status(name)
        known = request.headers.get("if-none-match")

        def is_news(newest: NewestMasks) -> bool:
            is_later = after_frame is None or newest.result.frame_idx > after_frame
            return is_later and (known is None or tag_of(newest) != known)

        newest = taps.newest(name)
        if (newest is None or not is_news(newest)) and wait_ms:
            newest = await _next_masks(taps, name, is_news, wait_ms / 1000) or newest
        if newest is None:
            raise StreamOfflineError(f"stream {name}: no frame was tracked yet")
        if is_news(newest):
            return newest
        if known is not None and tag_of(newest) == known:
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers={"ETag": known})
        return Response(status_code=HTTPStatus.NO_CONTENT)

    def headers_of(newest: NewestMasks) -> dict[str, str]:
        return {
            "ETag": tag_of(newest),
            "Cache-Control": "no-cache",
            "Vary": "Accept",
            "X-Frame-Idx": str(newest.result.frame_idx),
            "X-Capture-Ns": str(newest.result.frame.capture_wall_ns),
        }

    @router.get(
        "/streams/{name}/masks",
        response_model=Masks,
        responses={
            200: {"content": {PNG: {"schema": {"type": "string", "format": "binary"}}}},
            204: {"description": "No frame after `after_frame` came in time"},
            304: {"description": "The newest masks are those that If-None-Match names"},
        },
    )
    async def newest_masks(
        name: StreamName,
        request: Request,
        format: Literal["json", "png"] | None = None,
        after_frame: After = None,
        wait_ms: Wait = 0,
    ) -> Any:
        """The newest masks: COCO's run lengths in JSON, or with `format=png` (or `Accept: image/png`) a label
        map: each pixel its object's id, 0 off all objects, 16 bits where an id is above 255; the header
        X-Labels says which value is which object."""
        newest = await awaited(name, request, after_frame, wait_ms)
        if isinstance(newest, Response):
            return newest
        headers = headers_of(newest)
        if format == "png" or (format is None and PNG in request.headers.get("accept", "")):
            data, values = await asyncio.to_thread(label_map, newest.result)
            headers["X-Labels"] = json.dumps(values)
            return Response(data, media_type=PNG, headers=headers)
        text = await asyncio.to_thread(masks_json, newest)
        return Response(text, media_type="application/json", headers=headers)

    @router.get(
        "/streams/{name}/objects/{object_id}/mask.png",
        response_class=Response,
        responses={200: {"content": {PNG: {"schema": {"type": "string", "format": "binary"}}}}},
    )
    async def object_mask(
        name: StreamName,
        object_id: ObjectIdPath,
        request: Request,
        after_frame: After = None,
        wait_ms: Wait = 0,
    ) -> Response:
        """One object's newest mask as a picture of the frame's size: 255 on it, 0 off it."""
        newest = await awaited(name, request, after_frame, wait_ms)
        if isinstance(newest, Response):
            return newest
        item = newest.result.objects.get(object_id)
        if item is None:
            raise UnknownObjectError(name, object_id, tuple(newest.result.objects))
        data = await asyncio.to_thread(mask_png, item)
        return Response(data, media_type=PNG, headers=headers_of(newest))


async def _next_masks(
    taps: Taps, name: str, is_news: Callable[[NewestMasks], bool], timeout_s: float
) -> NewestMasks | None:
    """The next masks that are news; None where none came in time."""
    with suppress(TimeoutError, MailboxClosed), taps.results(name, from_newest=True) as results:
        async with asyncio.timeout(timeout_s):
            while True:
                newest = await results.get_async()
                if is_news(newest):
                    return newest
    return None


def _add_results(router: APIRouter, board: StreamBoard, taps: Taps, watchers: Watchers) -> None:
    @router.get("/streams/{name}/results", response_class=StreamingResponse)
    async def results(name: StreamName, request: Request, masks: bool = True) -> StreamingResponse:
        """Server-sent events: `result` for each tracked frame, as GET .../masks (with `masks=false` without
        the run lengths), and `event` for each event. Who reads slowly gets the newest frame: a gap in
        `version` is what he missed."""
        board.status(name)
        peer = peer_of(request.client)
        watchers.make_room(peer)

        async def blocks() -> AsyncIterator[bytes]:
            with suppress(CapacityError), watchers.watching(peer) as watcher:
                async for block in _result_stream(board, taps, name, masks=masks):
                    yield block
                    if watcher.leaves:
                        return

        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(blocks(), media_type="text/event-stream", headers=headers)


async def _result_stream(board: StreamBoard, taps: Taps, name: str, *, masks: bool) -> AsyncIterator[bytes]:
    """`text/event-stream` blocks until the stream ends."""
    yield f"retry: {RETRY_MS}\n\n".encode()
    with taps.results(name, from_newest=True) as results, taps.events(name) as events:
        waiting: dict[asyncio.Task[Any], Mailbox[Any]] = {}
        if name not in board.stream_names():  # it ended before it was read
            yield END
            return
        try:
            while True:
                for mailbox in (results, events):
                    if mailbox not in waiting.values():
                        waiting[asyncio.create_task(_taken(mailbox))] = mailbox
                done, _ = await asyncio.wait(
                    waiting, timeout=KEEP_ALIVE_S, return_when=asyncio.FIRST_COMPLETED
                )
                if not done:
                    yield KEEP_ALIVE
                for task in sorted(done, key=lambda one: waiting[one] is results):  # events first
                    mailbox = waiting.pop(task)
                    item = task.result()
                    if item is None:
                        yield END
                        return
                    if mailbox is results:
                        data = await asyncio.to_thread(masks_json, item, masks=masks)
                        yield f"event: result\nid: {item.version}\ndata: {data}\n\n".encode()
                    else:
                        yield f"event: event\ndata: {event_json(item)}\n\n".encode()
        finally:
            for task in waiting:
                task.cancel()


async def _taken(mailbox: Mailbox[Any]) -> Any:
    """The next item; None at the end."""
    try:
        return await mailbox.get_async()
    except MailboxClosed:
        return None


def _add_wire(router: APIRouter, board: StreamBoard, taps: Taps, watchers: Watchers) -> None:
    @router.websocket("/streams/{name}/wire")
    async def wire(socket: WebSocket, name: str) -> None:
        """Binary frames are the messages of ZeroMQ, byte for byte (docs/wire-format.md): masks and events.

        A text frame `{"dropped": N}` says that N messages were left out for a reader that is too slow.
        """
        try:
            board.status(name)
            watchers.make_room(peer := peer_of(socket.client))
        except StreamTrackError as error:
            await socket.accept()
            code = CLOSE_TRY_LATER if isinstance(error, CapacityError) else CLOSE_UNKNOWN
            await socket.close(code, str(error)[:120])
            return
        await socket.accept()
        with suppress(WebSocketDisconnect, CapacityError), watchers.watching(peer) as watcher:
            hearing = asyncio.create_task(_hear(socket))
            sending = asyncio.create_task(_send_messages(socket, board, taps, name, lambda: watcher.leaves))
            try:
                await asyncio.wait((hearing, sending), return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in (hearing, sending):
                    task.cancel()
                await asyncio.gather(hearing, sending, return_exceptions=True)


async def _hear(socket: WebSocket) -> None:
    """Until the reader goes; what it says means nothing."""
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass


async def _send_messages(
    socket: WebSocket, board: StreamBoard, taps: Taps, name: str, leaves: Callable[[], bool]
) -> None:
    with taps.messages(name) as messages:
        if name not in board.stream_names():  # it ended before it was read
            await socket.close(CLOSE_UNKNOWN, "the stream has ended")
            return
        while not leaves():
            try:
                message, dropped = await messages.get()
            except MailboxClosed:
                await socket.close(CLOSE_NORMAL, "the stream has ended")
                return
            if dropped:
                await socket.send_text(json.dumps({"dropped": dropped}))
            await socket.send_bytes(message)
    await socket.close(CLOSE_TRY_LATER, "its place was given to another")
