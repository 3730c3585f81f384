"""`streamtrack events`: the log of what happened, searched from the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from streamtrack.cli.target import read_target
from streamtrack.config.resolve import resolve
from streamtrack.errors import ConfigError
from streamtrack.frame import EventKind
from streamtrack.history.event_log import FILE, read_log
from streamtrack.history.kept_event import MAX_PAGE, EventQuery, KeptEvent

_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}

Several = "may be given several times"


def events(
    target: Annotated[
        str,
        typer.Argument(metavar="CONFIG|FOLDER", help="A config with an archive.folder, or that folder."),
    ],
    stream: Annotated[list[str] | None, typer.Option(help=f"Of this stream; {Several}.")] = None,
    kind: Annotated[list[str] | None, typer.Option(help=f"Such as entered or lost; {Several}.")] = None,
    class_: Annotated[
        list[str] | None, typer.Option("--class", help=f"Of objects of this class; {Several}.")
    ] = None,
    label: Annotated[list[str] | None, typer.Option(help=f"Of objects with this label; {Several}.")] = None,
    rule: Annotated[list[str] | None, typer.Option(help=f"Of this zone or line; {Several}.")] = None,
    object_id: Annotated[
        list[int] | None, typer.Option("--object", help=f"Of this object's id; {Several}.")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Not before: 30m, 2h or 7d ago, or a moment such as 2026-11-29T08:00 (UTC, unless it names "
            "a zone).",
            show_default=False,
        ),
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="Before this moment, likewise.", show_default=False)
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON object a line.")] = False,
) -> None:
    """What happened: a line an event, oldest first. A server may be running meanwhile."""
    for name in kind or ():
        if name not in frozenset(EventKind):
            raise ConfigError(f"--kind is {name}, expected some of: {', '.join(EventKind)}")
    now = datetime.now(UTC)
    query = EventQuery(
        stream or (),
        kind or (),
        class_ or (),
        label or (),
        rule or (),
        object_id or (),
        from_ms=None if since is None else read_moment(since, now, "--since"),
        to_ms=None if until is None else read_moment(until, now, "--until"),
    )
    found = list(_newest(log_of(target), query, limit))
    for event in reversed(found):
        typer.echo(json.dumps(asdict(event), ensure_ascii=False) if as_json else line_of(event))


def log_of(target: str) -> Path:
    """The log's file, of a folder or of a config.

    Raises:
        ConfigError: the config has no folder.
    """
    if Path(target).is_dir():
        return Path(target) / FILE
    folder = resolve(read_target(target)).config.archive.folder
    if folder is None:
        raise ConfigError(f"{target}: archive.folder is not set: no events are kept, expected a folder")
    return folder / FILE


def read_moment(text: str, now: datetime, option: str) -> int:
    """A moment in milliseconds since the Unix epoch.

    Raises:
        ConfigError: it is none.
    """
    number, unit = text[:-1], text[-1:]
    if unit in _UNITS and number.isascii() and number.isdigit() and len(number) < 8:
        return int((now - timedelta(seconds=int(number) * _UNITS[unit])).timestamp() * 1000)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"{option} is {text}, expected such as 2h, 7d or 2026-11-29T08:00") from None
    return int((moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def line_of(event: KeptEvent) -> str:
    """An event for people: time, stream, kind, and of whom."""
    when = datetime.fromtimestamp(event.wall_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
    parts = [f"{when}Z", event.stream, event.kind]
    if event.object_id is not None:
        parts.append(f"#{event.object_id}")
    parts += [f"{key}={value}" for key, value in _named(event) if value]
    return "  ".join(parts)


def _named(event: KeptEvent) -> Iterator[tuple[str, str]]:
    yield "label", event.label
    yield "class", event.class_name
    yield "rule", event.rule
    for key in ("direction", "reason", "dwell_ms", "seconds"):
        yield key, str(event.detail.get(key, ""))


def _newest(path: Path, query: EventQuery, limit: int) -> Iterator[KeptEvent]:
    while limit > 0:
        page = read_log(path, replace(query, limit=min(limit, MAX_PAGE)))
        yield from page.events
        limit -= len(page.events)
        if page.next_id is None:
            return
        query = replace(query, before_id=page.next_id)
