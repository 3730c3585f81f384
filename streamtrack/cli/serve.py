"""`streamtrack demo` and `streamtrack serve`: a config, the server that runs it, and lines on the console."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from streamtrack.cli.hidden import leave_no_core
from streamtrack.cli.options import Device, Insecure, Model, Port, PresetName, Settings, flag_overrides
from streamtrack.cli.target import read_target
from streamtrack.config import Config, Override, ZmqConfig
from streamtrack.config.resolve import Resolved, only_url, resolve
from streamtrack.config.yaml_file import Document, KeyPath
from streamtrack.errors import StreamTrackError
from streamtrack.heartbeat import Heartbeat
from streamtrack.signals import reload_on_hangup, stop_on_signals

if TYPE_CHECKING:
    from streamtrack.server import Server

Duration = Annotated[
    float | None,
    typer.Option(min=0.1, metavar="SECONDS", help="End by itself after this long.", show_default=False),
]
BEAT_S = 1.0
SCENES = "demo, crossing, occlusion, many, leave, swap, lookalikes, reentry, crowd"
"""Those of streamtrack.scenes.catalog, which is not imported to print a help text."""


def demo(
    duration: Duration = None,
    port: Port = None,
    scene: Annotated[str, typer.Option(help=f"Synthetic scene: {SCENES}.")] = "demo",
    model: Model = None,
    device: Device = None,
    preset: PresetName = None,
    settings: Settings = None,
) -> None:
    """A live synthetic camera with nano, the page and ZeroMQ: nothing to download, nothing to plug in."""
    flags = flag_overrides(port=port, model=model, device=device, preset=preset, settings=settings)
    with _ending_quietly():
        resolved = demo_config(scene, flags)
        _run(_on_free_ports(_checked(resolved.config), resolved.origins), duration)


def serve(
    target: Annotated[
        str,
        typer.Argument(
            metavar="CONFIG|SOURCE",
            help="A YAML file, such as configs/rtsp.yaml; or a source by itself: rtsp://..., http://..., a "
            "video, a folder of frames, webcam:0, synthetic:demo.",
        ),
    ],
    duration: Duration = None,
    url: Annotated[
        str | None,
        typer.Option(
            help="Another source for the config's only stream. Others on this machine can see command lines "
            "(`ps`): write credentials as 'rtsp://${CAMERA_USER}:${CAMERA_PASSWORD}@host/', in single "
            "quotes, and they are read from the environment.",
            show_default=False,
        ),
    ] = None,
    port: Port = None,
    model: Model = None,
    device: Device = None,
    preset: PresetName = None,
    state_dir: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Where cameras that are added in the page or over HTTP, objects with their memories, zones, "
            "counts and snoozes are kept, so that they are back after a restart (`cameras.state_dir`).",
            show_default=False,
        ),
    ] = None,
    insecure: Insecure = False,
    supervised: Annotated[
        bool,
        typer.Option(
            "--supervise",
            help="Start the server in a process of its own, and again where it dies or hangs (`process`).",
        ),
    ] = False,
    settings: Settings = None,
) -> None:
    """Track live streams: masks on ZeroMQ, annotated video in the browser."""
    flags = flag_overrides(
        port=port, model=model, device=device, preset=preset, settings=settings, insecure=insecure
    )
    if state_dir is not None:
        flags.insert(0, Override(("cameras", "state_dir"), str(state_dir.absolute()), "--state-dir"))

    def read_unchecked() -> Config:
        document = read_target(target)
        of_url = [] if url is None else [only_url(document.value, url, "--url")]
        return resolve(document, [*of_url, *flags]).config

    def read_config() -> Config:
        return _checked(read_unchecked())

    if supervised:
        from streamtrack.cli.supervise import supervise

        arguments = [word for word in sys.argv[1:] if word != "--supervise"]
        raise typer.Exit(supervise(arguments, read_unchecked().process))

    heart = Heartbeat.of_environment()
    if heart.is_standby:
        import streamtrack.server  # noqa: F401  (what takes seconds, ahead of being wanted)

        with suppress(StreamTrackError):  # told when it is wanted, if it is so still
            read_config()
        heart.wait_until_wanted()
    with _ending_quietly():
        _run(read_config(), duration, read_config, heart)


def demo_config(scene: str = "demo", flags: list[Override | str] | None = None) -> Resolved:
    """What `streamtrack demo` runs; configs/demo.yaml is the same."""
    stream = {
        "name": "demo",
        "source": {"url": f"synthetic:{scene}"},
        "autoprompt": {"kind": "scene"},
        "tracking": {"window": "off"},
    }
    return resolve(Document("demo", {"streams": [stream]}), flags or ())


def free_port(host: str, port: int) -> int:
    """The port where it is free, else another that is."""
    with socket.socket() as probe:
        # As the server binds: connections that still linger do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            probe.bind((host, 0))
        return int(probe.getsockname()[1])


def _checked(config: Config) -> Config:
    """The config with its model recognised: what cannot work is told before the page's address is."""
    from streamtrack.model.chosen import check_model  # imports torch, which takes seconds

    return config.model_copy(update={"model": check_model(config.model)})


def _on_free_ports(config: Config, asked: Mapping[KeyPath, str]) -> Config:
    """The config with other ports where those that nobody asked for are in use."""
    http = config.http
    changes: dict[str, Any] = {"zmq": _free_zmq(config.zmq, asked)}
    if ("http", "port") not in asked:
        free = free_port(http.host, http.port)
        if free != http.port:
            typer.echo(f"port {http.port} is in use, taking {free}")
        changes["http"] = http.model_copy(update={"port": free})
    return config.model_copy(update=changes)


def _free_zmq(config: ZmqConfig, asked: Mapping[KeyPath, str]) -> ZmqConfig:
    changes = {}
    for key in ("masks_address", "control_address"):
        if ("zmq", key) not in asked:
            host, port = getattr(config, key).removeprefix("tcp://").rsplit(":", 1)
            changes[key] = f"tcp://{host}:{free_port(host, int(port))}"
    return config.model_copy(update=changes)


def _run(
    config: Config,
    duration_s: float | None,
    read_config: Callable[[], Config] | None = None,
    heart: Heartbeat | None = None,
) -> NoReturn:
    from streamtrack.server import Server  # imports torch, which takes seconds

    if not logging.getLogger("streamtrack").isEnabledFor(logging.DEBUG):  # who debugs wants to look inside
        leave_no_core()
    heart = heart or Heartbeat.of_environment()

    async def run() -> None:
        with stop_on_signals(server.request_stop), reload_on_hangup(server.request_reload):
            beating = asyncio.create_task(_beat(heart, server), name="heartbeat")
            try:
                await server.run(duration_s)
            finally:
                beating.cancel()
                heart.stopping()

    server = Server(
        config,
        on_report=lambda report: typer.echo(report.line()),
        on_listening=_announce,
        read_config=read_config,
    )
    asyncio.run(run())
    for totals in server.totals:
        typer.echo(f"summary {totals.line()}")
    # Everything is closed. To tear the interpreter down takes seconds with torch in it, and may crash around
    # a thread that sits in a call that cannot be interrupted (a camera that hangs, a step of a large model).
    _exit_now(0)


async def _beat(heart: Heartbeat, server: Server) -> None:
    """Give signs of life from the event loop, while the watch over each stream looks, too."""
    is_ready = False
    while heart.is_wanted:
        why = next((why for one in server.streams if (why := one.pipeline.why_stuck)), "")
        if why:
            heart.stuck(why)
        else:
            if not is_ready and server.streams.tracker is not None:
                is_ready = True
                heart.ready()
            heart.beat()
        await asyncio.sleep(BEAT_S if is_ready else BEAT_S / 10)


def _announce(server: Server) -> None:
    typer.echo(f"page     {server.http_address}/")
    typer.echo(f"api      {server.http_address}/docs")
    typer.echo(f"masks    {server.masks_address}")
    if server.control_address is not None:
        typer.echo(f"control  {server.control_address}")


@contextmanager
def _ending_quietly() -> Iterator[None]:
    """Until the server takes the signals over, they end the process as they will end the server: with code
    0."""

    def end(number: int, frame: object) -> NoReturn:
        _exit_now(0)

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _exit_now(code: int) -> NoReturn:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
