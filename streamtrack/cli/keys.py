"""`streamtrack keys`: who may come in over HTTP and command over ZeroMQ: keys made, listed, revoked."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from streamtrack.access.audit import AuditLog
from streamtrack.access.audit_file import FILE as AUDIT_FILE
from streamtrack.access.key import expiry_of
from streamtrack.access.key_file import KeyFile
from streamtrack.access.roles import Role
from streamtrack.cli.curve_keys import curve_app
from streamtrack.config.http import KEYS_FILE
from streamtrack.errors import ConfigError

keys_app = typer.Typer(
    name="keys",
    help="Keys: who may watch, steer and administer a server. A running server takes changes at once.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
keys_app.add_typer(curve_app, name="curve")

Name = Annotated[str, typer.Argument(metavar="NAME", help="Whose key it is: it stands in the audit log.")]
StateDir = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help=f"The server's state folder (`serve --state-dir`); the keys are its {KEYS_FILE}.",
        show_default=False,
    ),
]
File = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="The file of keys itself (`http.keys_file`).", show_default=False),
]


@keys_app.command()
def make(
    name: Name,
    role: Annotated[
        Literal["view", "control", "admin"],
        typer.Option(
            help="view sees and hears; control also changes what is followed; admin also cameras, deletion "
            "and the audit log."
        ),
    ] = "view",
    expires: Annotated[
        str | None,
        typer.Option(
            metavar="WHEN",
            help="The key ends then: 12h, 30d, 1y from now, or a moment such as 2027-01-31T18:00 (UTC).",
            show_default=False,
        ),
    ] = None,
    state_dir: StateDir = None,
    keys_file: File = None,
) -> None:
    """A new key. Its token is printed once and kept nowhere: only its hash is."""
    now = datetime.now(UTC)
    until = None if expires is None else expiry_of(expires, now)
    key, token = KeyFile(_path(state_dir, keys_file)).make(name, Role(role), now, until)
    _write_down("keys make", state_dir, f"{key.name} ({role})")
    typer.echo(token)
    ends = "never expires" if until is None else f"expires {_shown(until)}"
    typer.echo(f"{key.name}: {role}, {ends}. This is shown once: keep it now.", err=True)


@keys_app.command("list")
def list_keys(state_dir: StateDir = None, keys_file: File = None) -> None:
    """Every key: name, role, when it was made and when it expires."""
    now = datetime.now(UTC)
    keys = KeyFile(_path(state_dir, keys_file)).read()
    if not keys:
        typer.echo("no keys", err=True)
        return
    rows = [("name", "role", "id", "made", "expires")]
    for key in keys:
        ends = "never" if key.expires is None else _shown(key.expires)
        ends = ends if key.holds(now) else f"{ends}, over"
        rows.append((key.name, key.role.value, key.key_id, _shown(key.made), ends))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        typer.echo("  ".join(cells).rstrip())


@keys_app.command()
def revoke(name: Name, state_dir: StateDir = None, keys_file: File = None) -> None:
    """End a key. What its holder has open is closed within seconds."""
    key = KeyFile(_path(state_dir, keys_file)).revoke(name)
    _write_down("keys revoke", state_dir, f"{key.name} ({key.role.value})")
    typer.echo(f"{key.name}: revoked")


def _path(state_dir: Path | None, keys_file: Path | None) -> Path:
    if keys_file is not None:
        return keys_file
    if state_dir is None:
        raise ConfigError("neither --state-dir nor --keys-file is given, expected one: where the keys are")
    return state_dir / KEYS_FILE


def _write_down(what: str, state_dir: Path | None, named: str) -> None:
    """In the server's audit log, where it is known which that is."""
    if state_dir is None:
        return  # the server notes that its file has changed
    log = AuditLog(state_dir / AUDIT_FILE)
    log.note(what, "done", by=f"user {_user()}", via="command", object_id=named)
    log.close()


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return "unknown"


def _shown(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
