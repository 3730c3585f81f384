"""The folder that a server keeps its state in: its owner's alone, used by one server at a time, and files in
it that are written whole or not at all."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import tempfile
from pathlib import Path

from filelock import FileLock, Timeout

from streamtrack.clock import NS_PER_S, SYSTEM_CLOCK, Clock
from streamtrack.errors import ConfigError, StreamTrackError

LOCK, ASIDE = ".lock", ".damaged-"
FOLDER_MODE = 0o700
OTHERS = 0o077
"""Rights of everybody but the owner."""
MAX_ASIDE = 16
"""Things that could not be used and are kept; beyond it the oldest goes."""

logger = logging.getLogger(__name__)


class StateError(StreamTrackError):
    """A file of the state folder that is damaged, of something else or of another version: its text says
    which, to be put behind the file's name."""

    kind = "bad_state"


class StateFolder:
    """A folder that is locked until `close`."""

    def __init__(self, path: Path, clock: Clock = SYSTEM_CLOCK) -> None:
        """Make it where it is not there.

        Raises:
            ConfigError: it cannot be made, nothing can be written into it, or another server uses it.
        """
        self.path = path
        self.clock = clock
        try:
            path.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=path):
                pass
            self._lock = FileLock(path / LOCK, mode=0o600, thread_local=False)
            self._lock.acquire(timeout=0)
        except Timeout:
            raise ConfigError(
                f"--state-dir {path}: another server uses it, expected one of its own"
            ) from None
        except OSError as error:
            raise ConfigError(f"--state-dir {path}: cannot be written: {reason_of(error)}") from error
        self._close_to_others()

    def close(self) -> None:
        """Let another server use it. May be called again."""
        self._lock.release()

    def _close_to_others(self) -> None:
        mode = self.path.stat().st_mode
        if os.name != "posix" or not mode & OTHERS:
            return
        # A folder that holds other things, such as /tmp, is not ours to close.
        if {entry.name for entry in self.path.iterdir()} <= {LOCK}:
            with contextlib.suppress(OSError):
                self.path.chmod(FOLDER_MODE)
                return
        logger.warning(
            "--state-dir %s: others may look into it (mode %o), expected 700", self.path, mode & 0o777
        )


def put_aside(path: Path, folder: StateFolder, why: str) -> Path:
    """Move a file or folder that cannot be used to where nothing is read, so that it is not lost; told in one
    line. Of what lies there the newest MAX_ASIDE stay.

    Raises:
        OSError: it cannot be moved.
    """
    second = folder.clock.wall_ns() // NS_PER_S
    aside = next(
        other
        for number in range(1, 1 << 16)
        if not os.path.lexists(other := folder.path / f"{path.name}{ASIDE}{second}-{number}")
    )
    os.rename(path, aside)
    logger.error("%s %s; kept aside as %s", path, why, aside.name)
    asides = [entry for entry in folder.path.iterdir() if ASIDE in entry.name]
    for old in sorted(asides, key=_put_aside_at)[:-MAX_ASIDE]:
        remove(old)
    return aside


def _put_aside_at(path: Path) -> tuple[int, ...]:
    numbers = path.name.rpartition(ASIDE)[2].split("-")
    return tuple(int(number) if number.isdecimal() else 0 for number in numbers)


def remove(path: Path) -> None:
    """Take a file or a folder away, if it is there and may be."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
        return
    with contextlib.suppress(OSError):
        path.unlink()


def reason_of(error: OSError) -> str:
    """What the system says of an error."""
    return error.strerror or type(error).__name__
