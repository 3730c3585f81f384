"""What a server's answer to "give me this file from byte N" is worth. Pure: no sockets, no files."""

from __future__ import annotations

import re
from email.message import Message

_CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)")
_BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})


class Refused(Exception):
    """This server will not give the file, however often it is asked."""


class Retry(Exception):
    """This server may give it at the next try."""

    def __init__(self, message: str, after_s: float | None = None) -> None:
        super().__init__(message)
        self.after_s = after_s
        """How long the server asks to wait, seconds; None where it does not say."""


def request_headers(offset: int, etag: str | None) -> dict[str, str]:
    """Ask for a file from byte `offset` on, and for all of it where its version is no longer `etag`."""
    # identity: a compressed answer has another length, and Range would count its bytes
    headers = {"Accept-Encoding": "identity"}
    if offset:
        headers["Range"] = f"bytes={offset}-"
        if etag is not None:
            headers["If-Range"] = etag
    return headers


def judge_response(status: int, headers: Message, offset: int, num_bytes: int) -> int:
    """The byte that the body starts with: `offset`, or 0 where the server sends the file from its start.

    Args:
        offset: the first byte that was asked for.
        num_bytes: length of the whole file, known beforehand.
    Raises:
        Retry: the server is busy or broken for the moment.
        Refused: no such file, or one of another length.
    """
    if status == 200:
        _check_length(_number(headers.get("Content-Length")), num_bytes)
        return 0
    if status in (206, 416):
        match = _CONTENT_RANGE.fullmatch(headers.get("Content-Range", ""))
        first, last, total = match.groups() if match else (None, None, None)
        _check_length(_number(total), num_bytes)
        if status == 206 and first is not None and int(first) == offset and int(last or 0) < num_bytes:
            return offset
        raise Refused(
            f"answered {status} to bytes {offset}-: {headers.get('Content-Range', 'no Content-Range')!r}"
        )
    if status in _BUSY:
        raise Retry(f"answered {status}", after_s=_number(headers.get("Retry-After")))
    raise Refused(f"answered {status}")


def strong_etag(headers: Message) -> str | None:
    """The answer's ETag where it stands for the very bytes: a weak one is not for If-Range (RFC 9110)."""
    etag = headers.get("ETag")
    return etag if etag and etag.startswith('"') else None


def _check_length(found: int | None, num_bytes: int) -> None:
    """A server that names no length is judged by what it sends."""
    if found is not None and found != num_bytes:
        raise Refused(f"has {found} bytes, expected {num_bytes}")


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() else None
