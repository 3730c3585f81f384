"""The thread that writes the state of all streams, and what belongs to none of them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from streamtrack.alerts.snoozes import Snooze, Snoozes
from streamtrack.clock import NS_PER_S, SYSTEM_CLOCK, Clock
from streamtrack.config import Config, RulesConfig, StateConfig, StreamConfig
from streamtrack.config.rules import names_fault
from streamtrack.errors import ConfigError
from streamtrack.rules.store import read_rules
from streamtrack.state.documents import ServerDocument, decode, encode
from streamtrack.state.folder import StateError, StateFolder, put_aside, reason_of, remove
from streamtrack.state.kept_stream import KeptStream
from streamtrack.state.stream_store import StreamStore
from streamtrack.state.when import moment_of
from streamtrack.whole_file import write_whole

DOCUMENT = "server.json"
POLL_S = 0.25
"""How often it looks whether something is due."""
MAX_RETRY_NS = 60 * NS_PER_S

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Trouble:
    """A disk that refuses."""

    times: int = 0
    until_ns: int = 0


class StateKeeping:
    """Keeps a server's state. Any thread may call the public methods."""

    def __init__(
        self, folder: StateFolder, config: StateConfig, snoozes: Snoozes, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        """Take up what belongs to no stream; nothing runs yet.

        Raises:
            ConfigError: a file can neither be read nor be put aside.
        """
        self.folder = folder
        self.config = config
        self._snoozes = snoozes
        self._clock = clock
        self._every_ns = int(config.every_s * NS_PER_S)
        self._path = folder.path / DOCUMENT
        self._lock = threading.Lock()
        self._streams: dict[str, KeptStream] = {}
        self._told: tuple[Snooze, ...] = ()
        self._due_ns = 0
        self._trouble = _Trouble()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="state", daemon=True)
        self._resume()

    # -- streams -----------------------------------------------------------------------------------------

    def open(self, stream: str) -> KeptStream:
        """A stream's part, with what the process before left of it; written from now on.

        Raises:
            ConfigError: it can neither be read nor be put aside.
        """
        try:
            kept = KeptStream(self.folder, stream, self._every_ns, self._clock)
        except StateError as error:
            raise ConfigError(str(error)) from None
        kept.notes.when_given = self._wake.set
        with self._lock:
            former = self._streams.get(stream)
            self._streams[stream] = kept
        if former is not None:
            former.close()
        return kept

    def end(self, kept: KeptStream) -> None:
        """A stream ends: what was noted last is written. Waits for the disk."""
        self._try(lambda: kept.write(last=True))
        kept.close()
        with self._lock:
            if self._streams.get(kept.stream) is kept:
                del self._streams[kept.stream]

    def forget(self, stream: str) -> None:
        """A stream was removed: nothing of it stays. Waits for the disk."""
        with self._lock:
            kept = self._streams.pop(stream, None)
        if kept is not None:
            kept.close()
        StreamStore(self.folder, stream).forget()
        remove(self._rules_file(stream))

    def with_rules_file(self, config: StreamConfig) -> RulesConfig:
        """A stream's rules, with a file for those that are made at run time where the config names none. One
        that cannot be used is put aside.

        Raises:
            ConfigError: it cannot be.
        """
        rules = config.rules
        if rules.file is not None:
            return rules
        path = self._rules_file(config.name)
        fault: str | None = None
        try:
            fault = names_fault((*rules.zones, *rules.lines, *read_rules(path)))
        except ConfigError as error:
            fault = str(error).removeprefix(f"{path}: ")
        if fault is not None:
            try:
                put_aside(path, self.folder, f"cannot be used: {fault}")
            except OSError as error:
                raise ConfigError(f"{path}: {fault}, and cannot be put aside: {reason_of(error)}") from error
        return rules.model_copy(update={"file": path})

    def _rules_file(self, stream: str) -> Path:
        return self.folder.path / f"rules-{stream}.json"

    # -- the thread --------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start to write. Once in a lifetime."""
        self._thread.start()

    def stop(self, timeout_s: float) -> bool:
        """Write what was noted last, and end; False where the disk takes longer than that. May be called
        again."""
        self._stopping.set()
        self._wake.set()
        if self._thread.ident is None:
            return True
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def close(self, timeout_s: float) -> bool:
        """`stop`, and let another server use the folder."""
        ended = self.stop(timeout_s)
        self.folder.close()
        return ended

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.wait(POLL_S)
            self._wake.clear()
            self.write_due()
        self.write_due(last=True)

    def write_due(self, *, last: bool = False) -> None:
        """Write what has changed and is due; given ids at once."""
        now_ns = self._clock.monotonic_ns()
        if now_ns < self._trouble.until_ns and not last:
            return
        with self._lock:
            streams = tuple(self._streams.values())
        for kept in streams:
            self._try(kept.mark)
        if now_ns < self._due_ns and not last:
            return
        self._due_ns = now_ns + self._every_ns
        for kept in streams:
            self._try(lambda kept=kept: kept.write(last=last))  # type: ignore[misc]
        self._try(self._write_own)

    def _try(self, write: Callable[[], object]) -> None:
        """A disk that refuses costs the state, not the streams; told once, and tried again."""
        try:
            write()
        except OSError as error:
            trouble = self._trouble
            if not trouble.times:
                logger.error("--state-dir %s: cannot be written: %s", self.folder.path, reason_of(error))
            trouble.times += 1
            wait_ns = min(MAX_RETRY_NS, NS_PER_S << min(trouble.times, 6))
            trouble.until_ns = self._clock.monotonic_ns() + wait_ns
            return
        except Exception:  # a thread that dies would keep nothing more
            logger.exception("--state-dir %s: state cannot be written", self.folder.path)
            return
        if self._trouble.times:
            logger.warning("--state-dir %s: is written again", self.folder.path)
            self._trouble = _Trouble()

    # -- what belongs to no stream -----------------------------------------------------------------------

    def _resume(self) -> None:
        try:
            document = decode(self._path.read_bytes(), ServerDocument)
        except FileNotFoundError:
            return
        except (StateError, OSError) as error:
            why = f"cannot be read: {reason_of(error)}" if isinstance(error, OSError) else str(error)
            try:
                put_aside(self._path, self.folder, why)
            except OSError as refused:
                raise ConfigError(
                    f"{self._path} {why}, and cannot be put aside: {reason_of(refused)}"
                ) from refused
            return
        self._snoozes.resume(document.snoozes)
        self._told = tuple(self._snoozes.in_force())

    def _write_own(self) -> None:
        snoozes = tuple(self._snoozes.in_force())
        if snoozes == self._told:
            return
        write_whole(self._path, encode(ServerDocument(moment_of(self._clock), list(snoozes))))
        self._told = snoozes


def open_keeping(config: Config, snoozes: Snoozes, clock: Clock = SYSTEM_CLOCK) -> StateKeeping | None:
    """What keeps the state of a config's server; None where it names no folder.

    Raises:
        ConfigError: the folder cannot be used, or another server uses it.
    """
    if config.cameras.state_dir is None:
        return None
    folder = StateFolder(config.cameras.state_dir, clock)
    try:
        return StateKeeping(folder, config.state, snoozes, clock)
    except BaseException:
        folder.close()
        raise
