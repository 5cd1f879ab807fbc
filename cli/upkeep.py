"""Commands that look after a home: backup, restore, export, import, check and maintain."""

from pathlib import Path
from typing import Annotated

import typer

from cli.options import (
    HomeOption,
    JsonOption,
    home_folder,
    print_facts,
    print_json,
    print_rows,
    say,
)

YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def add_commands(app: typer.Typer) -> None:
    """Add this module's commands to `app`."""
    for command in (backup, restore, check, maintain):
        app.command()(command)
    app.command("export")(export_all)
    app.command("import")(import_all)


def backup(
    keep: Annotated[
        int | None,
        typer.Option(min=1, help="How many backups stay. Default: as in maintain.yaml, else 7."),
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Back up warehouse and catalogue, and check the copy.

    Goes into backups/ of the home. Readers are not disturbed.
    """
    from tasks.maintain import read_policy
    from warehouse.backup import back_up
    from warehouse.home import Home

    here = Home.find(home)
    path, manifest = back_up(here, keep or read_policy(here).backups)
    print_facts(
        {"backup": str(path), "schema": manifest.schema, "scores": manifest.tables["scores"]},
        as_json,
    )


def restore(
    source: Annotated[
        Path,
        typer.Argument(metavar="BACKUP", help="A folder of backups/, or a .duckdb file there."),
    ],
    reload: Annotated[
        bool,
        typer.Option(help="Load the home's own landing files on top of it again."),
    ] = True,
    yes: YesOption = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put a backup in the place of the warehouse; the old one is kept.

    A home that does not exist is made.
    """
    from warehouse.backup import check_backup
    from warehouse.backup import restore as put_back
    from warehouse.home import Home

    here = Home.create(home_folder(home))
    manifest = check_backup(source)
    say(
        f"{source}: made {manifest.made_at}, schema {manifest.schema}, "
        f"{manifest.tables.get('scores', 0)} scores"
    )
    if here.warehouse.exists() and not yes:
        typer.confirm(f"Replace {here.warehouse}? It is kept in backups/.", abort=True, err=True)
    done = put_back(here, source, reload)
    print_facts(
        {
            "restored": str(here.warehouse),
            "replaced": done.replaced,
            "evaluations_loaded_again": done.landed_since,
        },
        as_json,
    )


def export_all(
    folder: Annotated[Path, typer.Argument(help="A new folder.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the whole warehouse as Parquet files.

    With the catalogue; `plm-admin import` reads the folder back, in this version or a later one.
    """
    from warehouse.exchange import export_warehouse
    from warehouse.home import Home

    done = export_warehouse(Home.find(home), folder)
    print_facts({"folder": str(folder), "schema": done.schema, "rows": done.tables}, as_json)


def import_all(
    folder: Annotated[Path, typer.Argument(help="A folder that `plm-admin export` wrote.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fill an empty home with an export.

    A home that does not exist is made.
    """
    from warehouse.exchange import import_warehouse
    from warehouse.home import Home

    here = Home.create(home_folder(home))
    done = import_warehouse(here, folder)
    print_facts({"home": str(here.path), "schema": done.schema, "rows": done.tables}, as_json)


def check(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Show the rows that break a rule of the data.

    The exit code is 1 when there is one.
    """
    from warehouse.database import reading
    from warehouse.home import Home

    with reading(Home.find(home)) as connection:
        rows = connection.execute("SELECT rule, key FROM data_checks ORDER BY ALL").fetchall()
    if rows or as_json:
        print_rows(("rule", "key"), rows, as_json)
    else:
        typer.echo("all rules are kept")
    if rows:
        raise typer.Exit(1)


def maintain(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Back up, check, compact and clean up, as the nightly flow does.

    maintain.yaml in the home says what may go; docs/operate.md lists its fields.
    """
    from tasks.maintain import maintain as look_after
    from warehouse.home import Home

    done = look_after(str(Home.find(home).path))
    if as_json:
        print_json({**vars(done), "problems": done.problems()})
    else:
        print_facts(vars(done), as_json=False)
    for problem in done.problems():
        say(f"error: {problem}")
    if done.problems():
        raise typer.Exit(1)
