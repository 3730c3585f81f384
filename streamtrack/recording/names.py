"""Names of recordings: the stream, and when it begins in UTC. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Literal

from streamtrack.config import STREAM_NAME
from streamtrack.errors import UnknownRecordingError

Film = Literal["clean", "overlay"]
FILMS: tuple[Film, ...] = ("clean", "overlay")
MASKS_SUFFIX = ".masks.jsonl"
_NAME = re.compile(rf"(?P<stream>{STREAM_NAME.pattern})_(?P<time>\d{{8}}T\d{{6}}\.\d{{3}}Z)")
_FILE = re.compile(rf"(?P<name>{_NAME.pattern})\.(?:(?:clean|overlay)\.mp4|masks\.jsonl)")
_FORMAT = "%Y%m%dT%H%M%S.%f"


def recording_name(stream: str, wall_ms: int) -> str:
    """Such as `gate_20261129T025000.123Z`, for a recording that begins at a moment."""
    begun = datetime.fromtimestamp(wall_ms // 1000, UTC).replace(microsecond=wall_ms % 1000 * 1000)
    return f"{stream}_{begun.strftime(_FORMAT)[:-3]}Z"


def begun_ms(name: str) -> int | None:
    """When a recording begins, by its name (Unix epoch); None where that is none."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    try:
        begun = datetime.strptime(match["time"][:-1] + "000", _FORMAT).replace(tzinfo=UTC)
    except ValueError:
        return None
    return int(begun.replace(microsecond=0).timestamp()) * 1000 + begun.microsecond // 1000


def name_of_file(file_name: str) -> str | None:
    """The recording that a file belongs to; None where it is none's."""
    match = _FILE.fullmatch(file_name)
    return None if match is None else match["name"]


def film_file(name: str, film: str) -> str:
    """The file of one of a recording's films."""
    return f"{name}.{film}.mp4"


def not_kept(where: str, name: str) -> UnknownRecordingError:
    """The error of whoever asks for what is not there, or not any more."""
    return UnknownRecordingError(f"{where}: recording is {name!r}, expected one that is kept")
