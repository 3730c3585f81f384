"""Cameras at run time: added, changed and removed over HTTP, and taken from the config file again."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from streamtrack.config import Config, SourceConfig, StreamConfig, fill_in, is_loopback
from streamtrack.control.cameras import CameraInfo, CamerasInfo, ReloadInfo, TrialBody, TrialInfo
from streamtrack.errors import (
    BusyError,
    CapacityError,
    ConfigError,
    DuplicateStreamError,
    FixedStreamError,
    StreamTrackError,
    UnknownStreamError,
)
from streamtrack.ingest.source_gate import Gate, SourceGate
from streamtrack.state.secret_box import SecretBox
from streamtrack.streams.credentials import merged, restored_url, shown_values
from streamtrack.streams.given import check_given, parse_stream
from streamtrack.streams.reload import Plan, plan_reload
from streamtrack.streams.running_stream import RunningStream, Shared
from streamtrack.streams.source_trial import SourceTrials
from streamtrack.streams.state_file import StateFile
from streamtrack.streams.streams import Streams

WAIT_S = 20.0
"""How long a change waits for another one of the same stream."""

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Place:
    """Where changes of one stream take turns."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    users: int = 0
    """Those that wait, and the one under way."""


class Cameras:
    """Fulfils `CameraKeeper`. Belongs to the event loop; what takes time is done in threads."""

    def __init__(
        self,
        config: Config,
        streams: Streams,
        shared: Shared,
        read_config: Callable[[], Config] | None = None,
    ) -> None:
        """Take the cameras up that were kept; one that cannot run stays, with why it cannot.

        Args:
            read_config: reads the config file again; None: there is none.
        Raises:
            ConfigError: the state folder cannot be used.
        """
        self._config = config
        self._streams = streams
        self._shared = shared
        self._read_config = read_config
        self._locks: dict[str, _Place] = {}
        self._reloading = asyncio.Lock()
        self._writing = asyncio.Lock()
        self._trials = SourceTrials()
        self._made: dict[str, StreamConfig] = {}
        """What was added, with the keys that were set."""
        self._faults: dict[str, str] = {}
        """Of what was added and cannot run: why."""
        self._gate = _gate_of(config)
        keeping = shared.keeping
        box = SecretBox(config.state.key_file)
        self._state = None if keeping is None else StateFile(keeping.folder, box)
        if self._state is not None and keeping is not None:
            if box.lies_in(keeping.folder.path):
                logger.warning("%s: the key lies in the folder whose passwords it seals", box.key_file)
            self._restore(self._state.read())

    @property
    def gate(self) -> Gate:
        """Which sources may be given over HTTP; follows the config through reloads."""
        return _Following(lambda: self._gate)

    # -- what is told ----------------------------------------------------------------------------------

    def cameras(self) -> CamerasInfo:
        """Every stream's settings."""
        limits = self._config.cameras
        names = dict.fromkeys((*self._streams.names(), *self._made))
        return CamerasInfo(
            cameras=tuple(self.camera(name) for name in names),
            stored=self._state is not None,
            max_streams=limits.max_streams,
            allow_schemes=limits.allow_schemes,
            allow_files=bool(limits.allow_folders),
            records=self._shared.archive.is_on,
            reloads=self._read_config is not None,
        )

    def camera(self, name: str) -> CameraInfo:
        """One stream's settings."""
        made = self._made.get(name)
        if made is not None:
            origin = "memory" if self._state is None else "state"
            fault = self._faults.get(name, "")
            return CameraInfo(name=name, origin=origin, settings=shown_values(made), fault=fault)
        return CameraInfo(name=name, origin="config", settings=shown_values(self._streams.get(name).config))

    # -- what is changed -------------------------------------------------------------------------------

    async def add(self, config: StreamConfig) -> CameraInfo:
        """Let a stream begin, and keep it."""
        name = config.name
        self._require_free(name)
        async with self._changing(name, wait=False):
            self._require_free(name)
            self._require_room()
            stream = await self._make(config)
            await self._keep({**self._made, name: config})
            self._made[name] = config
            self._streams.add(stream)
        logger.info("stream %s: added", name)
        return self.camera(name)

    async def change(self, name: str, patch: Mapping[str, Any]) -> CameraInfo:
        """Other settings for a stream."""
        async with self._changing(name):
            known = self._require_made(name)
            if name in self._faults and name in self._streams:
                raise DuplicateStreamError(f"stream {name!r}: {self._faults[name]}, expected another")
            config = parse_stream(merged(known, patch))
            if config.name != name:
                raise ConfigError(f"name is {config.name!r}, expected {name!r} as in the path: it stays")
            if config == known and name not in self._faults:
                return self.camera(name)
            stream = await self._make(config)
            await self._keep({**self._made, name: config})
            self._made[name] = config
            self._faults.pop(name, None)
            if name in self._streams:
                await self._streams.replace(stream)
            else:
                self._streams.add(stream)
        logger.info("stream %s: changed", name)
        return self.camera(name)

    async def remove(self, name: str) -> None:
        """End a stream, and forget it."""
        async with self._changing(name):
            self._require_made(name)
            clashes = name in self._faults and name in self._streams  # with one of the config file
            await self._keep({key: one for key, one in self._made.items() if key != name})
            del self._made[name]
            self._faults.pop(name, None)
            if name in self._streams and not clashes:
                await self._streams.remove(name)
        logger.info("stream %s: removed", name)

    async def try_source(self, body: TrialBody) -> tuple[TrialInfo, bytes]:
        """What is behind an address, and its first picture as JPEG."""
        source = body.source
        known = None if body.name is None else self._made.get(body.name)
        url = restored_url(source.url, "" if known is None else known.source.url, "source.url")
        source = source.model_copy(update={"url": url})
        return await self._trials.run(source, self._gate)

    async def reload(self) -> ReloadInfo:
        """Read the config file again; streams whose settings are as before go on undisturbed."""
        if self._read_config is None:
            raise ConfigError("this server runs without a config file, expected one to reload")
        async with self._reloading:
            config = fill_in(await asyncio.to_thread(self._read_config))
            plan = plan_reload(self._config, config, self._made)
            async with contextlib.AsyncExitStack() as changing:
                for name in sorted(plan.touched):
                    await changing.enter_async_context(self._changing(name))
                plan = plan_reload(self._config, config, self._made)  # one may have been added meanwhile
                # Everything is made before anything ends: where one cannot be, all stays as it was.
                made = await asyncio.to_thread(
                    lambda: [RunningStream(one, self._shared) for one in plan.to_make]
                )
                await self._carry_out(plan, made)
            self._config = plan.config
            self._gate = _gate_of(plan.config)
            return plan.told()

    async def _carry_out(self, plan: Plan, made: Iterable[RunningStream]) -> None:
        """Removals all at once: each may take as long as its camera hangs."""
        await asyncio.gather(*(self._streams.remove(name) for name in plan.removed))
        for stream in made:
            if stream.name in self._streams:
                await self._streams.replace(stream)
            else:
                self._streams.add(stream)

    # -- parts ---------------------------------------------------------------------------------------

    def _restore(self, kept: Iterable[StreamConfig]) -> None:
        """Before the server runs."""
        for config in kept:
            self._made[config.name] = config
            try:
                if config.name in self._streams:
                    raise ConfigError("its name is that of a stream of the config file")
                self._streams.put_all([self._made_now(config)])
            except StreamTrackError as error:
                self._faults[config.name] = str(error)
                logger.error("stream %s: kept, and not started: %s", config.name, error)

    async def _make(self, config: StreamConfig) -> RunningStream:
        """In a thread: a file is opened, a name looked up, a detector loaded."""
        return await asyncio.to_thread(self._made_now, config)

    def _made_now(self, config: StreamConfig) -> RunningStream:
        check_given(config, self._gate)
        whole = fill_in(self._config.model_copy(update={"streams": (config,)})).streams[0]
        return RunningStream(whole, self._shared, self._gate)

    async def _keep(self, made: Mapping[str, StreamConfig]) -> None:
        if self._state is not None:
            async with self._writing:
                await asyncio.to_thread(self._state.write, tuple(made.values()))

    @contextlib.asynccontextmanager
    async def _changing(self, name: str, *, wait: bool = True) -> AsyncIterator[None]:
        """One change of a stream at a time.

        Raises:
            DuplicateStreamError, BusyError: another one is under way, and `wait` is False or was in vain.
        """
        place = self._locks.setdefault(name, _Place())
        if place.users and not wait:
            raise DuplicateStreamError(
                f"stream {name!r} is being added or removed, expected to be asked later"
            )
        place.users += 1
        try:
            try:
                async with asyncio.timeout(WAIT_S):
                    await place.lock.acquire()
            except TimeoutError:
                raise BusyError(f"stream {name!r} has been changing for {WAIT_S:g} s; ask again") from None
            try:
                yield
            finally:
                place.lock.release()
        finally:
            place.users -= 1
            if not place.users:
                del self._locks[name]

    def _require_free(self, name: str) -> None:
        if name in self._streams or name in self._made:
            raise DuplicateStreamError(f"stream {name!r} exists already, expected another name")

    def _require_room(self) -> None:
        most = self._config.cameras.max_streams
        # Those being added hold a lock and are not yet among the streams; this one is.
        adding = sum(name not in self._streams and name not in self._made for name in self._locks)
        if len({*self._streams.names(), *self._made}) + adding > most:
            raise CapacityError(f"there are {most} streams, and no place for another (cameras.max_streams)")

    def _require_made(self, name: str) -> StreamConfig:
        if name in self._made:
            return self._made[name]
        if name in self._streams:
            raise FixedStreamError(
                f"stream {name!r} is the config file's: change it there, then POST /config/reload"
            )
        raise UnknownStreamError(name, self._streams.names())


class _Following:
    """The gate that is in force at the moment of asking."""

    def __init__(self, gate: Callable[[], SourceGate]) -> None:
        self._gate = gate

    def check(self, source: SourceConfig) -> Mapping[str, str]:
        """As the gate in force."""
        return self._gate().check(source)

    def check_url(self, url: str, key: str) -> Mapping[str, str]:
        """As the gate in force."""
        return self._gate().check_url(url, key)


def _gate_of(config: Config) -> SourceGate:
    return SourceGate(config.cameras, loopback=is_loopback(config.http.host))
