"""The endpoints for people: the page, WHEP, MJPEG and snapshots. Authentication is the server's."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence

from fastapi import APIRouter, Response
from fastapi.responses import StreamingResponse

from streamtrack.errors import CapacityError, StreamOfflineError
from streamtrack.http.page_routes import page_router
from streamtrack.http.whep_routes import ViewName, find_stream, whep_router
from streamtrack.mailbox import MailboxClosed
from streamtrack.video.stream import VideoStream
from streamtrack.video.viewers import EncodeState
from streamtrack.video.views import FOLLOW, OVERLAY
from streamtrack.webrtc.whep import WhepSessions

SNAPSHOT_TIMEOUT_S = 2.0
MJPEG_BOUNDARY = "picture"


def video_router(
    streams: Mapping[str, VideoStream],
    *,
    sessions: WhepSessions | None = None,
    ice_addresses: Sequence[str] = (),
) -> APIRouter:
    """Routes over these streams; the mapping may change while they serve.

    Args:
        sessions: where WHEP viewers are kept; a new collection where left out.
        ice_addresses: host addresses that WebRTC offers for streams whose config names none. A server that is
            bound to loopback passes its address: browsers on the same machine reach it, nobody else does.
    """
    router = APIRouter()
    router.include_router(page_router())
    router.include_router(whep_router(streams, sessions or WhepSessions(ice_addresses=ice_addresses)))
    _add_encodes(router, streams)
    _add_jpeg(router, streams)
    return router


def _add_encodes(router: APIRouter, streams: Mapping[str, VideoStream]) -> None:
    @router.get("/streams/{name}/encodes", tags=["video"])
    async def encodes(name: str) -> list[EncodeState]:
        """Each encode that runs, what it may spend, and what the networks of those who share it carry."""
        return list(find_stream(streams, name).encodes())


def _add_jpeg(router: APIRouter, streams: Mapping[str, VideoStream]) -> None:
    @router.get("/streams/{name}/mjpeg", tags=["video"])
    async def mjpeg(name: str, view: ViewName = OVERLAY) -> Response:
        """The stream as motion JPEG: for an <img> tag, and where WebRTC cannot pass."""
        return _motion_jpeg(find_stream(streams, name), view)

    @router.get("/streams/{name}/follow/{object_id}", tags=["video"])
    async def follow(name: str, object_id: int) -> Response:
        """A crop that stays on one object, as motion JPEG; by WHEP it is `whep?view=follow:ID`."""
        return _motion_jpeg(find_stream(streams, name), f"{FOLLOW}:{object_id}")

    @router.get("/streams/{name}/snapshot.jpg", tags=["video"])
    async def snapshot(name: str, view: ViewName = OVERLAY) -> Response:
        """The newest picture as JPEG."""
        stream = find_stream(streams, name)
        try:
            data = await stream.snapshot(SNAPSHOT_TIMEOUT_S, view)
        except (TimeoutError, MailboxClosed):
            raise StreamOfflineError(f"stream {name}: there is no picture yet") from None
        return Response(data, media_type="image/jpeg", headers={"Cache-Control": "no-store"})


def _motion_jpeg(stream: VideoStream, view: str) -> Response:
    stream.check_view(view)
    if not stream.has_room:
        raise CapacityError(
            f"stream {stream.name}: {stream.num_viewers} viewers watch, and there is no place for another "
            "(video.max_viewers); ask again later"
        )
    kind = f"multipart/x-mixed-replace; boundary={MJPEG_BOUNDARY}"
    return StreamingResponse(_parts(stream, view), media_type=kind, headers={"Cache-Control": "no-store"})


async def _parts(stream: VideoStream, view: str) -> AsyncIterator[bytes]:
    """Parts of multipart/x-mixed-replace. The next boundary comes at once: it is what shows a part."""
    yield f"--{MJPEG_BOUNDARY}\r\n".encode()
    try:
        with stream.mjpeg_viewer(view) as mailbox:
            while True:
                data = await mailbox.get_async()
                head = f"Content-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
                yield head.encode() + data + f"\r\n--{MJPEG_BOUNDARY}\r\n".encode()
    except CapacityError:
        return
    except MailboxClosed:  # the stream has ended: so does this, in order
        yield f"\r\n--{MJPEG_BOUNDARY}--\r\n".encode()
