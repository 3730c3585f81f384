"""The `streamtrack` command: arguments to config to the parts. Errors of use are one line and exit code 2."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Sequence
from typing import Annotated

# Read when torch's OpenMP is loaded, so before anything imports torch: threads that spin while they wait
# would take the cores from decoder and encoder.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import typer

from streamtrack import __version__
from streamtrack.allocator import use_few_pools
from streamtrack.cli.bench import bench_app
from streamtrack.cli.checkpoints import checkpoints_app
from streamtrack.cli.compile import compile_model
from streamtrack.cli.complaint import describe_failure, describe_misuse
from streamtrack.cli.config import show_config
from streamtrack.cli.doctor import doctor
from streamtrack.cli.events import events
from streamtrack.cli.fit import fit
from streamtrack.cli.hidden import hide_arguments
from streamtrack.cli.keys import keys_app
from streamtrack.cli.remember import remember
from streamtrack.cli.serve import demo, serve
from streamtrack.cli.track import track

EXIT_ERROR = 2
EXIT_INTERRUPTED = 130
"""128 + SIGINT, as shells count."""
# Not importable by name: click's own in older typers, a copy inside typer in newer ones.
CommandLineError: type[Exception] = typer.BadParameter.__mro__[2]
assert CommandLineError.__name__ == "ClickException"

app = typer.Typer(
    name="streamtrack",
    help="Real-time object tracker for live video.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(demo)
app.command()(serve)
app.command()(track)
app.command()(remember)
app.command("config")(show_config)
app.command()(events)
app.command("compile")(compile_model)
app.add_typer(checkpoints_app, name="checkpoints")
app.add_typer(bench_app, name="bench")
app.add_typer(keys_app, name="keys")
app.command()(doctor)
app.command()(fit)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"streamtrack {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version and end.", is_eager=True, callback=_print_version),
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log what goes well, too.")] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Log everything; errors show where they came from.")
    ] = False,
) -> None:
    """Real-time object tracker for live video."""
    set_up_logging(debug=debug, verbose=verbose)


def set_up_logging(*, debug: bool, verbose: bool) -> None:
    """Log to stderr: our own from WARNING on (INFO, DEBUG where asked), libraries' warnings only."""
    logging.basicConfig(
        stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    level = logging.DEBUG if debug else logging.INFO if verbose else logging.WARNING
    logging.getLogger("streamtrack").setLevel(level)


def run(arguments: Sequence[str]) -> int:
    """The exit code of a command line."""
    try:
        code = app(args=list(arguments), prog_name="streamtrack", standalone_mode=False)
    except CommandLineError as error:
        message: str = getattr(error, "format_message")()  # noqa: B009
        return _complain(describe_misuse(message))
    except (KeyboardInterrupt, typer.Abort):
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # Whoever read our lines has gone (`| head`); Python would complain once more when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_ERROR
    except Exception as error:  # a line for users; whoever wants to know more asks for it
        if "--debug" in arguments:
            raise
        return _complain(describe_failure(error))
    return code if isinstance(code, int) else 0


def _complain(message: str) -> int:
    if message:  # none where no command was given: the help was shown
        typer.echo(f"streamtrack: error: {message}", err=True)
    return EXIT_ERROR


def main() -> None:
    """The entry point of the `streamtrack` command."""
    # Before torch is loaded. Threads that spin while they wait for each other take the cores from whatever
    # else runs, and then each waits for a whole time slice: with one busy process beside it on two cores a
    # step of nano took 68 to 174 ms, and 35 to 55 ms with threads that sleep; on idle cores both took 32.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    use_few_pools()  # before there are threads
    hide_arguments(sys.argv[1:])
    if "--debug" not in sys.argv:
        # What torch warns of (a driver that it does not find, an operator that is slow) no user can act on.
        warnings.filterwarnings("ignore", module=r"torch(\..*)?")
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
