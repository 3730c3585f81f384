"""Bytes to a socket, as no library would send them, and what comes back."""

from __future__ import annotations

import random
import socket

from tests.fuzz.mutate import damaged

HEADS = (
    b"GET /streams HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
    b"GET /recordings/cam/cam_20261129T025000.123Z/clean.mp4 HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    b'Range: bytes=0-99\r\nIf-Range: "a-b"\r\nConnection: close\r\n\r\n',
    b"POST /streams/still/objects HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    b'Content-Length: 17\r\nConnection: close\r\n\r\n{"box":[1,2,9,9]}',
    b"POST /streams/still/objects HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    b'Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n11\r\n{"box":[1,2,9,9]}\r\n0\r\n\r\n',
    b"GET /web/page.js HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: session=abc; a=b\r\n"
    b"Accept-Encoding: gzip, br\r\n"
    b'If-None-Match: "x"\r\nOrigin: http://127.0.0.1\r\nConnection: close\r\n\r\n',
    b"GET /streams/cam/wire HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
)
WS_HEAD = HEADS[5]
LIMIT_BYTES = 1 << 16


def odd_request(rng: random.Random) -> bytes:
    """The head and body of a request with something changed."""
    return damaged(rng.choice(HEADS), rng, HEADS)


def asked(port: int, data: bytes, wait_s: float = 1.0) -> bytes:
    """The first bytes of what comes back, or what came until nothing did for `wait_s`."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        try:
            connection.sendall(data)
            connection.settimeout(wait_s)
            found = b""
            while len(found) < LIMIT_BYTES and (part := connection.recv(LIMIT_BYTES)):
                found += part
        except OSError:  # it hung up, or says nothing: both may be
            return b""
        return found


def frame(
    payload: bytes, opcode: int = 1, *, final: bool = True, masked: bool = True, claim: int | None = None
) -> bytes:
    """A WebSocket frame; `claim` is the length that it says it has."""
    length = len(payload) if claim is None else claim
    head = bytes([(0x80 if final else 0) | opcode])
    mask_bit = 0x80 if masked else 0
    if length < 126:
        head += bytes([mask_bit | length])
    elif length < 1 << 16:
        head += bytes([mask_bit | 126]) + length.to_bytes(2, "big")
    else:
        head += bytes([mask_bit | 127]) + length.to_bytes(8, "big")
    return head + (b"\0\0\0\0" if masked else b"") + payload


FRAMES = {
    "a text": frame(b"hello"),
    "unmasked": frame(b"hello", masked=False),
    "half a text": frame(b"hel", final=False) + frame(b"lo", 0),
    "a text that is none": frame(b"\xff\xfe\xed\xa0\x80"),
    "fragments without an end": frame(b"x" * 50, final=False) + frame(b"x" * 50, 0, final=False) * 2_000,
    "huge": frame(b"x" * 4_000, 2, claim=1 << 62),
    "longer than is heard": frame(b"x" * 70_000, 2),
    "an empty one": frame(b""),
    "many empty ones": frame(b"") * 20_000,
    "many pings": frame(b"x" * 100, 9) * 20_000,
    "a long ping": frame(b"x" * 126, 9),
    "a ping in fragments": frame(b"x", 9, final=False),
    "pongs": frame(b"x", 10) * 5_000,
    "an opcode that is none": frame(b"x", 3),
    "reserved bits": b"\xf1\x81\0\0\0\0x",
    "an end without a beginning": frame(b"x", 0),
    "a close": frame(b"\x03\xe8bye", 8),
    "a close that is none": frame(b"\x03", 8),
    "a close with a code that is none": frame(b"\x00\x01", 8),
    "two closes": frame(b"\x03\xe8", 8) * 2,
    "half a head": b"\x81",
    "nothing": b"",
    "another protocol": b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
}
