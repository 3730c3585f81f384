"""The key file as a running server sees it: read again when it changes, each token hashed once."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import OrderedDict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from streamtrack.access.hashing import Hasher, decoy_like
from streamtrack.access.key import Key
from streamtrack.access.key_file import DamagedKeysError, KeyFile
from streamtrack.clock import NS_PER_S, SYSTEM_CLOCK, Clock
from streamtrack.errors import BusyError

TOKENS_KEPT = 1_024
"""Tokens whose hash was computed, right and wrong ones, that are known again without."""
MAX_UNDER_WAY = 16
"""Tokens that are hashed or wait for it at one time; each takes 64 MiB while it is."""

_log = logging.getLogger(__name__)
# A second one would only keep the model from running; 50 ms each.
_hashing = ThreadPoolExecutor(1, "hash-keys")

FileMark = tuple[int, int, int] | None


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """What the file said at one moment."""

    mark: FileMark
    by_id: Mapping[str, Key] = field(default_factory=dict)
    decoy: str = ""
    """Looked at in place of a key that is not there; empty where there is none at all."""


@dataclass(frozen=True, slots=True)
class KeyChange:
    """What became of keys since the file was read last."""

    added: tuple[str, ...] = ()
    """Names."""
    removed: tuple[str, ...] = ()
    fault: str = ""
    """Why the file cannot be used any more."""


class Keyring:
    """Which keys there are. `refresh` is for one thread at a time; everything else for the event loop."""

    def __init__(
        self, path: Path, *, expected: bool = True, hasher: Hasher | None = None, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        """Args:
        expected: keys are asked for although there is no file yet; otherwise once there is one.
        """
        self._file = KeyFile(path)
        self._hasher = hasher or Hasher()
        self._clock = clock
        self._now = _Snapshot(None)
        self._seen = expected
        self._known: OrderedDict[bytes, Key | None] = OrderedDict()
        self._under_way: dict[bytes, asyncio.Task[Key | None]] = {}

    @property
    def in_force(self) -> bool:
        """Whether keys are asked for: once there was a file, nothing but a restart without it opens again."""
        return self._seen

    def refresh(self) -> KeyChange | None:
        """Read the file again if it is another one than before; what has changed, or None. Takes a hash."""
        mark = _mark_of(self._file.path)
        before = self._now
        if mark == before.mark:
            return None
        fault = ""
        try:
            keys = self._file.read()
        except DamagedKeysError as error:
            fault, keys = f"{error}; nobody comes in by a key", ()
            _log.error("%s", fault)
        if mark is None and before.mark is not None:
            fault = f"{self._file.path}: is gone; nobody comes in by a key"
            _log.error("%s", fault)
        decoy = decoy_like(keys[0].hashed) if keys else ""
        self._seen = self._seen or mark is not None
        self._now = _Snapshot(mark, {key.key_id: key for key in keys}, decoy)
        names, former = {key.name for key in keys}, {key.name for key in before.by_id.values()}
        return KeyChange(tuple(sorted(names - former)), tuple(sorted(former - names)), fault)

    def names_a_key(self, key_id: str) -> bool:
        """Whether there is a key of this id."""
        return key_id in self._now.by_id

    def has(self, key: Key) -> bool:
        """Whether a key is still there, as it was, and has not expired."""
        return self._now.by_id.get(key.key_id) == key and key.holds(self._moment())

    def known(self, token: str) -> Key | None:
        """The key of a token that was looked at before and was right; None where it must be looked at."""
        key = self._known.get(self._digest(token))
        return key if key is not None and self.has(key) else None

    async def find(self, token: str, key_id: str, secret: str) -> Key | None:
        """The key that a token shows; None where there is none, its secret is another, or it has expired.

        Raises:
            BusyError: too many tokens are being looked at.
        """
        digest = self._digest(token)
        if digest in self._known:
            self._known.move_to_end(digest)
            found = self._known[digest]
        else:
            found = await self._verify(digest, key_id, secret)
        return found if found is not None and self.has(found) else None

    async def _verify(self, digest: bytes, key_id: str, secret: str) -> Key | None:
        task = self._under_way.get(digest)
        if task is None:
            if len(self._under_way) >= MAX_UNDER_WAY:
                raise BusyError(f"{len(self._under_way)} keys are being looked at, expected fewer; ask again")
            task = asyncio.create_task(self._hash(digest, key_id, secret), name="look-at-key")
            self._under_way[digest] = task
            task.add_done_callback(lambda _: self._under_way.pop(digest, None))
        # Whoever asked may go away; the others who wait for the same token do not.
        return await asyncio.shield(task)

    async def _hash(self, digest: bytes, key_id: str, secret: str) -> Key | None:
        now = self._now
        key = now.by_id.get(key_id)
        hashed = now.decoy if key is None else key.hashed
        if not hashed:
            return None
        loop = asyncio.get_running_loop()
        fits = await loop.run_in_executor(_hashing, self._hasher.fits, hashed, secret)
        found = key if fits else None
        self._known[digest] = found
        while len(self._known) > TOKENS_KEPT:
            self._known.popitem(last=False)
        return found

    def _digest(self, token: str) -> bytes:
        # With the file's mark: what was found out by another file than this one is not known.
        return hashlib.sha256(f"{self._now.mark} {token}".encode()).digest()

    def _moment(self) -> datetime:
        return datetime.fromtimestamp(self._clock.wall_ns() / NS_PER_S, UTC)


def _mark_of(path: Path) -> FileMark:
    """What differs when the file was written anew."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
