"""What this machine has and what it lacks, each with the fix: the first thing to run when something fails.

Every check survives a broken installation: what cannot be imported is a finding, not a traceback.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer
from packaging.requirements import Requirement
from rich.console import Console
from rich.table import Table
from rich.text import Text

from streamtrack.config import HttpConfig, ZmqConfig, load_config
from streamtrack.errors import CheckpointError
from streamtrack.model.footprint import GIBIBYTE, find_fits
from streamtrack.weights.catalog import (
    CATALOG,
    DETECTOR,
    all_checkpoints,
    download_folder,
    find_checkpoint,
    verify_checkpoint,
)

NVIDIA_DRIVER = Path("/proc/driver/nvidia/version")


class Health(StrEnum):
    """How a finding is meant."""

    OK = "ok"
    WARNING = "warning"
    """Works, but slower or with something left out."""
    MISSING = "missing"
    """streamtrack does not run without it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report."""

    topic: str
    health: Health
    text: str
    """What was found."""
    fix: str = ""
    """What to do about it; empty where all is well."""


@dataclass(frozen=True, slots=True)
class Report:
    """All findings, in the order in which they matter."""

    findings: tuple[Finding, ...]

    @property
    def usable(self) -> bool:
        """Nothing is missing that streamtrack needs."""
        return all(finding.health is not Health.MISSING for finding in self.findings)


def collect_report(http: HttpConfig | None = None, zmq: ZmqConfig | None = None) -> Report:
    """Look at this machine; takes seconds, most of them torch's import.

    Args:
        http, zmq: whose ports to try; None: the defaults.
    """
    findings = [_python(), *_dependencies()]
    for check in (_torch, _networks, _codecs):
        findings += _survive(check)
    findings += [*_checkpoints(), _room(), *_ports(http or HttpConfig(), zmq or ZmqConfig()), _webcams()]
    return Report(tuple(findings))


def doctor(
    config: Annotated[
        Path | None, typer.Argument(help="Config whose ports are tried.", show_default=False)
    ] = None,
) -> None:
    """Show what this machine has, and how to fix what it lacks."""
    if config is None:
        report = collect_report()
    else:
        settings = load_config(config)
        report = collect_report(settings.http, settings.zmq)
    console = Console()
    table = Table(box=None, show_header=False, padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    styles = {Health.OK: "green", Health.WARNING: "yellow", Health.MISSING: "bold red"}
    for finding in report.findings:
        text = Text(finding.text)
        if finding.fix:
            text.append(f"\n-> {finding.fix}", style="italic")
        table.add_row(Text(finding.health, style=styles[finding.health]), finding.topic, text)
    console.print(table)
    if not report.usable:
        raise typer.Exit(1)


def _survive(check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """The check's findings, up to an import that fails: no wheel, or one for another system (OSError)."""
    try:
        yield from check()
    except (ImportError, OSError) as error:
        topic = check.__name__.removeprefix("_")
        yield Finding(
            topic, Health.MISSING, f"cannot be loaded: {error}", "pip install --force-reinstall streamtrack"
        )


def _python() -> Finding:
    text = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    return Finding("python", Health.OK, text)


def _dependencies() -> Iterator[Finding]:
    """Installed versions against the ranges that our own metadata names."""
    try:
        lines = importlib.metadata.requires("streamtrack") or []
    except importlib.metadata.PackageNotFoundError:
        yield Finding("packages", Health.WARNING, "streamtrack runs uninstalled", "pip install -e .")
        return
    found = []
    for requirement in map(Requirement, lines):
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        fix = f"pip install '{requirement}'"
        try:
            version = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            yield Finding("packages", Health.MISSING, f"{requirement.name} is not installed", fix)
            continue
        if not requirement.specifier.contains(version, prereleases=True):
            text = f"{requirement.name} is {version}, expected {requirement.specifier}"
            yield Finding("packages", Health.WARNING, text, fix)
        found.append(f"{requirement.name} {version}")
    yield Finding("packages", Health.OK, ", ".join(found))


def _torch() -> Iterator[Finding]:
    from streamtrack.model.hardware import probe_torch

    facts = probe_torch()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    built = f"built for CUDA {facts.cuda_version}" if facts.cuda_version else "built without CUDA"
    yield Finding("torch", Health.OK, f"{facts.version}, {built}")
    features = ", ".join(facts.cpu_features) or "no vector extensions told"
    name = facts.cpu_name or platform.processor() or "CPU"
    yield Finding("cpu", Health.OK, f"{name}: {cores} cores, {facts.threads} threads; {features}")
    for device in facts.cuda_devices:
        yield Finding("cuda", Health.OK, f"{device}; driver {_nvidia_driver() or 'unknown'}")
    if facts.cuda_devices:
        return
    if facts.has_mps:
        yield Finding("mps", Health.OK, "Apple GPU")
    elif (driver := _nvidia_driver()) is not None:
        fix = "update the driver, or install a torch built for an older CUDA"
        if facts.cuda_version is None:
            fix = "install a torch that is built for CUDA"
        yield Finding("cuda", Health.WARNING, f"NVIDIA driver {driver}, but torch sees no device", fix)
    else:
        yield Finding("cuda", Health.OK, "no GPU: nano runs live on the CPU, the larger models do not")


def _nvidia_driver() -> str | None:
    """The kernel module's version; None without one."""
    try:
        words = NVIDIA_DRIVER.read_text(encoding="utf-8").splitlines()[0].split()
    except (OSError, IndexError):
        return None
    return next((word for word in words if word[0].isdigit() and "." in word), "unknown")


def _networks() -> Iterator[Finding]:
    from streamtrack.model.build import resolve_device, resolve_precision
    from streamtrack.model.hardware import free_bytes

    device = resolve_device("auto")
    precision = resolve_precision("auto", device)
    yield Finding("networks", Health.OK, f"auto runs on {device.type} in {precision}")
    there = free_bytes(device.type)
    if there is None:
        return
    fits = find_fits(there, precision=precision, device=device.type)
    names = ", ".join(fit.entry.name for fit in fits if fit.fits) or "no model"
    text = f"{there / GIBIBYTE:.1f} GiB free on {device.type}, room for {names} (see `streamtrack fit`)"
    yield Finding("memory", Health.OK, text)


def _codecs() -> Iterator[Finding]:
    from streamtrack.video.encoder_probe import has_gpu_encoder, missing_decoders, probe_encoders

    reinstall = "pip install --force-reinstall --only-binary :all: av"
    if missing := missing_decoders():
        yield Finding("decoders", Health.MISSING, f"FFmpeg cannot read {', '.join(missing)}", reinstall)
    else:
        yield Finding("decoders", Health.OK, "H264, HEVC, MJPEG and VP8 can be read")
    for codec, encoder in probe_encoders().items():
        if isinstance(encoder, Exception):
            yield Finding("encoders", Health.MISSING, str(encoder), reinstall)
        else:
            yield Finding("encoders", Health.OK, f"{codec} by {encoder}")
    nvenc = "NVENC encodes on the GPU" if has_gpu_encoder() else "no NVENC: the CPU encodes"
    yield Finding("encoders", Health.OK, nvenc)


def _checkpoints() -> Iterator[Finding]:
    """Those that ship checked byte for byte; the large ones by size."""
    absent = []
    for entry in all_checkpoints().values():
        path = find_checkpoint(entry)
        if path is None:
            if entry.shipped:
                fix = "reinstall streamtrack, or restore checkpoints/ in your clone"
                # Without the detector only tracks that start by class are missing.
                health = Health.WARNING if entry is DETECTOR else Health.MISSING
                yield Finding("checkpoint", health, f"{entry.name} is not there", fix)
            else:
                absent.append(entry.name)
            continue
        fix = "reinstall streamtrack" if entry.shipped else f"streamtrack checkpoints get {entry.name}"
        try:
            if entry.shipped:
                verify_checkpoint(entry, path)
            elif (num_bytes := path.stat().st_size) != entry.num_bytes:
                raise CheckpointError(f"{path}: {num_bytes} bytes, expected {entry.num_bytes}")
        except CheckpointError as error:
            yield Finding("checkpoint", Health.WARNING, f"{entry.name} is damaged: {error}", fix)
        else:
            yield Finding("checkpoint", Health.OK, f"{entry.name}: {path}")
    if absent:
        text = f"not here: {', '.join(absent)}; `streamtrack checkpoints get NAME` fetches one"
        yield Finding("checkpoint", Health.OK, text)


def _room() -> Finding:
    """Room for downloads, in the folder or in the one that it would be made in."""
    folder = download_folder()
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    fix = "name another folder in STREAMTRACK_CHECKPOINTS"
    if not there.is_dir() or not os.access(there, os.W_OK):
        return Finding("downloads", Health.WARNING, f"{folder} cannot be written", fix)
    free_bytes = shutil.disk_usage(there).free
    text = f"{folder}, {free_bytes / 2**30:.1f} GiB free"
    if free_bytes < max(entry.num_bytes for entry in CATALOG.values()):
        return Finding("downloads", Health.WARNING, f"{text}: the largest checkpoint does not fit", fix)
    return Finding("downloads", Health.OK, text)


def _ports(http: HttpConfig, zmq: ZmqConfig) -> Iterator[Finding]:
    endpoints = [("http.port", http.host, http.port)]
    for key, address in (
        ("zmq.masks_address", zmq.masks_address),
        ("zmq.control_address", zmq.control_address),
    ):
        url = urlsplit(address or "")
        if url.scheme == "tcp" and url.hostname is not None and url.netloc.rpartition(":")[2].isdigit():
            host = "0.0.0.0" if url.hostname == "*" else url.hostname  # nosec B104 # as the config asks
            endpoints.append((key, host, url.port or 0))
    for key, host, port in endpoints:
        if port == 0:
            continue
        reason = _port_is_taken(host, port)
        if reason is None:
            yield Finding("port", Health.OK, f"{port} of {host} is free ({key})")
        else:
            fix = f"end what uses it, or set {key}"
            yield Finding("port", Health.WARNING, f"{port} of {host} cannot be opened: {reason} ({key})", fix)


def _port_is_taken(host: str, port: int) -> str | None:
    """Why the port cannot be listened on; None where it can."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            if os.name == "posix":  # elsewhere this option would share a port that is in use
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen()
    except OSError as error:
        return error.strerror or str(error)
    return None


def _webcams() -> Finding:
    if platform.system() != "Linux":
        return Finding("webcams", Health.OK, "not looked for on this system")
    devices = sorted(str(path) for path in Path("/dev").glob("video*"))
    return Finding("webcams", Health.OK, ", ".join(devices) or "none")
