"""From a file and a command line to the config in force, once: everything then reads the same values.

The order: what the command line says, else the file, else the preset, else the default.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from streamtrack.config.environment import expand_variables
from streamtrack.config.faults import Fault, first_fault
from streamtrack.config.model import live_threads
from streamtrack.config.overrides import Override, apply_override, parse_assignment
from streamtrack.config.presets import PRESETS, model_with_preset, tracking_of_model, tracking_with_preset
from streamtrack.config.section import Section
from streamtrack.config.whole import Config
from streamtrack.config.yaml_file import Document, KeyPath, read_yaml
from streamtrack.config.zmq import CLIENTS_FILE, ZmqConfig
from streamtrack.errors import ConfigError

SectionT = TypeVar("SectionT", bound=Section)

RECORDING = "recording"
"""The name of the only stream of `load_recording_config`, where a file names none."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """The config in force, and where its values come from."""

    config: Config
    origins: Mapping[KeyPath, str]
    """`FILE:LINE`, a flag, a preset; keys that are not here have their default."""


def load_config(path: Path, overrides: Iterable[Override | str] = ()) -> Config:
    """The config that a YAML file and a command line make, presets and threads filled in.

    Args:
        overrides: in this order; a text is `KEY=VALUE` as after `--set`.
    Raises:
        ConfigError: the file cannot be read, is not YAML, or a key or value does not fit; the message names
            file, key, what was found, what was expected and the line.
    """
    return resolve(read_yaml(path), overrides).config


def load_recording_config(
    video: str, path: Path | None = None, overrides: Iterable[Override | str] = ()
) -> Config:
    """The config of one recording: its only stream's source is `video`, every frame of it.

    Args:
        path: a YAML file whose other keys hold; it may name no stream, or one.
        overrides: as for `load_config`.
    Raises:
        ConfigError: as for `load_config`; or the file names several streams.
    """
    document = read_yaml(path) if path is not None else Document("command line", {})
    value = document.value if document.value is not None else {}
    if isinstance(value, dict) and "streams" not in value:
        value = {**value, "streams": [{"name": RECORDING, "source": {}}]}
    of_track = (only_url(value, video, "VIDEO"), Override(("source", "pace"), "every_frame", "track"))
    document = Document(document.where, value, document.lines)
    return resolve(document, (*of_track, *overrides), live=False).config


def only_url(raw: Any, url: str, flag: str) -> Override:
    """The override that gives the only stream another source.

    Raises:
        ConfigError: there are several streams.
    """
    streams = raw.get("streams") if isinstance(raw, dict) else None
    if isinstance(streams, list) and len(streams) > 1:
        raise ConfigError(f"{flag} is given, expected one stream in the config and not {len(streams)}")
    return Override(("source", "url"), url, flag)


def resolve(document: Document, overrides: Iterable[Override | str] = (), *, live: bool = True) -> Resolved:
    """Merge, check and fill in.

    Args:
        live: a step leaves one core to what decodes, draws and encodes; False leaves threads to torch.
    Raises:
        ConfigError: a key or value does not fit.
    """
    raw = document.value
    origins: dict[KeyPath, str] = {path: f"{document.where}:{line}" for path, line in document.lines.items()}
    if not origins:  # no file: a command line, or our own
        origins = dict.fromkeys(_leaves(raw, ()), document.where)
    # Before anything is checked: a key counts as set where someone set it.
    for override in (parse_assignment(o) if isinstance(o, str) else o for o in overrides):
        raw, places = apply_override(raw, override)
        for place in places:
            origins |= dict.fromkeys(_leaves(override.value, place), override.origin)
    raw = expand_variables(raw, os.environ, document.where)
    config = _validate(raw, document.where, origins)
    if document.lines:
        config = _beside(config, Path(document.where).parent)
    filled = fill_in(config, live=live)
    origins |= _filled_origins(config, filled)
    return Resolved(filled, origins)


def parse_config(raw: object, where: str) -> Config:
    """Check plain values as a YAML file holds them; nothing is filled in. `where` names them in errors.

    Raises:
        ConfigError: a key or value does not fit.
    """
    return _validate(raw, where, {})


def fill_in(config: Config, *, live: bool = True) -> Config:
    """The config with what its preset and this machine say of keys that nobody set; again changes nothing."""
    model = model_with_preset(config.model)
    if live and model.threads is None:
        model = model.model_copy(update={"threads": live_threads()})
    streams = tuple(
        stream.model_copy(
            update={
                "tracking": tracking_of_model(tracking_with_preset(stream.tracking, model.preset), model.name)
            }
        )
        for stream in config.streams
    )
    update = {"model": model, "streams": streams, "zmq": _with_clients_file(config)}
    return config.model_copy(update=update)


def _with_clients_file(config: Config) -> ZmqConfig:
    """`zmq` with the file of clients where the state folder says where it is."""
    curve, folder = config.zmq.curve, config.cameras.state_dir
    if curve is None or folder is None or curve.clients_file is not None:
        return config.zmq
    curve = curve.model_copy(update={"clients_file": folder / CLIENTS_FILE})
    return config.zmq.model_copy(update={"curve": curve})


def _beside(config: Config, folder: Path) -> Config:
    """The config with its relative files in the folder of its own file."""
    streams = tuple(
        stream.model_copy(update={"rules": _in_folder(stream.rules, "file", folder)})
        for stream in config.streams
    )
    alerts = _in_folder(config.alerts, "spool", folder)
    archive = _in_folder(config.archive, "folder", folder)
    if alerts.mqtt is not None:
        alerts = alerts.model_copy(update={"mqtt": _in_folder(alerts.mqtt, "ca_file", folder)})
    cameras = _in_folder(config.cameras, "state_dir", folder)
    folders = tuple(folder / path for path in cameras.allow_folders)
    cameras = cameras.model_copy(update={"allow_folders": folders})
    jobs = _in_folder(config.jobs, "folder", folder)
    http = _in_folder(_in_folder(config.http, "tls_certificate", folder), "tls_key", folder)
    update = {"alerts": alerts, "archive": archive, "cameras": cameras, "jobs": jobs, "http": http}
    if config.zmq.curve is not None:
        curve = _in_folder(config.zmq.curve, "clients_file", folder)
        update["zmq"] = config.zmq.model_copy(update={"curve": curve})
    return config.model_copy(update={"streams": streams, **update})


def _in_folder(section: SectionT, key: str, folder: Path) -> SectionT:
    path = getattr(section, key)
    return section if path is None else section.model_copy(update={key: folder / path})


def _validate(raw: object, where: str, origins: Mapping[KeyPath, str]) -> Config:
    if not isinstance(raw, dict):
        found = "nothing" if raw is None else type(raw).__name__
        raise ConfigError(f"{where}: holds {found}, expected a mapping with the key 'streams'")
    try:
        return Config.model_validate(raw)
    except ValidationError as error:
        fault = first_fault(error.errors(include_url=False), Config)
        raise ConfigError(f"{where}: {fault.text}{_place(fault, where, origins)}") from error


def _place(fault: Fault, where: str, origins: Mapping[KeyPath, str]) -> str:
    """The line of the key, or the flag that set it; of its section where the key itself is not there."""
    # Where keys disagree, the message begins with the first of them.
    path = fault.path or tuple(fault.text.partition(" ")[0].split("."))
    for depth in range(len(path), 0, -1):
        origin = origins.get(path[:depth])
        if origin is not None:
            line = origin.removeprefix(f"{where}:")
            return f", in line {line}" if line != origin else f", given by {origin}"
    return ""


def _filled_origins(config: Config, filled: Config) -> dict[KeyPath, str]:
    """Where the values come from that `fill_in` filled in."""
    preset = PRESETS[config.model.preset]
    name = f"preset {config.model.preset}"
    found: dict[KeyPath, str] = {}
    for key in preset.model.keys() - config.model.model_fields_set:
        found["model", key] = name
    for index, stream in enumerate(config.streams):
        unset = preset.tracking.keys() - stream.tracking.model_fields_set
        found |= {("streams", index, "tracking", key): name for key in unset}
        tracking = filled.streams[index].tracking
        if stream.tracking.window != tracking.window:
            found["streams", index, "tracking", "window"] = f"model {config.model.name}"
        if stream.tracking.max_mask_growth != tracking.max_mask_growth:
            found["streams", index, "tracking", "max_mask_growth"] = "tracking.window"
    if config.model.threads != filled.model.threads:
        found["model", "threads"] = "this machine's cores but one"
    return found


def _leaves(value: Any, path: KeyPath) -> Iterable[KeyPath]:
    """The paths of a value's keys and items, and its own."""
    yield path
    items: Iterable[tuple[str | int, Any]] = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for key, item in items:
        yield from _leaves(item, (*path, key))
