"""What goes wrong as the one line that users see, without credentials."""

from __future__ import annotations

import re
import traceback

from streamtrack.config.shown import describe_value
from streamtrack.errors import StreamTrackError
from streamtrack.ingest.redact import redact_text

MAX_FOREIGN_CHARS = 300
"""Of a text that is not ours."""

_NO_NUMBER = re.compile(r"'([^']*)'(?= is not a valid (?:integer|float))")


def describe_failure(error: Exception) -> str:
    """An error's line: ours as it is, foreign ones by what they are, where, and how to learn more."""
    if isinstance(error, StreamTrackError):
        return _one_line(str(error))
    if isinstance(error, MemoryError):
        return "not enough memory"
    if isinstance(error, OSError) and error.strerror:
        place = f"{error.filename}: " if error.filename is not None else ""
        return _foreign(f"{place}{error.strerror}")
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "?"
    kind = type(error).__name__
    return f"unexpected {kind}: {_foreign(str(error))} ({where}); --debug shows where it came from"


def describe_misuse(message: str) -> str:
    """What the command line's parser says; it quotes what it was given, and that may be a camera's URL."""
    return _foreign(_NO_NUMBER.sub(lambda match: describe_value(match.group(1)), message))


def _foreign(text: str) -> str:
    text = _one_line(redact_text(text, ""))
    return text if len(text) <= MAX_FOREIGN_CHARS else f"{text[:MAX_FOREIGN_CHARS]}..."


def _one_line(text: str) -> str:
    return " ".join(text.split())
