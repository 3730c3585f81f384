"""Many streams and their endpoints, started in the order in which they can fail, and stopped within three
seconds."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from fastapi import APIRouter

from streamtrack.alerts.hub import AlertsHub
from streamtrack.allocator import give_back_what_lies_idle
from streamtrack.archive import Archive
from streamtrack.clock import SYSTEM_CLOCK, Clock
from streamtrack.config import Config, fill_in
from streamtrack.config.exposure import open_doors
from streamtrack.consumer import Consumer
from streamtrack.control.commands import Answer, AnyCommand, ExportAnswer
from streamtrack.control.memory_commands import AddFromCommand, ExportCommand, ProposeCommand
from streamtrack.control.status import PastEvent, StreamStatus
from streamtrack.control.zmq_control import ZmqControl
from streamtrack.errors import StreamTrackError
from streamtrack.frame import Event
from streamtrack.http.alerts_routes import alerts_router
from streamtrack.http.api import create_app
from streamtrack.http.cameras_routes import cameras_router
from streamtrack.http.connections import ConnectionLimits
from streamtrack.http.front_door import front_door
from streamtrack.http.history_routes import history_router
from streamtrack.http.masks_routes import masks_router
from streamtrack.http.ptz_routes import ptz_router
from streamtrack.http.push_routes import push_router
from streamtrack.http.recordings_routes import recordings_router
from streamtrack.http.rules_routes import rules_router
from streamtrack.http.tls import Certificate, TlsFiles
from streamtrack.http.video_routes import video_router
from streamtrack.http.web_server import WebServer, bind_http
from streamtrack.jobs.desk import JobDesk, ModelUse
from streamtrack.jobs.routes import jobs_router
from streamtrack.mailbox import Mailbox
from streamtrack.pipeline import PipelineReport, RunTotals
from streamtrack.publish.zmq_publisher import ZmqPublisher
from streamtrack.state.keeping import open_keeping
from streamtrack.streams.cameras import Cameras
from streamtrack.streams.model_loading import load_tracker
from streamtrack.streams.running_stream import RunningStream, Shared
from streamtrack.streams.streams import STOP_TIMEOUT_S, Streams
from streamtrack.telemetry import Telemetry
from streamtrack.webrtc.ice_servers import IceServers
from streamtrack.webrtc.whep import WhepSessions

REPORT_PERIOD_S = 1.0
REPORTS_A_TRIM = 60
JOB_PATIENCE_S = 2.0
"""How long streams wait for a job's step before they go on beside it."""

logger = logging.getLogger(__name__)


class Server:
    """Runs the streams of a config. Fulfils `StreamBoard` for the endpoints."""

    def __init__(
        self,
        config: Config,
        *,
        on_report: Callable[[PipelineReport], None] | None = None,
        on_listening: Callable[[Server], None] | None = None,
        read_config: Callable[[], Config] | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        """Bind every socket, then check every source. No camera is touched yet.

        Args:
            on_report: told of each stream once a second, on the event loop.
            on_listening: told once when the endpoints are open.
            read_config: reads the config file again, for a reload; None: there is none.
        Raises:
            PublishError: a port is in use.
            SourceError: a source can never work.
            ConfigError: a file of rules, a spool of alerts, the archive's folder or the certificate cannot be
                used.
        """
        config = fill_in(config)
        self._config = config
        self._on_report = on_report
        self._on_listening = on_listening
        self._clock = clock
        self._telemetry = Telemetry(clock)
        self._stop_requested = asyncio.Event()
        self._reporter: asyncio.Task[None] | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._reloads: set[asyncio.Task[None]] = set()
        self.all_ended = True
        """False after `run` where a thread was left behind in a call that cannot be interrupted."""
        with contextlib.ExitStack() as undo:
            files = TlsFiles.of(config.http)
            certificate = None if files is None else Certificate(files)
            self._listener = undo.enter_context(bind_http(config.http.host, config.http.port))
            self._publisher = undo.enter_context(ZmqPublisher(config.zmq, self._telemetry, clock))
            self._alerts = AlertsHub(config.alerts, self._telemetry, clock)
            undo.callback(self._alerts.stop, 0.0)
            self.archive = Archive(config.archive, clock)
            """Recordings and the log of events."""
            undo.callback(self.archive.close)
            keeping = open_keeping(config, self._alerts.snoozes, clock)
            shared = Shared(self._telemetry, self._publisher, self._alerts, clock, self.archive, keeping)
            undo.callback(shared.keep_no_more, 0.0)
            self.streams = Streams(shared)
            """The streams, which come and go while the server runs."""
            self.streams.put_all([RunningStream(stream, shared) for stream in config.streams])
            self.cameras = Cameras(config, self.streams, shared, read_config)
            """Adds, changes and removes streams while the server runs."""
            self.jobs = self._job_desk(config)
            """Films that are followed on request; None where none are taken."""
            self._door = front_door(config, clock, self._telemetry.registry)
            undo.callback(self._door.audit.close)
            self._control = self._command_socket(config)
            undo.pop_all()
        host, port = self._listener.getsockname()[:2]
        scheme = "http" if certificate is None else "https"
        self.http_address = f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"
        """The page's address, with the port that was taken."""
        routers: tuple[APIRouter, ...] = (
            cameras_router(self.cameras),
            masks_router(self, self._publisher.taps, self._publisher.epoch),
            video_router(self.streams.videos, sessions=WhepSessions(ice_servers=IceServers(config.webrtc))),
            push_router(self.streams.pushes),
            ptz_router(self.streams.ptz),
            rules_router(self.streams.rules),
            alerts_router(self._alerts),
            recordings_router(self.archive),
            history_router(self.archive),
        )
        if self.jobs is not None:
            routers = (*routers, jobs_router(self.jobs, self.cameras.gate))
        app = create_app(self, config.http, routers, self._telemetry.refused, self._door)
        self._web = WebServer(app, self._listener, ConnectionLimits.of(config.http), certificate)
        for door in open_doors(config.http, config.zmq, keys=self._door.asks_for_keys):
            logger.warning("open to the network without authentication: %s", door)

    def _command_socket(self, config: Config) -> ZmqControl | None:
        if config.zmq.control_address is None:
            return None
        return ZmqControl(config.zmq, self, self._telemetry.refused, self._door)

    def _job_desk(self, config: Config) -> JobDesk | None:
        if not config.jobs.enabled:
            return None
        state, turns = config.cameras.state_dir, self.streams.turns
        folder = config.jobs.folder or (None if state is None else state / "jobs")
        in_turn = functools.partial(turns.turn, JOB_PATIENCE_S)
        model = ModelUse(lambda: self.streams.tracker, in_turn, config.model.name)
        return JobDesk(config.jobs, folder, model, self._clock)

    # -- what the endpoints ask --------------------------------------------------------------------------

    async def execute(self, command: AnyCommand) -> Answer:
        """Carry out a command on its stream; raises as `Pipeline.execute`, and UnknownStreamError."""
        target = self.streams.get(command.stream).pipeline
        if not isinstance(command, AddFromCommand):
            return await target.execute(command)
        export = ExportCommand(stream=command.source, object_id=command.source_id)
        exported = await self.streams.get(command.source).pipeline.execute(export)
        assert isinstance(exported, ExportAnswer)
        wanted = command.model_dump(exclude={"op", "source", "source_id"})
        return await target.execute(ProposeCommand(**wanted, memory=exported.memory))

    def stream_names(self) -> Sequence[str]:
        """In the order of the config, then in that in which they were added."""
        return self.streams.names()

    def status(self, stream: str) -> StreamStatus:
        """One stream at this moment; raises UnknownStreamError."""
        found = self.streams.get(stream)
        return found.pipeline.status().model_copy(update={"rules": found.rules.states()})

    def statuses(self) -> Sequence[StreamStatus]:
        """Every stream at this moment."""
        return [self.status(stream) for stream in self.streams.names() if stream in self.streams]

    def watch_events(self, stream: str) -> AbstractContextManager[Mailbox[Event]]:
        """A stream's events from now on; raises UnknownStreamError."""
        return self.streams.get(stream).pipeline.watch_events()

    def past_events(self, stream: str) -> Sequence[PastEvent]:
        """A stream's newest events, oldest first; raises UnknownStreamError."""
        return self.streams.get(stream).pipeline.past_events()

    def metrics(self) -> bytes:
        """The Prometheus text format."""
        return self._telemetry.expose()

    def attach(
        self, stream: str, consumer: Consumer, *, capacity: int = 2, drop_reason: str | None = None
    ) -> None:
        """Give a consumer of your own every update of a stream, as `Pipeline.attach`; raises
        UnknownStreamError."""
        self.streams.get(stream).pipeline.attach(consumer, capacity=capacity, drop_reason=drop_reason)

    @property
    def totals(self) -> Sequence[RunTotals]:
        """Each stream since the start."""
        return self.streams.totals

    @property
    def masks_address(self) -> str:
        """Where subscribers connect to."""
        return self._publisher.address

    @property
    def control_address(self) -> str | None:
        """Where commands go; None where it is turned off."""
        return self._control.address if self._control is not None else None

    # -- the run -------------------------------------------------------------------------------------

    def request_stop(self) -> None:
        """Let `run` end; on the event loop."""
        self._stop_requested.set()

    def request_reload(self) -> None:
        """Read the config file again, and log what became of it; on the event loop."""
        task = asyncio.get_running_loop().create_task(self._reload(), name="reload")
        self._reloads.add(task)
        task.add_done_callback(self._reloads.discard)

    async def _reload(self) -> None:
        await self._web.reload_certificate()
        try:
            told = await self.cameras.reload()
        except StreamTrackError as error:
            logger.error("config not reloaded, the old one stays: %s", error)
            return
        logger.warning("config reloaded: %s", told.line())

    async def run(self, duration_s: float | None = None) -> None:
        """Serve until `duration_s` passed since tracking began, or a stop was requested. Once in a lifetime.

        Raises:
            CheckpointError, ConfigError: the model cannot be loaded.
        """
        try:
            await self._start()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(duration_s):
                    await self._stop_requested.wait()
        finally:
            await self._stop()

    async def _start(self) -> None:
        self.streams.open(asyncio.get_running_loop())
        # Open before the model is loaded, which takes seconds: /healthz and /readyz answer meanwhile.
        await self._web.start()
        self._watcher = asyncio.create_task(self._door.watch(), name="door")
        self._alerts.start()
        if self.jobs is not None:
            self.jobs.start()
        if self._control is not None:
            await self._control.start()
        if self._on_listening is not None:
            self._on_listening(self)
        tracker = await load_tracker(self._config.model, self._stop_requested)
        if tracker is None:
            self.all_ended = False
            return
        logger.info("model %s on %s, %s", tracker.name, tracker.device, tracker.precision)
        self.streams.start(tracker)
        self._reporter = asyncio.create_task(self._report_each_second(), name="report")

    async def _report_each_second(self) -> None:
        loop = asyncio.get_running_loop()
        next_report = loop.time()
        for number in itertools.count(1):
            next_report += REPORT_PERIOD_S
            await asyncio.sleep(next_report - loop.time())
            self._report()
            await asyncio.to_thread(_look_after, self.streams, self.archive)
            if number % REPORTS_A_TRIM == 0:
                await asyncio.to_thread(give_back_what_lies_idle)

    def _report(self) -> None:
        for stream in self.streams:
            report = stream.pipeline.report()
            if self._on_report is not None:
                self._on_report(report)

    async def _stop(self) -> None:
        for task in (self._reporter, self._watcher):
            if task is not None:
                task.cancel()
                await asyncio.wait((task,), timeout=STOP_TIMEOUT_S)
        self._web.stop_soon()
        if self.jobs is not None:
            self.all_ended = await asyncio.to_thread(self.jobs.stop, STOP_TIMEOUT_S) and self.all_ended
        await self.streams.stop()
        self.all_ended = self.all_ended and not self.streams.left_behind
        await self._web.stop()
        # After the streams: what they told last is on its way or in the spool.
        self.all_ended = await asyncio.to_thread(self._alerts.stop, STOP_TIMEOUT_S) and self.all_ended
        self.archive.close()
        if self._control is not None:
            await self._control.stop()
        await asyncio.to_thread(self._door.audit.close)
        self._publisher.close()


def _look_after(streams: Streams, archive: Archive) -> None:
    """Streams without frames tell by themselves who has left their zones; what is kept for too long goes."""
    for stream in streams:
        stream.tell_absences()
    archive.tidy()
