"""Commands that bring in scores from outside, or compute them again."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.checks import check_model, check_task
from cli.options import HomeOption, JsonOption, TaskOption, print_json, say
from proxylm.errors import UsageError

if TYPE_CHECKING:
    from proxylm.imports import ImportedRows
    from warehouse.home import Home

SHOWN = 20


def add_commands(app: typer.Typer) -> None:
    """Add this module's commands to `app`."""
    app.command("import-records")(import_records)
    app.command("import-scores")(import_scores)
    app.command()(rescore)


def import_records(
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="CSV files of the ProxyLM release, or a folder that holds them."),
    ] = None,
    download: Annotated[
        bool, typer.Option("--download", help="Fetch the four files of the pinned commit first.")
    ] = False,
    url: Annotated[
        str | None, typer.Option(help="With --download: folder on the web to fetch from instead.")
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Import the records published with ProxyLM.

    The files mt560, nusa, intent and slot; see docs/import-scores.md.
    """
    from proxylm.published import DOWNLOAD_URL, files_in, read_records
    from proxylm.published import download as fetch
    from warehouse.home import Home

    if bool(files) == download:
        raise UsageError("name the files to import, or give --download")
    here = Home.find(home)
    with tempfile.TemporaryDirectory() as folder:
        given = fetch(Path(folder), url or DOWNLOAD_URL) if download else files or []
        paths = [file for path in given for file in (files_in(path) if path.is_dir() else [path])]
        # All files are read before anything is written: a bad one leaves nothing behind.
        _import(here, [read_records(path) for path in paths], as_json)


def import_scores(
    file: Annotated[
        Path,
        typer.Argument(
            help="CSV, JSON lines, or a result file (.json) of lm-evaluation-harness or MTEB; see "
            "docs/import-scores.md."
        ),
    ],
    model: Annotated[
        str | None, typer.Option(help="The known model that a result file is about.")
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Import your own observed scores."""
    from proxylm.catalogue import read_catalogue
    from proxylm.user_scores import read_scores
    from tasks.catalogue import models_of
    from warehouse.frames import read_models
    from warehouse.home import Home

    here = Home.find(home)
    # A model that was just added reaches the warehouse with the next refresh.
    known = [*models_of(read_catalogue(here.catalogue)), *read_models(here)]
    _import(here, [read_scores(file, known, model)], as_json)


def rescore(
    task: TaskOption = None,
    model: Annotated[str | None, typer.Option(help="Only this model.")] = None,
    metric: Annotated[
        str | None, typer.Option(help="Only this metric, for example comet or spBLEU.")
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compute missing metrics from kept hypotheses.

    No model is needed. COMET runs in the environment that PLM_COMET_PYTHON names.
    """
    from tasks.rescore import rescore as compute
    from warehouse.home import Home

    here = Home.find(home)
    check_task(task)
    check_model(here, model)
    done = compute(str(here.path), task, model, metric)
    if as_json:
        print_json(done._asdict())
    else:
        typer.echo(f"evaluations read: {done.read}")
        typer.echo(f"scores added: {done.added}")
        typer.echo(f"hypotheses missing: {len(done.missing)}")
        for name, reason in done.missing.items():
            say(f"  {name}: {reason}")
        if done.without_source:
            say(f"  {done.without_source} without their source, which COMET needs")
        if done.comet_failed:
            say(f"error: {done.comet_failed}")
    if done.missing or done.comet_failed:
        raise typer.Exit(1)


def _import(home: "Home", imports: "list[ImportedRows]", as_json: bool) -> None:
    from proxylm.landing import write_landing
    from tasks.facts import update_facts
    from warehouse.database import reading
    from warehouse.loader import known_scores, load_landing

    with reading(home) as connection:
        for rows in imports:
            rows.reject_contradictions(known_scores(connection, rows.score_keys()))
    for rows in imports:
        if rows.rows:
            write_landing(rows.bundle, home.incoming)
    report = load_landing(home)
    update_facts(str(home.path))
    files = [
        {
            "file": str(rows.path),
            "read": rows.read,
            "loaded": len(rows.rows),
            "rejected": len(rows.rejected),
            "rejections": [{"line": r.line, "reason": r.reason} for r in rows.rejected],
        }
        for rows in imports
    ]
    if as_json:
        print_json({"files": files, "new": report.inserted})
    else:
        for rows in imports:
            typer.echo(
                f"{rows.path.name}: {rows.read} rows read = {len(rows.rows)} loaded "
                f"+ {len(rows.rejected)} rejected"
            )
            for rejection in rows.rejected[:SHOWN]:
                say(f"  {rows.path.name}, {rows.unit} {rejection.line}: {rejection.reason}")
            if len(rows.rejected) > SHOWN:
                say(f"  and {len(rows.rejected) - SHOWN} more; --json shows all")
        new = ", ".join(f"{count} {name}" for name, count in report.inserted.items() if count)
        typer.echo(f"new in the warehouse: {new or 'nothing'}")
    for name, reason in report.files_rejected.items():
        say(f"  {home.rejected / name}: {reason}")
    if report.files_rejected or any(rows.rejected for rows in imports):
        raise typer.Exit(1)
