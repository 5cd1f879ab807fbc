"""Options that several commands share, and how results are printed.

Data goes to stdout, words to stderr. Nothing here opens the warehouse.
"""

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from proxylm.escaping import shown_json, shown_lines

HomeOption = Annotated[
    Path | None,
    typer.Option("--home", help="Home folder. Default: PLM_HOME, else ./plm.", show_default=False),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
TaskOption = Annotated[str | None, typer.Option(help="Only this task: mt, intent or slot.")]
LimitOption = Annotated[int, typer.Option(min=1, help="Show at most so many rows.")]


def home_folder(home: Path | None) -> Path:
    """The home that a command names, whether it exists or not."""
    return home or Path(os.environ.get("PLM_HOME") or "plm")


def say(message: str) -> None:
    """A word to the user, on stderr."""
    typer.echo(shown_lines(message), err=True)


def print_json(value: Any) -> None:
    """A value as JSON on stdout."""
    typer.echo(shown_json(json.dumps(value, ensure_ascii=False, indent=2, default=_plain)))


def print_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    title: str | None = None,
    exact: bool = False,
) -> None:
    """Rows as a table on stdout: numbers to the right, rounded unless `exact`; NULL as a dash."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    rows = [list(row) for row in rows]
    table = Table(
        title=Text(title) if title else None, title_justify="left", box=SIMPLE_HEAD, show_edge=False
    )
    for index, name in enumerate(columns):
        values = [row[index] for row in rows if row[index] is not None]
        numeric = bool(values) and all(isinstance(v, int | float) for v in values)
        table.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        cells = (cell(v) if v is None or not exact else shown_lines(str(v)) for v in row)
        table.add_row(*map(Text, cells))
    # A file or a pipe has no width of its own: let no column be cut there.
    console = Console(width=None if sys.stdout.isatty() else max(120, 24 * len(columns)))
    wanted = console.measure(table, options=console.options.update(max_width=10_000)).maximum
    if sys.stdout.isatty() and wanted > console.width:
        _print_narrow(columns, rows, title, exact)
    else:
        console.print(table)


def _print_narrow(
    columns: Sequence[str], rows: Sequence[Sequence[Any]], title: str | None, exact: bool
) -> None:
    """For a terminal that is narrower than the table: a block a row, a line a value."""
    if title:
        typer.echo(f"{title}\n")
    width = max(map(len, columns), default=0)
    for row in rows:
        for name, value in zip(columns, row, strict=True):
            shown = cell(value) if value is None or not exact else str(value)
            typer.echo(f"{name:{width}}  {shown}")
        typer.echo()


def print_rows(
    columns: Sequence[str], rows: Sequence[Sequence[Any]], as_json: bool, exact: bool = False
) -> None:
    """Rows as JSON objects or as a table; see `print_table`."""
    if as_json:
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
    else:
        print_table(columns, rows, exact=exact)


def print_facts(facts: Mapping[str, Any], as_json: bool) -> None:
    """Named values, one a line, or as a JSON object."""
    if as_json:
        print_json(facts)
        return
    for name, value in facts.items():
        typer.echo(f"{name.replace('_', ' ')}: {cell(value)}")


@contextmanager
def progress(total: int, what: str) -> Iterator[Callable[[int], None]]:
    """A bar on stderr while the context lasts, on a terminal only; call the value to advance it."""
    if not sys.stderr.isatty():
        yield lambda count: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda count: bar.advance(task, count)


def cell(value: Any) -> str:
    """A value as a reader wants it: three decimals below 2, one above, NULL as a dash.

    Named values are parted by commas, and `none` where there are none.

    Text is escaped, but for its line ends: it may come from outside.
    """
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3f}" if abs(value) < 2 and value != int(value) else f"{value:.1f}"
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    if isinstance(value, Mapping):
        return ", ".join(f"{cell(name)} {cell(x)}" for name, x in value.items()) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(map(cell, value))
    return shown_lines(str(value))


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    return str(value)
