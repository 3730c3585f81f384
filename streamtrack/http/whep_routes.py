"""WHEP (draft-ietf-wish-whep): signalling of WebRTC viewers over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from starlette.exceptions import HTTPException

from streamtrack.errors import (
    PublishError,
    StreamOfflineError,
    TooLargeError,
    UnknownSessionError,
    UnknownStreamError,
    WrongTypeError,
)
from streamtrack.http.peers import peer_of
from streamtrack.http.visit import visit_of
from streamtrack.video.stream import VideoStream
from streamtrack.video.views import OVERLAY
from streamtrack.webrtc.sdp_fragment import Fragment, read_fragment
from streamtrack.webrtc.sdp_offer import MAX_SDP_BYTES
from streamtrack.webrtc.whep import WhepSessions
from streamtrack.webrtc.whep_session import WhepSession

ViewName = Annotated[str, Query(max_length=40)]
"""Which picture of a stream; the stream says which there are."""
SDP_TYPE = "application/sdp"
FRAGMENT_TYPE = "application/trickle-ice-sdpfrag"


class FragmentError(PublishError):
    """Candidates that cannot be taken."""

    http_status = 422


def whep_router(streams: Mapping[str, VideoStream], sessions: WhepSessions) -> APIRouter:
    """The routes that open, trickle to, ask and end a viewer's session."""
    router = APIRouter(tags=["video"])
    _add_streams(router, streams, sessions)
    _add_sessions(router, sessions)
    return router


def _add_streams(router: APIRouter, streams: Mapping[str, VideoStream], sessions: WhepSessions) -> None:
    @router.post("/streams/{name}/whep", status_code=HTTPStatus.CREATED)
    async def whep_open(name: str, request: Request, view: ViewName = OVERLAY) -> Response:
        """Watch a stream over WebRTC (WHEP): the body is an SDP offer, the answer an SDP answer.

        `view`: overlay (masks drawn into the picture) or clean (the picture alone).
        """
        stream = find_stream(streams, name)
        _check_type(request, SDP_TYPE)
        offer = await _text_of(request, "offer")
        if not stream.online:
            raise StreamOfflineError(f"stream {name}: the source is offline")
        peer = peer_of(request.client)
        session, answer = await sessions.open(stream, offer, peer, view)
        if (visit := visit_of(request)) is not None:
            session_id = session.session_id
            visit.keep(lambda: sessions.end(session_id), lambda: sessions.get(session_id) is not None)
        headers = {
            "Location": f"/whep/sessions/{session.session_id}",
            "ETag": session.entity_tag,
            "Accept-Patch": FRAGMENT_TYPE,
            "Cache-Control": "no-store",
        }
        response = Response(answer, HTTPStatus.CREATED, headers, SDP_TYPE)
        _add_links(response, sessions.ice_servers.links())
        return response

    @router.options("/streams/{name}/whep", status_code=HTTPStatus.NO_CONTENT)
    async def whep_options(name: str) -> Response:
        """What may be posted here. STUN servers are told; TURN's passwords only to whoever may watch."""
        find_stream(streams, name)
        headers = {"Accept-Post": SDP_TYPE, "Allow": "OPTIONS, POST"}
        response = Response(status_code=HTTPStatus.NO_CONTENT, headers=headers)
        _add_links(response, sessions.ice_servers.links(secrets=False))
        return response


def _add_sessions(router: APIRouter, sessions: WhepSessions) -> None:
    def find(session_id: str) -> WhepSession:
        session = sessions.get(session_id)
        if session is None:
            raise UnknownSessionError("no such session")
        return session

    @router.patch("/whep/sessions/{session_id}", status_code=HTTPStatus.NO_CONTENT)
    async def whep_trickle(session_id: str, request: Request) -> Response:
        """Add ICE candidates that the viewer found after its offer (204), or restart ICE (200): by a fragment
        with another ice-ufrag and `If-Match: *`."""
        session = find(session_id)
        _check_type(request, FRAGMENT_TYPE)
        text = await _text_of(request, "fragment")
        try:
            fragment = read_fragment(text)
            _check_precondition(request, session, fragment)
            if not session.restarts_ice(fragment):
                await session.add_candidates(fragment)
                return Response(status_code=HTTPStatus.NO_CONTENT)
            answer = await session.restart_ice(fragment)
        except PublishError as error:
            raise FragmentError(str(error)) from error
        headers = {"ETag": session.entity_tag, "Cache-Control": "no-store"}
        return Response(answer, HTTPStatus.OK, headers, FRAGMENT_TYPE)

    @router.delete("/whep/sessions/{session_id}")
    async def whep_close(session_id: str) -> Response:
        """Stop watching."""
        find(session_id)
        await sessions.close(session_id)
        return Response(status_code=HTTPStatus.OK)

    @router.options("/whep/sessions/{session_id}", status_code=HTTPStatus.NO_CONTENT)
    async def session_options(session_id: str) -> Response:
        """What may be sent here."""
        return Response(
            status_code=HTTPStatus.NO_CONTENT,
            headers={"Accept-Patch": FRAGMENT_TYPE, "Allow": "DELETE, OPTIONS, PATCH"},
        )

    @router.get("/whep/sessions/{session_id}/frame")
    async def displayed_frame(session_id: str, rtp_timestamp: int) -> dict[str, int]:
        """The tracked frame behind a picture on the viewer's screen.

        `rtp_timestamp` is what requestVideoFrameCallback tells; prompts then name the frame as `at_frame`.
        """
        frame_idx = find(session_id).frame_idx_at(rtp_timestamp)
        if frame_idx is None:
            raise UnknownSessionError(f"no picture with rtp_timestamp {rtp_timestamp} is kept")
        return {"frame_idx": frame_idx}


def find_stream(streams: Mapping[str, VideoStream], name: str) -> VideoStream:
    """The stream of a name.

    Raises:
        UnknownStreamError: there is none.
    """
    stream = streams.get(name)
    if stream is None:
        raise UnknownStreamError(name[:80], tuple(streams))
    return stream


def _check_precondition(request: Request, session: WhepSession, fragment: Fragment) -> None:
    """See that a PATCH is for the ICE session of this moment (RFC 9725, section 4.3.1).

    Stock players leave `If-Match` out and name the session by its ice-ufrag, which says the same.

    Raises:
        HTTPException: 428 where nothing says so, 412 where another session is meant.
    """
    given = request.headers.get("if-match")
    if given is None:
        if not session.names_ice_session(fragment):
            raise HTTPException(
                HTTPStatus.PRECONDITION_REQUIRED,
                "If-Match is missing, expected the session's ETag, or * to restart",
            )
        return
    tags = {tag.strip().removeprefix("W/") for tag in given.split(",")}
    if "*" not in tags and session.entity_tag not in tags:
        raise HTTPException(HTTPStatus.PRECONDITION_FAILED, "If-Match names another ICE session")


def _add_links(response: Response, links: list[str]) -> None:
    for link in links:
        response.headers.append("Link", link)


def _check_type(request: Request, expected: str) -> None:
    got = request.headers.get("content-type", "missing")
    if got.partition(";")[0].strip().lower() != expected:
        raise WrongTypeError(f"content type is {got[:80]}, expected {expected}")


async def _text_of(request: Request, name: str) -> str:
    data = await request.body()
    if len(data) > MAX_SDP_BYTES:
        raise TooLargeError(f"the {name} is longer than {MAX_SDP_BYTES} bytes")
    return data.decode("utf-8", "replace")
