"""Serves the page until it is closed, a signal comes, or nobody has it open any more."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from enum import StrEnum

from fastapi import FastAPI
from pydantic import SecretStr

from streamtrack.config import HttpConfig
from streamtrack.http.access_guard import AccessGuard
from streamtrack.http.admission import Admission
from streamtrack.http.answer_headers import AnswerHeaders, UnexpectedErrors
from streamtrack.http.auth import Entrance, door_of
from streamtrack.http.error_answers import add_error_answers
from streamtrack.http.page_routes import page_router
from streamtrack.http.web_server import WebServer, bind_http
from streamtrack.pick.desk import Desk
from streamtrack.pick.presence import GRACE_S, Presence
from streamtrack.pick.routes import pick_router

HOST = "127.0.0.1"
TOKEN_BYTES = 24
LOOK_PERIOD_S = 0.05
"""How often the end is looked for."""
PAGES = ("streamtrack.http", "streamtrack.pick")
"""Packages whose `web` folder is served; a later one's file stands for an earlier one's of its name."""


class Ended(StrEnum):
    """Why the page is no longer served."""

    CLOSED = "closed"
    """Its button was pressed, or nobody has it open."""
    STOPPED = "stopped"
    """`should_stop` said so."""


def create_pick_app(desk: Desk, presence: Presence, config: HttpConfig, close: Callable[[], None]) -> FastAPI:
    """The page and its routes, behind the guard that the live server has."""
    entrance = Entrance(config, door_of(config))
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(pick_router(desk, presence, close))
    app.include_router(page_router(*PAGES))
    add_error_answers(app)
    app.add_middleware(AccessGuard)
    app.add_middleware(Admission, entrance=entrance)
    app.add_middleware(UnexpectedErrors)
    app.add_middleware(AnswerHeaders)
    return app


async def serve_page(
    desk: Desk,
    *,
    port: int,
    on_listening: Callable[[str], None],
    should_stop: Callable[[], bool],
    grace_s: float = GRACE_S,
) -> Ended:
    """Serve until the end; a job that is under way when the page is closed is finished first.

    Args:
        port: 0: a free one.
        on_listening: given the page's address with its token.
        should_stop: True ends a job after the frame that is under way, and then the page.
        grace_s: how long the page may be away before it counts as closed.
    Raises:
        PublishError: the port is in use.
    """
    token = secrets.token_urlsafe(TOKEN_BYTES)
    config = HttpConfig(host=HOST, port=port, token=SecretStr(token))
    presence = Presence(asyncio.get_running_loop().time, grace_s)
    closed = asyncio.Event()
    listener = bind_http(HOST, port)
    server = WebServer(create_pick_app(desk, presence, config, closed.set), listener)
    await server.start()
    try:
        on_listening(f"http://{HOST}:{listener.getsockname()[1]}/#token={token}")
        while not should_stop():
            is_left = closed.is_set() or presence.gone
            if is_left and not desk.jobs.running:
                break
            await asyncio.sleep(LOOK_PERIOD_S)
    finally:
        desk.jobs.ask_to_stop()
        await desk.jobs.wait()
        await server.stop()
        desk.pictures.close()
    return Ended.STOPPED if should_stop() else Ended.CLOSED
