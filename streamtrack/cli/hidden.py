"""What others on this machine see of the process: its command line, and what a crash would leave behind."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Sequence

from streamtrack.config.faults import SECRET_WORDS
from streamtrack.ingest.redact import HIDDEN, redact_text

_PR_SET_DUMPABLE = 4
_URL_KEYS = ("url", "urls")


def hide_arguments(arguments: Sequence[str]) -> bool:
    """Take secrets out of the command line that `ps` shows, where some are in it; whether there were.

    Until here others could see them, for as long as Python took to start: `${NAME}` in the config is better.
    """
    shown = shown_arguments(arguments)
    if shown == list(arguments):
        return False
    import setproctitle  # where there is nothing to hide the title stays as it is

    setproctitle.setproctitle(" ".join(["streamtrack", *shown]))
    return True


def shown_arguments(arguments: Sequence[str]) -> list[str]:
    """The arguments with `***` in the place of secrets. Pure."""
    return [_shown(argument) for argument in arguments]


def _shown(argument: str) -> str:
    option, sign, value = argument.partition("=") if argument.startswith("--") else ("", "", argument)
    key, equals, _ = value.partition("=")
    name = key.lower().rpartition(".")[2]
    is_secret = equals and key.isprintable() and " " not in key and "/" not in key
    if is_secret and name not in _URL_KEYS and any(word in name for word in SECRET_WORDS):
        return f"{option}{sign}{key}={HIDDEN}"
    return f"{option}{sign}{redact_text(value, '')}"


def leave_no_core() -> None:
    """See that a crash leaves no picture of the memory, which holds every secret; and that processes of the
    same user cannot look into it, nor into the environment. On Linux; elsewhere cores are switched off only.
    """
    if sys.platform == "win32":
        return
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        # The limit alone does not hold for cores that are piped to a program, as systemd-coredump takes them.
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
