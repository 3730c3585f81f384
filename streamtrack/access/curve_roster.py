"""Who may connect by CURVE, as the config and the file of clients say at this moment."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path

from streamtrack.access.curve_file import CurveClient, CurveFile
from streamtrack.errors import ConfigError

FileMark = tuple[int, int, int] | None

_log = logging.getLogger(__name__)


class CurveRoster:
    """The clients by their public key. Belongs to one thread but for `of`, which any may ask."""

    def __init__(self, fixed: Iterable[CurveClient], path: Path | None = None) -> None:
        """Args:
            fixed: those of the config, for as long as the process runs.
            path: of the file with more of them, which may come and go.
        Raises:
            ConfigError: two of `fixed` have one name or key, or the file cannot be used.
        """
        self._fixed = tuple(fixed)
        _check_differ(self._fixed)
        self._file = None if path is None else CurveFile(path)
        self._mark = self._mark_now()
        self._by_key = self._all(self._listed())

    def of(self, public_key: str) -> CurveClient | None:
        """Whose a key is; None: nobody's."""
        return self._by_key.get(public_key)

    def holds(self, client: CurveClient) -> bool:
        """Whether a client is still listed as he was."""
        return self._by_key.get(client.public_key) == client

    @property
    def clients(self) -> tuple[CurveClient, ...]:
        """All of them."""
        return tuple(self._by_key.values())

    def refresh(self) -> tuple[CurveClient, ...]:
        """Read the file again if it is another one than before; those who lost what they had. A file that
        cannot be used lets nobody in by it."""
        mark = self._mark_now()
        if mark == self._mark:
            return ()
        self._mark, before = mark, self._by_key
        try:
            listed = self._listed()
        except ConfigError as error:
            _log.error("%s; nobody comes in by it", error)
            listed = ()
        self._by_key = self._all(listed)
        return tuple(client for client in before.values() if not self.holds(client))

    def _listed(self) -> tuple[CurveClient, ...]:
        return () if self._file is None else self._file.read()

    def _all(self, listed: Iterable[CurveClient]) -> Mapping[str, CurveClient]:
        # The config's word counts where both list a key.
        return {client.public_key: client for client in (*listed, *self._fixed)}

    def _mark_now(self) -> FileMark:
        if self._file is None:
            return None
        try:
            found = self._file.path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino


def _check_differ(clients: tuple[CurveClient, ...]) -> None:
    keys = [client.public_key for client in clients]
    for place, key in enumerate(keys):
        if key in keys[:place]:
            raise ConfigError(
                f"zmq.curve: {clients[place].name} has the key of another client, expected each key once"
            )
