"""`streamtrack demo` and `streamtrack serve`: a config, the server that runs it, and lines on the console."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn

import typer

from streamtrack.config import (
    Config,
    HttpConfig,
    SceneAutoprompt,
    SourceConfig,
    StreamConfig,
    ZmqConfig,
    load_config,
    parse_config,
)
from streamtrack.errors import ConfigError

if TYPE_CHECKING:
    from streamtrack.server import Server

DEFAULT_HTTP = HttpConfig()
DEFAULT_ZMQ = ZmqConfig()

Duration = Annotated[
    float | None,
    typer.Option(min=0.1, metavar="SECONDS", help="End by itself after this long.", show_default=False),
]
Port = Annotated[
    int | None,
    typer.Option(min=0, max=65_535, help="Of the page and the API; 0 takes a free one.", show_default=False),
]
Model = Annotated[
    str | None, typer.Option(metavar="NAME|FILE", help="Such as nano or sam2.1-tiny, or a weights file.")
]
Device = Annotated[Literal["auto", "cpu", "cuda", "mps"] | None, typer.Option(help="Where the model runs.")]


def demo(
    duration: Duration = None,
    port: Port = None,
    scene: Annotated[str, typer.Option(help="Synthetic scene: demo, crossing, occlusion, many.")] = "demo",
    model: Model = None,
    device: Device = None,
) -> None:
    """A live synthetic camera with nano, the page and ZeroMQ: nothing to download, nothing to plug in."""
    config = demo_config(scene)
    changes: dict[str, Any] = {"zmq": free_zmq(config.zmq)}
    if port is None and (free := free_port(config.http.host, config.http.port)) != config.http.port:
        typer.echo(f"port {config.http.port} is in use, taking {free}")
        port = free
    with _ending_quietly():
        _run(override(config.model_copy(update=changes), port=port, model=model, device=device), duration)


def serve(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="A YAML file, such as configs/rtsp.yaml.")],
    duration: Duration = None,
    url: Annotated[str | None, typer.Option(help="Another source for the config's only stream.")] = None,
    port: Port = None,
    model: Model = None,
    device: Device = None,
) -> None:
    """Track live streams: masks on ZeroMQ, annotated video in the browser."""
    with _ending_quietly():
        _run(override(load_config(config), url=url, port=port, model=model, device=device), duration)


def demo_config(scene: str = "demo") -> Config:
    """What `streamtrack demo` runs; configs/demo.yaml is the same with comments."""
    source = SourceConfig(url=f"synthetic:{scene}")
    return Config(streams=(StreamConfig(name="demo", source=source, autoprompt=SceneAutoprompt()),))


def override(
    config: Config,
    *,
    url: str | None = None,
    port: int | None = None,
    model: str | None = None,
    device: str | None = None,
) -> Config:
    """A config with what the command line says instead.

    Raises:
        ConfigError: `url` is given and there are several streams, or a value does not fit.
        CheckpointError: `model` is a file whose architecture is not recognised.
    """
    raw = config.model_dump()
    if url is not None:
        if len(config.streams) != 1:
            names = ", ".join(stream.name for stream in config.streams)
            raise ConfigError(f"--url is given, expected one stream in the config and not {names}")
        raw["streams"][0]["source"]["url"] = url
    if port is not None:
        raw["http"]["port"] = port
    if model is not None:
        raw["model"] |= model_section(model)
    if device is not None:
        raw["model"]["device"] = device
    return parse_config(raw, "command line")


def model_section(name_or_path: str) -> dict[str, Any]:
    """The keys of `ModelConfig` that a model's name or a weights file stands for.

    Raises:
        CheckpointError: a file whose architecture is not recognised.
    """
    path = Path(name_or_path)
    if path.suffix not in (".pt", ".pth", ".safetensors") and not path.is_file():
        return {"name": name_or_path, "checkpoint": None}
    from streamtrack.model.build import name_of_checkpoint  # imports torch: only for those who need it

    return {"name": name_of_checkpoint(path), "checkpoint": path}


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


def free_zmq(config: ZmqConfig) -> ZmqConfig:
    """The addresses where they are free, else some that are."""
    changes = {}
    for key in ("masks_address", "control_address"):
        host, port = getattr(config, key).removeprefix("tcp://").rsplit(":", 1)
        changes[key] = f"tcp://{host}:{free_port(host, int(port))}"
    return config.model_copy(update=changes)


def _run(config: Config, duration_s: float | None) -> NoReturn:
    from streamtrack.server import Server, stop_on_signals  # imports torch, which takes seconds

    async def run() -> None:
        with stop_on_signals(server.request_stop):
            await server.run(duration_s)

    server = Server(config, on_report=lambda report: typer.echo(report.line()), on_listening=_announce)
    asyncio.run(run())
    for totals in server.totals:
        typer.echo(f"summary {totals.line()}")
    # Everything is closed. To tear the interpreter down takes seconds with torch in it, and may crash around
    # a thread that sits in a call that cannot be interrupted (a camera that hangs, a step of a large model).
    _exit_now(0)


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
