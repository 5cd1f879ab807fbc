"""The entry point of `plm-admin`.

Exit codes: 0 done, 1 failed, 2 usage, 75 busy, 130 interrupted. A mistake of the user's is one
line without a traceback; a bug keeps its traceback.
"""

import os
import signal
import sys
from importlib.metadata import version
from typing import Annotated

import typer

from cli import (
    catalogue,
    choose,
    corpora,
    judge,
    language,
    look,
    predict,
    recommend,
    records,
    sources,
    upkeep,
    work,
)
from proxylm.errors import ProxyLMError
from proxylm.escaping import shown_lines

app = typer.Typer(
    name="plm-admin",
    help="Predict how well language models score on languages they were not run on.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: importing rich would double the time to show it
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"plm-admin {version('proxylm-ops')}")
        raise typer.Exit


@app.callback()
def _options(
    show_version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    pass


for module in (
    work,
    predict,
    choose,
    recommend,
    records,
    catalogue,
    language,
    corpora,
    sources,
    look,
    judge,
    upkeep,
):
    module.add_commands(app)


def main() -> None:
    """Run `plm-admin`."""
    # Ctrl-C must not be turned into "Aborted" with exit code 1.
    signal.signal(signal.SIGINT, _interrupted)
    try:
        app()
    except ProxyLMError as error:
        typer.echo(f"error: {shown_lines(str(error))}", err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:  # the reader of a pipe, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:  # a folder that cannot be written, a disk that is full
        where = f"{error.filename}: " if error.filename else ""
        typer.echo(f"error: {where}{error.strerror or error}", err=True)
        sys.exit(1)


def _interrupted(signum: int, frame: object) -> None:
    typer.echo("interrupted; what was finished is kept", err=True)
    sys.exit(130)
