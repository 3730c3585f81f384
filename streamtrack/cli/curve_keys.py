"""`streamtrack keys curve`: CURVE keys for ZeroMQ, and the list of who may watch and command by them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

import typer

from streamtrack.access.curve_file import CurveClient, CurveFile
from streamtrack.access.roles import Role
from streamtrack.config.zmq import CLIENTS_FILE
from streamtrack.errors import ConfigError

curve_app = typer.Typer(
    name="curve",
    help="CURVE keys for ZeroMQ: who reads masks, and who commands.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="Whose key it is: it stands in logs.")]
StateDir = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help=f"The server's state folder; the list is its {CLIENTS_FILE}.",
        show_default=False,
    ),
]
File = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="The list itself (`zmq.curve.clients_file`).", show_default=False),
]
Out = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Write the secret key there, for its owner alone, and not on the screen.",
        show_default=False,
    ),
]


@curve_app.command()
def server(out: Out = None) -> None:
    """A pair of keys for a server, as its config takes them."""
    public, secret = _new_pair()
    typer.echo(f"server_public_key: '{public}'")
    _hand_over("server_secret_key", secret, out)


@curve_app.command()
def make(
    name: Name,
    role: Annotated[
        Literal["view", "control", "admin"],
        typer.Option(help="view reads masks and events; control commands as well; admin may do all."),
    ] = "view",
    public_key: Annotated[
        str | None,
        typer.Option(
            metavar="KEY",
            help="Of a client that has made its own pair: it is only listed.",
            show_default=False,
        ),
    ] = None,
    out: Out = None,
    state_dir: StateDir = None,
    file: File = None,
) -> None:
    """List a client, and make a pair of keys for it. Its secret key is shown once and kept nowhere."""
    secret = ""
    if public_key is None:
        public_key, secret = _new_pair()
    elif out is not None:
        raise ConfigError("--out is for a pair that is made here, expected no --public-key beside it")
    _list_in(state_dir, file).add(CurveClient(name, Role(role), public_key))
    typer.echo(f"public_key: '{public_key}'")
    if secret:
        _hand_over("secret_key", secret, out)


@curve_app.command("list")
def list_clients(state_dir: StateDir = None, file: File = None) -> None:
    """Who is listed, as what."""
    for client in _list_in(state_dir, file).read():
        typer.echo(f"{client.name}\t{client.role.value}\t{client.public_key}")


@curve_app.command()
def revoke(name: Name, state_dir: StateDir = None, file: File = None) -> None:
    """Take a client off the list. A server that runs cuts it off within two seconds; the others connect again
    by themselves."""
    gone = _list_in(state_dir, file).revoke(name)
    typer.echo(f"{gone.name} ({gone.role.value}) is off the list")


def _list_in(state_dir: Path | None, file: Path | None) -> CurveFile:
    if (state_dir is None) == (file is None):
        raise ConfigError("--state-dir and --file: expected one of them")
    if file is None:
        assert state_dir is not None
        file = state_dir / CLIENTS_FILE
    return CurveFile(file)


def _new_pair() -> tuple[str, str]:
    """A public and a secret key in Z85."""
    from streamtrack.publish.zmq_security import new_pair  # loads libzmq

    return new_pair()


def _hand_over(what: str, secret: str, out: Path | None) -> None:
    if out is None:
        typer.echo(f"{what}: '{secret}'")
        return
    try:
        handle = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise ConfigError(f"--out {out}: is there already, expected a new file") from None
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(secret + "\n")
    typer.echo(f"{what}: in {out}")
