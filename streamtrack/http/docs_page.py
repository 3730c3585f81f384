"""The API's description for people, from this server alone: no script of another one ever sees the token."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from fastapi import APIRouter, Response
from starlette.exceptions import HTTPException

DOCS_HEADERS = {
    # Swagger UI draws its icons from data: addresses.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-cache",
}
ASSETS = {
    "docs.js": ("streamtrack.http", "docs", "text/javascript"),
    "swagger-ui-bundle.js": ("fastapi_offline", "static", "text/javascript"),
    "swagger-ui.css": ("fastapi_offline", "static", "text/css"),
}
"""Package, folder and media type of each file that the page loads."""


def docs_router() -> APIRouter:
    """The page at /docs, and what it loads, which needs no token."""
    router = APIRouter(include_in_schema=False)

    @router.get("/docs")
    async def page() -> Response:
        return Response(_read("streamtrack.http", "docs", "index.html"), 200, DOCS_HEADERS, "text/html")

    @router.get("/docs/{name}")
    async def asset(name: str) -> Response:
        if name not in ASSETS:
            raise HTTPException(404, f"no file {name[:80]!r}")
        package, folder, kind = ASSETS[name]
        return Response(_read(package, folder, name), 200, DOCS_HEADERS, kind)

    return router


@cache
def _read(package: str, folder: str, name: str) -> bytes:
    return (files(package) / folder / name).read_bytes()
