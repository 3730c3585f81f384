"""A form on its way to the disk: what it may hold, bounded while it comes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from streamtrack.errors import BadRequestError, StreamTrackError, TooLargeError
from streamtrack.jobs.film_upload import MAX_PARTS, FormReader, Uploaded

TYPE = "multipart/form-data; boundary=b"
PART = b'--b\r\nContent-Disposition: form-data; name="options"\r\n\r\n{}\r\n'


async def read(folder: Path, data: bytes, kind: str = TYPE) -> Uploaded:
    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(data), 1 << 16):
            yield data[start : start + (1 << 16)]

    return await FormReader(kind, folder, 1 << 20).read(chunks())


async def test_short_parts_are_fields(tmp_path: Path) -> None:
    assert (await read(tmp_path, PART + b"--b--\r\n")).fields == {"options": "{}"}


@pytest.mark.parametrize(
    "kind", ["multipart/form-data", f"multipart/form-data; boundary={'b' * 300}", "text/plain"]
)
async def test_type_without_a_boundary_that_can_be_is_refused(kind: str, tmp_path: Path) -> None:
    with pytest.raises(BadRequestError, match="expected multipart/form-data; boundary="):
        await read(tmp_path, PART, kind)


@pytest.mark.parametrize(
    "data",
    [
        PART * (MAX_PARTS + 1) + b"--b--\r\n",
        b"--b\r\n" + b"A: b\r\n" * 20_000,
        b"--b\r\nA: " + b"b" * 200_000,
        b"--b\r\n" + b"A" * 200_000,
    ],
    ids=["parts", "headers", "one header", "a header's name"],
)
async def test_form_of_endless_parts_or_headers_is_refused_while_it_comes(
    data: bytes, tmp_path: Path
) -> None:
    with pytest.raises(StreamTrackError) as refused:
        await read(tmp_path, data)
    assert isinstance(refused.value, TooLargeError | BadRequestError)
    assert "\n" not in str(refused.value)
