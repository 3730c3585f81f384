"""A multipart form with a film, its prompts and its options, on its way to the disk: nothing but short fields
is held in memory."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header

from streamtrack.errors import BadRequestError, PromptError, PublishError, TooLargeError

FILM, PROMPTS, OPTIONS, URL, MASK = "film", "prompts", "options", "url", "mask"
MAX_FIELD_BYTES = 1 << 20
MAX_MASK_BYTES, MAX_MASKS = 16 << 20, 64
MAX_PARTS = 2 * MAX_MASKS
MAX_HEADER_BYTES = 8_192
"""Of one part: its name and its file's name."""
IDLE_TIMEOUT_S = 20.0
"""How long a client may send nothing."""
SNIFFED_BYTES = 1 << 16
MAX_BOUNDARY_BYTES = 256
TEXT_HEADS = (b"#EXTM3U", b"<?xml", b"<MPD", b"ffconcat", b"v=0")
"""Files that name other files, which FFmpeg would open."""

_FILM_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,8}")
_MASK_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,80}")


@dataclass(slots=True)
class Uploaded:
    """What a form held."""

    film: Path | None = None
    film_name: str = ""
    """As the client calls it."""
    fields: dict[str, str] = field(default_factory=dict)
    masks: set[str] = field(default_factory=set)
    """Names of pictures that lie in the folder, too."""


class FormReader:
    """Writes a form's files into a folder as they come."""

    def __init__(self, content_type: str, folder: Path, max_film_bytes: int) -> None:
        """
        Raises:
            BadRequestError: the content type has no boundary.
        """
        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary", b"")
        if kind != b"multipart/form-data" or not 0 < len(boundary) <= MAX_BOUNDARY_BYTES:
            raise BadRequestError(
                "content type is none of a form, expected multipart/form-data; boundary=..."
            )
        self._folder = folder
        self._max_film_bytes = max_film_bytes
        self._found = Uploaded()
        self._name = self._file_name = ""
        self._header: tuple[bytearray, bytearray] = (bytearray(), bytearray())
        self._data = bytearray()
        self._file: BinaryIO | None = None
        self._left = 0
        self._header_left, self._parts_left = MAX_HEADER_BYTES, MAX_PARTS
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": lambda data, start, end: self._head(0, data[start:end]),
                "on_header_value": lambda data, start, end: self._head(1, data[start:end]),
                "on_header_end": self._end_header,
                "on_headers_finished": self._open,
                "on_part_data": self._take,
                "on_part_end": self._close_part,
                "on_end": self._end,
            },
        )
        self._ended = False

    async def read(self, chunks: AsyncIterator[bytes]) -> Uploaded:
        """Everything that the form holds.

        Raises:
            BadRequestError: it is damaged, holds something else, or stops coming.
            TooLargeError: a part is too large. PublishError: the disk refuses.
        """
        try:
            async for chunk in _in_time(chunks):
                if chunk:
                    await asyncio.to_thread(self._parser.write, chunk)
            self._parser.finalize()
        except FormParserError as error:
            raise BadRequestError(f"the form is damaged: {error}") from None
        except OSError as error:
            raise PublishError(f"the film cannot be kept: {error.strerror or 'the disk refuses'}") from error
        finally:
            if self._file is not None:
                self._file.close()
        if not self._ended:
            raise BadRequestError("the form breaks off, expected its end")
        return self._found

    def _begin(self) -> None:
        self._name = self._file_name = ""
        self._data = bytearray()
        self._header_left = MAX_HEADER_BYTES
        self._parts_left -= 1
        if self._parts_left < 0:
            raise TooLargeError(f"the form holds more than {MAX_PARTS} parts")

    def _head(self, which: int, data: bytes) -> None:
        # While it comes: one without an end would fill the memory.
        self._header_left -= len(data)
        if self._header_left < 0:
            raise TooLargeError(f"the headers of a part are longer than {MAX_HEADER_BYTES} bytes")
        self._header[which].extend(data)

    def _end_header(self) -> None:
        name, value = (bytes(part) for part in self._header)
        self._header = (bytearray(), bytearray())
        if name.lower() == b"content-disposition":
            _, options = parse_options_header(value)
            self._name = options.get(b"name", b"").decode("utf-8", "replace")
            self._file_name = options.get(b"filename", b"").decode("utf-8", "replace")

    def _open(self) -> None:
        found = self._found
        if self._name == FILM:
            if found.film is not None:
                raise BadRequestError("the form holds two films, expected one")
            suffix = Path(self._file_name).suffix
            found.film = self._folder / f"film{suffix if _FILM_SUFFIX.fullmatch(suffix) else ''}"
            found.film_name = Path(self._file_name).name[:200] or "film"
            self._file, self._left = found.film.open("xb"), self._max_film_bytes
        elif self._name == MASK:
            name = Path(self._file_name).name
            if not _MASK_NAME.fullmatch(name) or name in found.masks or name.startswith(f"{FILM}."):
                raise PromptError("mask: its file needs a name of its own, of letters, digits, - _ .")
            if len(found.masks) >= MAX_MASKS:
                raise TooLargeError(f"the form holds more than {MAX_MASKS} masks")
            found.masks.add(name)
            self._file, self._left = (self._folder / name).open("xb"), MAX_MASK_BYTES
        elif self._name in (PROMPTS, OPTIONS, URL):
            self._left = MAX_FIELD_BYTES
        else:
            expected = ", ".join((FILM, URL, PROMPTS, OPTIONS, MASK))
            raise BadRequestError(f"the form holds a part of another name, expected: {expected}")

    def _take(self, data: bytes, start: int, end: int) -> None:
        self._left -= end - start
        if self._left < 0:
            raise TooLargeError(f"{self._name} is too large, see `jobs` in the server's config")
        if self._file is not None:
            self._file.write(data[start:end])
        else:
            self._data += data[start:end]

    def _close_part(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
        else:
            self._found.fields[self._name] = self._data.decode("utf-8", "replace")

    def _end(self) -> None:
        self._ended = True


async def _in_time(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same; raises BadRequestError where nothing came for IDLE_TIMEOUT_S."""
    iterator = aiter(chunks)
    while True:
        try:
            chunk = await asyncio.wait_for(anext(iterator), IDLE_TIMEOUT_S)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise BadRequestError(f"nothing of the form came for {IDLE_TIMEOUT_S:g} s") from None
        yield chunk


def check_is_film(path: Path, name: str) -> None:
    """Refuse a file that would lead FFmpeg to others.

    Raises:
        BadRequestError: it is empty, or a playlist.
    """
    with path.open("rb") as file:
        head = file.read(SNIFFED_BYTES)
    if not head:
        raise BadRequestError(f"film {name}: is empty, expected a video")
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(TEXT_HEADS) or b"<mpd" in head.lower():
        raise BadRequestError(f"film {name}: is a list of other files, expected a video")
