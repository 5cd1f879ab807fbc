"""Commands that do the work of the loop, from `init` to `publish`."""

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.checks import check_model, check_task
from cli.options import HomeOption, JsonOption, TaskOption, print_facts, print_json, print_rows, say
from proxylm.errors import ProxyLMError, UsageError

if TYPE_CHECKING:
    from warehouse.home import Home


def add_commands(app: typer.Typer) -> None:
    """Add this module's commands to `app`."""
    for command in (init, demo, plan, refresh, evaluate, retrain, predict, publish, migrate):
        app.command()(command)


def init(home: HomeOption = None) -> None:
    """Make a home folder with an empty warehouse."""
    from warehouse.home import Home
    from warehouse.loader import load_landing

    here = Home.create(_folder(home))
    load_landing(here)
    typer.echo(f"home: {here.path}")


def demo(
    home: HomeOption = None,
    limit: Annotated[int, typer.Option(min=1, help="Rows of the board to print.")] = 20,
) -> None:
    """Run the whole loop on real text and print the board."""
    from cli.look import print_board
    from proxylm.catalogue import demo_catalogue
    from proxylm.landing import write_atomically
    from warehouse.home import Home

    started = time.monotonic()
    here = Home.create(_folder(home))
    write_atomically(here.catalogue / "demo.yaml", demo_catalogue().encode())
    done = _run_refresh(here)
    print_board(here, limit=limit)
    typer.echo(f"evaluations made: {done['evaluated']} of {done['wanted']} wanted")
    typer.echo(f"re-evaluations: {done['re_evaluated']}")
    typer.echo(f"seconds: {time.monotonic() - started:.0f}")
    typer.echo(f"page: {done['page']}")
    _fail_on(done)


def refresh(
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Evaluate what is missing, retrain, predict and publish.

    Runs the flow `refresh` here, against PREFECT_API_URL or a temporary server.
    """
    from warehouse.home import Home

    done = _run_refresh(Home.find(home))
    said_before = (
        "failed_batches",
        "not_fitted",
        "rejected_files",
        "unusable_predictors",
    )  # by the flow's log
    print_facts(
        done if as_json else {k: v for k, v in done.items() if k not in said_before}, as_json
    )
    _fail_on(done)


def plan(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Show which evaluations are missing."""
    from tasks.catalogue import fetch_catalogue
    from tasks.evaluate import describe
    from tasks.load import load
    from tasks.plan import plan as make_plan
    from warehouse.home import Home

    path = str(Home.find(home).path)
    load(path)
    fetch_catalogue(path)
    made = make_plan(path)
    facts = {
        "wanted": made.wanted,
        "present": made.present,
        "missing": made.missing,
        "waiting": made.waiting,
        "batches": [describe(batch) for batch in made.batches],
    }
    if as_json:
        print_json(facts)
        return
    typer.echo(f"{made.wanted} wanted, {made.present} present, {made.missing} missing")
    for batch in made.batches:
        typer.echo(f"  {describe(batch)}")
    for corpus, reason in made.waiting.items():
        typer.echo(f"  {corpus}: waiting, {reason}")


def evaluate(home: HomeOption = None) -> None:
    """Make the missing evaluations and load them."""
    from tasks.catalogue import fetch_catalogue
    from tasks.evaluate import describe
    from tasks.evaluate import evaluate as run_batch
    from tasks.load import load
    from tasks.plan import plan as make_plan
    from warehouse.home import Home

    path = str(Home.find(home).path)
    load(path)
    fetch_catalogue(path)
    made = make_plan(path)
    failed = 0
    for batch in made.batches:
        say(describe(batch))
        try:
            run_batch(batch.to_json(), path)
        except ProxyLMError as error:
            say(f"  failed: {error}")
            failed += 1
    report = load(path)
    typer.echo(f"evaluations made: {report.evaluations} of {made.missing} missing")
    if failed:
        raise typer.Exit(1)


def retrain(
    task: TaskOption = None,
    model: Annotated[str | None, typer.Option(help="Only this estimated model.")] = None,
    force: Annotated[bool, typer.Option(help="Refit also where no data changed.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Refit the predictors whose data changed, and predict."""
    from tasks.features import features
    from tasks.predict import predict as forecast
    from tasks.retrain import retrain as fit_all
    from warehouse.home import Home

    here = Home.find(home)
    check_task(task)
    check_model(here, model)
    features(str(here.path))
    done = fit_all(str(here.path), task, model, force)
    forecasts = forecast(str(here.path))
    if as_json:
        print_json({**vars(done), "forecasts": vars(forecasts)})
        return
    for line in done.lines():
        typer.echo(line)
    for reason in forecasts.unusable.values():
        say(f"error: {reason}")
    if not done.lines():
        typer.echo(
            "nothing to fit: no estimated model has enough observed scores. Evaluate one, or use "
            "`plm-admin import-records` or `plm-admin import-scores`"
        )
    typer.echo(
        f"predictions: {done.predictions} out of fold, {forecasts.predicted} forecasts, "
        f"{forecasts.abstained} abstentions; {done.predictions + forecasts.new} new"
    )
    if forecasts.unusable:
        raise typer.Exit(1)


def predict(
    source: Annotated[str, typer.Option(help="Source language; for intent the one trained on.")],
    target: Annotated[str, typer.Option(help="Target language; for intent the one tested on.")],
    task: Annotated[str, typer.Option(help="mt, intent or slot.")],
    model: Annotated[str | None, typer.Option(help="Only this estimated model.")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the predictions for a pair of languages."""
    from proxylm.languages import resolve
    from warehouse.database import reading
    from warehouse.home import Home

    here = Home.find(home)
    check_task(task)
    check_model(here, model)
    pair = [resolve(source).code, resolve(target).code]
    columns = (
        "model_id", "metric", "train_corpus", "train_size", "test_corpus", "predicted", "lower",
        "upper", "level", "prediction_kind", "observed", "status", "reason", "predictor_id",
    )  # fmt: skip
    with reading(here) as connection:
        rows = connection.execute(
            f"SELECT {', '.join(columns)} FROM leaderboard WHERE task = ? AND source_lang = ? "
            "AND target_lang = ? AND (model_id = ? OR ? IS NULL) ORDER BY ALL",
            [task, *pair, model, model],
        ).fetchall()
    if not rows:
        raise UsageError(
            f"there is no prediction for {task} {pair[0]} to {pair[1]}; `plm-admin list settings` "
            "shows what there is; add the language with `plm-admin add-language`, then "
            "`plm-admin refresh`"
        )
    print_rows(
        columns if as_json else columns[:-1], [r if as_json else r[:-1] for r in rows], as_json
    )


def publish(
    home: HomeOption = None,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
) -> None:
    """Write the board.

    As site/index.html, and the same rows as JSON, CSV and Parquet beside it.
    """
    from tasks.publish import publish as write
    from warehouse.home import Home

    published = write(str(Home.find(home).path))
    typer.echo(published.page)
    if open_page:
        typer.launch(published.page)


def migrate(home: HomeOption = None) -> None:
    """Bring an older warehouse to this version.

    A backup is made before, in backups/.
    """
    from warehouse.database import schema_version, writing
    from warehouse.home import Home
    from warehouse.snapshot import publish_snapshot

    here = Home.find(home)
    with writing(here, "migrate") as connection:
        number, _ = schema_version(connection)
        publish_snapshot(here, connection)
    typer.echo(f"{here.warehouse}: schema {number}")


def _folder(home: Path | None) -> Path:
    return home or Path(os.environ.get("PLM_HOME") or "plm")


def _run_refresh(home: "Home") -> dict[str, Any]:
    """Run the flow against PREFECT_API_URL, or with a temporary server of its own."""
    defaults = {
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",  # a busy machine is slow
        "PREFECT_LOGGING_LEVEL": "WARNING",
        "PREFECT_LOGGING_LOGGERS_PREFECT_FLOW_RUNS_LEVEL": "INFO",
        "PREFECT_LOGGING_LOGGERS_PREFECT_TASK_RUNS_LEVEL": "CRITICAL",  # the flow says what failed
        "PREFECT_LOGGING_FORMATTERS_STANDARD_FLOW_RUN_FMT": "%(asctime)s %(message)s",
    }
    for name, value in defaults.items():
        os.environ.setdefault(name, value)
    from flows.refresh import refresh as flow

    return flow(home=str(home.path))


def _fail_on(done: dict[str, Any]) -> None:
    """Leave with 1 when a part of the refresh failed; the flow's log has said which and why."""
    if done["failed_batches"] or done["rejected_files"] or done["unusable_predictors"]:
        raise typer.Exit(1)
