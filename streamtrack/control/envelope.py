"""How a command and its answer travel over ZeroMQ: one msgpack or JSON map each way. Pure, and light to
import.

    request   {"op": "add", "stream": "cam1", "points": [[210, 350]], "request_id": 7}
    answer    {"ok": true,  "request_id": 7, "answer": {"stream": "cam1", "op": "add", "frame_idx": 412, ...}}
    refusal   {"ok": false, "request_id": 7, "error": {"kind": "prompt", "message": "one line"}}

The answer comes in the encoding of the request. `request_id` is the caller's and comes back as it was. A
request may carry a key's `token`, which says who sends it (docs/security.md). An
object's memory is a second frame of bytes: behind an `add_memory` request, behind the answer to an `export`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from streamtrack.control.untrusted import MAX_REQUEST_BYTES, check_extent, one_line
from streamtrack.error_kinds import error_of_kind
from streamtrack.errors import (
    BadRequestError,
    FrameExpiredError,
    PromptError,
    PublishError,
    StreamTrackError,
)
from streamtrack.object_record import CandidateInfo, ObjectInfo

MAX_REQUEST_ID_CHARS = 128
MAX_TOKEN_CHARS = 1_024
TAKE_A_MEMORY = ("add_memory", "propose")

Encoding = Literal["msgpack", "json"]
RequestId = str | int | None
_FrameExpiredFacts = ("at_frame", "oldest_frame_idx", "newest_frame_idx")


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it came: decoded, its command not yet checked."""

    encoding: Encoding
    """How to answer."""
    request_id: RequestId
    command: Any
    """What `streamtrack.control.commands.parse_command` takes."""
    token: str | None = field(default=None, repr=False)
    """Who sends it; None: whoever the connection says."""


class Answer(msgspec.Struct, frozen=True):
    """What a command did, as a client gets it; see `streamtrack.control.commands.Answer`."""

    stream: str
    op: str
    frame_idx: int
    """The tracked frame it applied to."""
    object_id: int | None = None
    objects: tuple[ObjectInfo, ...] = ()
    paused: bool = False
    candidates: tuple[CandidateInfo, ...] = ()
    likeness: tuple[float | None, ...] = ()
    undone: str | None = None


class _Error(msgspec.Struct, frozen=True):
    kind: str
    message: str
    at_frame: int = -1
    oldest_frame_idx: int = -1
    newest_frame_idx: int = -1


class _Reply(msgspec.Struct, frozen=True):
    ok: bool
    request_id: RequestId = None
    answer: Answer | None = None
    error: _Error | None = None


class BadRequest(BadRequestError):
    """Bytes that are no request. Carries what is known of how to answer."""

    def __init__(self, message: str, encoding: Encoding, request_id: RequestId = None) -> None:
        super().__init__(message)
        self.encoding: Encoding = encoding
        self.request_id = request_id


def guess_encoding(data: bytes) -> Encoding:
    """JSON where the first character is one that JSON starts with; a msgpack map starts with none of them."""
    return "json" if data.lstrip()[:1] in (b"{", b"[", b'"') else "msgpack"


def decode_request(data: bytes, memory: bytes | None = None) -> Request:
    """The request in these bytes.

    Args:
        memory: the second frame, where one came.
    Raises:
        BadRequest: they are not a msgpack or JSON map of the extent of a command, or its request_id is not a
            short string or an integer.
    """
    encoding = guess_encoding(data)
    if len(data) > MAX_REQUEST_BYTES:
        raise BadRequest(f"request is {len(data)} bytes, expected at most {MAX_REQUEST_BYTES}", encoding)
    try:
        raw = msgspec.json.decode(data) if encoding == "json" else msgspec.msgpack.decode(data)
    except (msgspec.MsgspecError, RecursionError, ValueError, TypeError) as error:
        raise BadRequest(f"request is not {encoding}: {one_line(error)[:160]}", encoding) from error
    if not isinstance(raw, dict):
        raise BadRequest(f"request is {type(raw).__name__}, expected a map with the key 'op'", encoding)
    request_id = raw.pop("request_id", None)
    if isinstance(request_id, bool) or not isinstance(request_id, str | int | None):
        raise BadRequest(
            f"request_id is {type(request_id).__name__}, expected a string or an integer", encoding
        )
    if isinstance(request_id, str) and len(request_id) > MAX_REQUEST_ID_CHARS:
        raise BadRequest(
            f"request_id has {len(request_id)} characters, expected at most {MAX_REQUEST_ID_CHARS}", encoding
        )
    token = raw.pop("token", None)
    if not isinstance(token, str | None) or len(token or "") > MAX_TOKEN_CHARS:
        expected = f"a string of at most {MAX_TOKEN_CHARS} characters"
        raise BadRequest(f"token is {type(token).__name__}, expected {expected}", encoding, request_id)
    try:
        check_extent(raw)
    except BadRequestError as error:
        raise BadRequest(str(error), encoding, request_id) from None
    if memory is not None and raw.get("op") not in TAKE_A_MEMORY:
        words = f"a second frame came, expected one behind {' and '.join(TAKE_A_MEMORY)} alone"
        raise BadRequest(words, encoding, request_id)
    return Request(encoding, request_id, raw if memory is None else {**raw, "memory": memory}, token)


def encode_answer(encoding: Encoding, request_id: RequestId, answer: dict[str, Any]) -> bytes:
    """The bytes that tell what a command did."""
    return _encode(encoding, {"ok": True, "request_id": request_id, "answer": answer})


def encode_refusal(encoding: Encoding, request_id: RequestId, kind: str, error: Exception | str) -> bytes:
    """The bytes that tell why a command was not carried out."""
    told: dict[str, Any] = {"kind": kind, "message": one_line(error)}
    if isinstance(error, FrameExpiredError):
        told.update({name: getattr(error, name) for name in _FrameExpiredFacts})
    return _encode(encoding, {"ok": False, "request_id": request_id, "error": told})


def encode_request(command: dict[str, Any], request_id: int, token: str | None = None) -> bytes:
    """A msgpack request.

    Raises:
        PromptError: a value cannot be sent, or the request is longer than a server takes.
    """
    try:
        shown = {} if token is None else {"token": token}
        data = msgspec.msgpack.encode({**command, **shown, "request_id": request_id})
    except (TypeError, ValueError, OverflowError) as error:
        raise PromptError(f"{command.get('op')}: cannot be sent: {error}") from error
    if len(data) > MAX_REQUEST_BYTES:
        raise PromptError(f"{command.get('op')}: {len(data)} bytes, expected at most {MAX_REQUEST_BYTES}")
    return data


def decode_reply(data: bytes, request_id: int) -> Answer | StreamTrackError | None:
    """The answer to a msgpack request, or the error that it was refused with; None where it answers another.

    Raises:
        PublishError: the bytes are not a reply.
    """
    try:
        reply = msgspec.msgpack.decode(data, type=_Reply)
    except (msgspec.MsgspecError, RecursionError, ValueError, TypeError) as error:
        raise PublishError(f"reply cannot be read: {' '.join(str(error).split())[:160]}") from error
    if reply.request_id != request_id:
        return None
    if reply.ok and reply.answer is not None:
        return reply.answer
    if reply.error is None:
        raise PublishError("reply holds neither an answer nor an error")
    return _as_error(reply.error)


def _encode(encoding: Encoding, reply: dict[str, Any]) -> bytes:
    return msgspec.json.encode(reply) if encoding == "json" else msgspec.msgpack.encode(reply)


def _as_error(error: _Error) -> StreamTrackError:
    """The exception that stands for a refusal."""
    found = error_of_kind(error.kind)
    if found is FrameExpiredError:
        return FrameExpiredError(error.at_frame, error.oldest_frame_idx, error.newest_frame_idx)
    return found.from_message(error.message)
