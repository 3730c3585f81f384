"""Code that somebody else wrote: whatever it raises is one line that says where it came from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from streamtrack.errors import ConfigError, StreamTrackError

MAX_CHARS = 300
"""Of what it says."""


@contextmanager
def told_in_one_line(where: str) -> Iterator[None]:
    """Foreign code runs inside; what it raises becomes `WHERE TYPE: TEXT`, an end of the process as well.

    Raises:
        ConfigError: it raised something that is no error of ours.
    """
    try:
        yield
    except StreamTrackError:
        raise
    except (Exception, SystemExit) as error:  # sys.exit() would end a thread without a word
        text = " ".join(str(error).split())[:MAX_CHARS]
        kind = type(error).__name__
        raise ConfigError(f"{where} {kind}: {text}" if text else f"{where} {kind}") from error
