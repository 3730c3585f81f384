"""The doors for people: the page, WHEP, MJPEG and snapshots. Authentication is the server's."""

from __future__ import annotations

import logging
import mimetypes
from collections.abc import AsyncIterator, Mapping, Sequence
from importlib.resources import files

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from streamtrack.errors import CapacityError, NoCommonCodecError, PublishError
from streamtrack.mailbox import MailboxClosed
from streamtrack.video.palette import palette
from streamtrack.video.stream import VideoStream
from streamtrack.webrtc.sdp_offer import MAX_SDP_BYTES
from streamtrack.webrtc.whep import WhepSessions

logger = logging.getLogger(__name__)

SDP_TYPE = "application/sdp"
FRAGMENT_TYPE = "application/trickle-ice-sdpfrag"
RETRY_AFTER_S = 2
SNAPSHOT_TIMEOUT_S = 2.0
MJPEG_BOUNDARY = "picture"
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "media-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
PAGE_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


def video_router(
    streams: Mapping[str, VideoStream],
    *,
    sessions: WhepSessions | None = None,
    ice_addresses: Sequence[str] = (),
    cors_origins: Sequence[str] = (),
) -> APIRouter:
    """Routes over these streams; the mapping may change while they serve.

    Args:
        sessions: where WHEP viewers are kept; a new collection where left out.
        ice_addresses: host addresses that WebRTC offers for streams whose config names none. A server that is
            bound to loopback passes its address: browsers on the same machine reach it, nobody else does.
        cors_origins: pages of other origins that may play ("*" for any).
    """
    router = APIRouter()
    _add_page(router)
    _add_whep(router, streams, sessions or WhepSessions(ice_addresses=ice_addresses), cors_origins)
    _add_jpeg(router, streams)
    return router


def _add_page(router: APIRouter) -> None:
    folder = files("streamtrack.http") / "web"
    # Read at the start: nothing that a request names ever reaches the file system.
    pages = {entry.name: entry.read_bytes() for entry in folder.iterdir() if entry.is_file()}

    @router.get("/", include_in_schema=False)
    async def page() -> Response:
        return Response(pages["index.html"], media_type="text/html", headers=PAGE_HEADERS)

    @router.get("/web/palette.json", include_in_schema=False)
    async def colours() -> Response:
        return JSONResponse(palette(), headers=PAGE_HEADERS)

    @router.get("/web/{name}", include_in_schema=False)
    async def web_file(name: str) -> Response:
        if name not in pages:
            return _error(404, f"no file {name[:80]!r}")
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        return Response(pages[name], media_type=kind, headers=PAGE_HEADERS)


def _add_whep(
    router: APIRouter, streams: Mapping[str, VideoStream], sessions: WhepSessions, cors_origins: Sequence[str]
) -> None:
    def cors(request: Request) -> dict[str, str]:
        origin = request.headers.get("origin")
        if origin is None or not ("*" in cors_origins or origin in cors_origins):
            return {}
        return {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Allow-Methods": "POST, PATCH, DELETE, GET, OPTIONS",
            "Access-Control-Allow-Headers": "Authorization, Content-Type, If-Match",
            "Access-Control-Expose-Headers": "Location, ETag, Accept-Patch, Retry-After",
            "Vary": "Origin",
        }

    @router.post("/streams/{name}/whep", status_code=201, tags=["video"])
    async def whep_open(name: str, request: Request) -> Response:
        """Watch a stream over WebRTC (WHEP): the body is an SDP offer, the answer an SDP answer."""
        headers = cors(request)
        stream = streams.get(name)
        if stream is None:
            return _unknown_stream(name, streams, headers)
        if not _has_type(request, SDP_TYPE):
            return _wrong_type(request, SDP_TYPE, headers)
        body = await _body(request)
        if body is None:
            return _error(413, f"the offer is longer than {MAX_SDP_BYTES} bytes", headers)
        if not stream.online:
            return _error(409, f"stream {name}: the source is offline", headers, retry=True)
        try:
            session, answer = await sessions.open(stream, body)
        except CapacityError as error:
            return _error(503, str(error), headers, retry=True)
        except NoCommonCodecError as error:
            return _error(406, str(error), headers)
        except PublishError as error:
            return _error(400, str(error), headers)
        headers |= {
            "Location": f"/whep/sessions/{session.session_id}",
            "ETag": session.entity_tag,
            "Accept-Patch": FRAGMENT_TYPE,
        }
        return Response(answer, 201, headers, SDP_TYPE)

    @router.options("/streams/{name}/whep", tags=["video"])
    async def whep_options(name: str, request: Request) -> Response:
        """What may be posted here."""
        return Response(status_code=204, headers=cors(request) | {"Accept-Post": SDP_TYPE})

    @router.patch("/whep/sessions/{session_id}", status_code=204, tags=["video"])
    async def whep_trickle(session_id: str, request: Request) -> Response:
        """Add ICE candidates that the viewer found after its offer. ICE restarts are answered 422."""
        headers = cors(request)
        session = sessions.get(session_id)
        if session is None:
            return _error(404, "no such session", headers)
        if not _has_type(request, FRAGMENT_TYPE):
            return _wrong_type(request, FRAGMENT_TYPE, headers)
        if request.headers.get("if-match", session.entity_tag) not in (session.entity_tag, "*"):
            return _error(412, "If-Match names another ICE session", headers)
        body = await _body(request)
        if body is None:
            return _error(413, f"the fragment is longer than {MAX_SDP_BYTES} bytes", headers)
        try:
            await session.add_candidates(body)
        except PublishError as error:
            return _error(422, str(error), headers)
        return Response(status_code=204, headers=headers)

    @router.delete("/whep/sessions/{session_id}", tags=["video"])
    async def whep_close(session_id: str, request: Request) -> Response:
        """Stop watching."""
        if not await sessions.close(session_id):
            return _error(404, "no such session", cors(request))
        return Response(status_code=200, headers=cors(request))

    @router.options("/whep/sessions/{session_id}", tags=["video"])
    async def session_options(session_id: str, request: Request) -> Response:
        """What may be sent here."""
        return Response(status_code=204, headers=cors(request) | {"Accept-Patch": FRAGMENT_TYPE})

    @router.get("/whep/sessions/{session_id}/frame", tags=["video"])
    async def displayed_frame(session_id: str, rtp_timestamp: int, request: Request) -> Response:
        """The tracked frame behind a picture on the viewer's screen.

        `rtp_timestamp` is what requestVideoFrameCallback tells; prompts then name the frame as `at_frame`.
        """
        headers = cors(request)
        session = sessions.get(session_id)
        if session is None:
            return _error(404, "no such session", headers)
        frame_idx = session.frame_idx_at(rtp_timestamp)
        if frame_idx is None:
            return _error(404, f"no picture with rtp_timestamp {rtp_timestamp} is kept", headers)
        return JSONResponse({"frame_idx": frame_idx}, headers=headers)


def _add_jpeg(router: APIRouter, streams: Mapping[str, VideoStream]) -> None:
    @router.get("/streams/{name}/mjpeg", tags=["video"])
    async def mjpeg(name: str) -> Response:
        """The annotated stream as motion JPEG: for an <img> tag, and where WebRTC cannot pass."""
        stream = streams.get(name)
        if stream is None:
            return _unknown_stream(name, streams)
        if not stream.has_room:
            return _error(503, f"stream {name}: {stream.num_viewers} viewers, expected fewer", retry=True)
        kind = f"multipart/x-mixed-replace; boundary={MJPEG_BOUNDARY}"
        return StreamingResponse(_parts(stream), media_type=kind, headers={"Cache-Control": "no-store"})

    @router.get("/streams/{name}/snapshot.jpg", tags=["video"])
    async def snapshot(name: str) -> Response:
        """The newest annotated picture as JPEG."""
        stream = streams.get(name)
        if stream is None:
            return _unknown_stream(name, streams)
        try:
            data = await stream.snapshot(SNAPSHOT_TIMEOUT_S)
        except (TimeoutError, MailboxClosed):
            return _error(409, f"stream {name}: there is no picture yet", retry=True)
        return Response(data, media_type="image/jpeg", headers={"Cache-Control": "no-store"})


async def _parts(stream: VideoStream) -> AsyncIterator[bytes]:
    """Parts of multipart/x-mixed-replace. The next boundary comes at once: it is what shows a part."""
    yield f"--{MJPEG_BOUNDARY}\r\n".encode()
    try:
        with stream.mjpeg_viewer() as mailbox:
            while True:
                data = await mailbox.get_async()
                head = f"Content-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
                yield head.encode() + data + f"\r\n--{MJPEG_BOUNDARY}\r\n".encode()
    except (CapacityError, MailboxClosed):
        return


async def _body(request: Request) -> str | None:
    """The request's text, None where it is longer than an SDP may be."""
    data = b""
    async for chunk in request.stream():
        data += chunk
        if len(data) > MAX_SDP_BYTES:
            return None
    return data.decode("utf-8", "replace")


def _has_type(request: Request, expected: str) -> bool:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == expected


def _wrong_type(request: Request, expected: str, headers: Mapping[str, str]) -> Response:
    got = request.headers.get("content-type", "missing")[:80]
    return _error(415, f"content type is {got}, expected {expected}", headers)


def _unknown_stream(
    name: str, streams: Mapping[str, VideoStream], headers: Mapping[str, str] | None = None
) -> Response:
    known = ", ".join(streams) or "none"
    return _error(404, f"stream is {name[:80]!r}, expected one of: {known}", headers)


def _error(
    status: int, message: str, headers: Mapping[str, str] | None = None, *, retry: bool = False
) -> Response:
    more = {"Retry-After": str(RETRY_AFTER_S)} if retry else {}
    return JSONResponse({"error": message}, status, {**(headers or {}), **more})
