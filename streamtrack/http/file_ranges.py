"""Files over HTTP in parts: what a player asks for, and no more than is whole."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

CHUNK_BYTES = 64 << 10
OPEN_END_BYTES = 4 << 20
"""Of a range without an end: a player that pauses leaves a connection unread no longer than this takes."""
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]")


def file_response(
    request: Request, path: Path, size: int, media_type: str, *, download: str | None = None
) -> Response:
    """A file's first `size` bytes, or the part of them that `Range` asks for.

    Args:
        download: the name to save it as; None: shown where it is.
    """
    etag = f'"{size:x}-{path.stat().st_mtime_ns:x}"'
    headers = {"accept-ranges": "bytes", "etag": etag, "cache-control": "no-cache"}
    if download is not None:
        headers["content-disposition"] = f'attachment; filename="{_UNSAFE.sub("_", download)}"'
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    asked = request.headers.get("range")
    if asked is not None and request.headers.get("if-range", etag) == etag:
        part = range_of(asked, size)
        if part is None:
            headers["content-range"] = f"bytes */{size}"
            return Response(status_code=HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, headers=headers)
        if part != (0, 0):
            first, end = part
            headers["content-range"] = f"bytes {first}-{end - 1}/{size}"
            return _answer(request, path, first, end, media_type, headers, HTTPStatus.PARTIAL_CONTENT)
    return _answer(request, path, 0, size, media_type, headers, HTTPStatus.OK)


def range_of(asked: str, size: int) -> tuple[int, int] | None:
    """First byte and end of what a `Range` asks for; None where there is nothing of it, (0, 0) where the
    header means nothing to us: all is sent then."""
    match = _RANGE.fullmatch(asked.strip())
    if match is None or match.groups() == ("", ""):
        return 0, 0
    first, last = match.groups()
    if not first:
        length = min(size, int(last))
        return (size - length, size) if length else None
    start = int(first)
    if start >= size or (last and int(last) < start):
        return None
    return start, min(size, int(last) + 1 if last else start + OPEN_END_BYTES)


def _answer(
    request: Request,
    path: Path,
    first: int,
    end: int,
    media_type: str,
    headers: dict[str, str],
    status: HTTPStatus,
) -> Response:
    headers = {**headers, "content-length": str(end - first)}
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers, media_type=media_type)
    file = path.open("rb")  # now: it may be deleted while it is sent
    return StreamingResponse(_chunks(file, first, end), status, headers, media_type)


async def _chunks(file: BinaryIO, first: int, end: int) -> AsyncIterator[bytes]:
    try:
        await asyncio.to_thread(file.seek, first)
        while first < end:
            chunk = await asyncio.to_thread(file.read, min(CHUNK_BYTES, end - first))
            if not chunk:
                return
            first += len(chunk)
            yield chunk
    finally:
        file.close()
