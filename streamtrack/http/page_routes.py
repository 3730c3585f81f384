"""The page's files. They are the same for everyone and need no token."""

from __future__ import annotations

import hashlib
import mimetypes
from collections.abc import Mapping
from importlib.resources import files

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from streamtrack.video.palette import palette

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


def page_router(*packages: str) -> APIRouter:
    """The page at /, and what it loads.

    Args:
        packages: whose `web` folders are served, our own where none is named; a later one's file stands for
            an earlier one's of its name.
    """
    router = APIRouter()
    folders = [files(package) / "web" for package in packages or ("streamtrack.http",)]
    # Read at the start: nothing that a request names ever reaches the file system.
    pages = {
        entry.name: entry.read_bytes() for folder in folders for entry in folder.iterdir() if entry.is_file()
    }

    @router.get("/", include_in_schema=False)
    async def page() -> Response:
        return Response(pages["index.html"], media_type="text/html", headers=PAGE_HEADERS)

    if "timeline.html" in pages and not packages:

        @router.get("/timeline", include_in_schema=False)
        async def timeline() -> Response:
            return Response(pages["timeline.html"], media_type="text/html", headers=PAGE_HEADERS)

    @router.get("/web/palette.json", include_in_schema=False)
    async def colours() -> Response:
        return JSONResponse(palette(), headers=PAGE_HEADERS)

    told = {"version": _digest(pages)}

    @router.get("/web/version.json", include_in_schema=False)
    async def version() -> Response:
        """Another version than before: a page that is open is an old one."""
        return JSONResponse(told, headers=PAGE_HEADERS)

    @router.get("/web/{name}", include_in_schema=False)
    async def web_file(name: str) -> Response:
        if name not in pages:
            raise HTTPException(404, f"no file {name[:80]!r}")
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        return Response(pages[name], media_type=kind, headers=PAGE_HEADERS)

    return router


def _digest(pages: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name, data in sorted(pages.items()):
        digest.update(f"{name} {len(data)}\n".encode() + data)
    return digest.hexdigest()[:16]
