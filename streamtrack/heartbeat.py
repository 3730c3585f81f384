"""Signs of life for whoever watches the process: `serve --supervise`, and systemd.

The supervising process gives two pipes: into one the server says that it lives, the other ends with the
supervisor, and the server with it. systemd gives a socket (sd_notify), of which three words are spoken here.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import MutableMapping
from typing import Self

PIPES, LIMIT = "STREAMTRACK_HEARTBEAT", "STREAMTRACK_HUNG_AFTER_S"
"""Set by the supervisor: two descriptors, and after how many seconds without a sign it ends the process."""
STANDBY = "STREAMTRACK_STANDBY"
"""Set for a process that is to wait: a descriptor that ends, or gives a byte where it is wanted."""
NOTIFY = "NOTIFY_SOCKET"
READY, BEAT, STUCK = b"ready", b"beat", b"stuck "
ORPHAN_GRACE_S = 10.0
"""For an orderly end after the supervisor is gone."""
MARGIN_S = 10.0
"""How much later than the supervisor would the process ends itself."""


class Heartbeat:
    """Tells whoever watches. One thread."""

    def __init__(self, pipe: int | None, limit_s: float, notify: str, standby: int | None = None) -> None:
        """
        Args:
            standby: says when the process is wanted; None: it is at once.
            pipe: where to say it; None: there is no supervisor.
            limit_s: after which silence the process ends itself; 0: never.
            notify: systemd's socket; empty: there is none.
        """
        self._pipe = pipe
        self._limit_s = limit_s
        self._notify = notify
        self._standby = standby
        self._told_stuck = ""
        self._is_ready = False

    @classmethod
    def of_environment(cls, environment: MutableMapping[str, str] = os.environ) -> Self:
        """As whoever started the process asks for; what they set is taken out of the environment."""
        pipes, limit = environment.pop(PIPES, ""), environment.pop(LIMIT, "")
        notify, standby = environment.pop(NOTIFY, ""), environment.pop(STANDBY, "")
        if not pipes:
            return cls(None, 0.0, notify)
        pipe, supervisor = map(int, pipes.split(","))
        for handle in (pipe, supervisor):
            os.set_inheritable(handle, False)
        os.set_blocking(pipe, False)
        threading.Thread(target=_end_with, args=(supervisor,), name="supervisor", daemon=True).start()
        if standby:
            os.set_inheritable(int(standby), False)
        return cls(pipe, float(limit or 0.0), notify, int(standby) if standby else None)

    @property
    def is_standby(self) -> bool:
        """Whether the process is to wait until it is wanted."""
        return self._standby is not None

    def wait_until_wanted(self) -> None:
        """Return when the server before has died; end the process where that was in order."""
        if self._standby is None:
            return
        wanted = os.read(self._standby, 1)
        os.close(self._standby)
        self._standby = None
        if not wanted:
            os._exit(0)

    @property
    def is_wanted(self) -> bool:
        """Whether anybody watches."""
        return self._pipe is not None or bool(self._notify)

    def ready(self) -> None:
        """The server does what it is for."""
        self._is_ready = True
        self._say(READY)
        notify(self._notify, "READY=1")

    def beat(self) -> None:
        """It lives."""
        self._told_stuck = ""
        self._say(BEAT)
        notify(self._notify, "WATCHDOG=1")
        if self._limit_s and self._is_ready:  # to load a model may take as long as it takes
            # Ends the process also where no Python runs any more, and says where every thread hangs.
            faulthandler.dump_traceback_later(self._limit_s + MARGIN_S, exit=True)

    def stuck(self, why: str) -> None:
        """A part of it does not live; said once, and no sign of life is given."""
        if why != self._told_stuck:
            self._told_stuck = why
            self._say(STUCK + why.encode())
            notify(self._notify, f"STATUS={why}")

    def stopping(self) -> None:
        """It ends in order."""
        faulthandler.cancel_dump_traceback_later()
        notify(self._notify, "STOPPING=1")

    def _say(self, words: bytes) -> None:
        if self._pipe is not None:
            with contextlib.suppress(OSError):  # nobody reads, or has not for long
                os.write(self._pipe, words[:500].replace(b"\n", b" ") + b"\n")


def notify(address: str, words: str) -> None:
    """Say something to systemd; does nothing where it did not start the process."""
    if not address or sys.platform == "win32":
        return
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.connect("\0" + address[1:] if address.startswith("@") else address)
        sender.send(words.replace("\n", " ").encode())


def _end_with(supervisor: int) -> None:
    """Wait for the supervisor's end, and end: nobody would start this process again, or stop it."""
    with contextlib.suppress(OSError):
        while os.read(supervisor, 64):
            pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(ORPHAN_GRACE_S)
    os._exit(1)
