"""Commands that do the work of the loop, from `init` to `publish`."""

import os
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.checks import check_catalogue_model, check_model, check_task
from cli.options import (
    HomeOption,
    JsonOption,
    TaskOption,
    home_folder,
    print_facts,
    print_json,
    progress,
    say,
)
from proxylm.errors import UsageError

if TYPE_CHECKING:
    from proxylm.evaluation.contract import Job
    from tasks.plan import Plan
    from warehouse.home import Home

RetryOption = Annotated[
    bool, typer.Option("--retry-parked", help="Try once more what failed too often.")
]


def add_commands(app: typer.Typer) -> None:
    """Add this module's commands to `app`."""
    for command in (init, demo, plan, refresh, evaluate, retrain, publish, migrate):
        app.command()(command)


def init(
    catalogue: Annotated[
        str | None,
        typer.Option(help="Start with a catalogue that comes with this program: paper or demo."),
    ] = None,
    home: HomeOption = None,
) -> None:
    """Make a home folder with an empty warehouse."""
    from proxylm.catalogue import packaged
    from proxylm.landing import write_atomically
    from warehouse.home import Home
    from warehouse.loader import load_landing

    files = packaged(catalogue) if catalogue else {}
    here = Home.create(home_folder(home))
    taken = [name for name in files if (here.catalogue / name).exists()]
    if taken:  # it may have been edited
        raise UsageError(f"{here.catalogue / taken[0]} is there already; move it away first")
    load_landing(here)
    for name, text in files.items():
        write_atomically(here.catalogue / name, text.encode())
        typer.echo(f"catalogue: {here.catalogue / name}")
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
    here = Home.create(home_folder(home))
    write_atomically(here.catalogue / "demo.yaml", demo_catalogue().encode())
    done = _run_refresh(here)
    print_board(here, limit=limit)
    typer.echo(f"evaluations made: {done['evaluated']} of {done['wanted']} wanted")
    typer.echo(f"re-evaluations: {done['re_evaluated']}")
    typer.echo(f"seconds: {time.monotonic() - started:.0f}")
    typer.echo(f"page: {done['page']}")
    _fail_on(done)


def refresh(
    retry_parked: RetryOption = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Evaluate what is missing, retrain, predict and publish.

    Runs the flow `refresh` here, against PREFECT_API_URL or a temporary server.
    """
    from warehouse.home import Home

    done = _run_refresh(Home.find(home), retry_parked)
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
        "parked": made.parked,
        "batches": [describe(batch) for batch in made.batches],
    }
    if as_json:
        print_json(facts)
        return
    typer.echo(f"{made.wanted} wanted, {made.present} present, {made.missing} missing")
    for batch in made.batches:
        typer.echo(f"  {describe(batch)}")
    _say_why_not(made)


def evaluate(
    model: Annotated[str | None, typer.Option(help="Only this model.")] = None,
    task: TaskOption = None,
    source: Annotated[
        str | None, typer.Option(help="Only trained in, or translated from, this language.")
    ] = None,
    target: Annotated[
        str | None, typer.Option(help="Only tested in, or translated into, this language.")
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(min=1, help="Only so many test lines; kept apart from full scores."),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    max_gpu_hours: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="Begin nothing that would pass so many hours of the device, GPU or CPU.",
        ),
    ] = None,
    max_cost: Annotated[
        float | None, typer.Option(min=0, help="The same as money; needs --cost-per-hour.")
    ] = None,
    cost_per_hour: Annotated[
        float | None,
        typer.Option(min=0, envvar="PLM_COST_PER_HOUR", help="What an hour of the device costs."),
    ] = None,
    retry_parked: RetryOption = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make the missing evaluations and load them, without predicting anything."""
    from proxylm.evaluation.supervisor import EvaluationCrashed
    from tasks.catalogue import fetch_catalogue
    from tasks.evaluate import describe, run_batch
    from tasks.load import load
    from tasks.plan import Wanted
    from tasks.plan import plan as make_plan
    from warehouse.home import Home

    here = Home.find(home)
    path = str(here.path)
    check_task(task)
    check_catalogue_model(here, model)
    codes = [_code(language) for language in (source, target)]
    budget = _budget(max_gpu_hours, max_cost, cost_per_hour)
    load(path)
    fetch_catalogue(path)
    made = make_plan(path, Wanted(model, task, codes[0], codes[1], limit, retry_parked))
    failures, seconds, not_begun = [], 0.0, 0
    expected: dict[str, float] = {}  # seconds of one training with its tests, by model
    with progress(made.to_make, "evaluations") as advance:
        for batch in made.batches:
            name = batch.jobs[0].model.model_id
            left = None if budget is None else budget - seconds
            if left is not None and left <= expected.get(name, 0.0):
                not_begun += len(batch.jobs)
                continue
            try:
                done = run_batch(batch, path, device, left, lambda job: advance(len(job.tests)))
            except EvaluationCrashed as error:
                failed = [(describe(batch), str(error))]
            else:
                seconds += done.device_seconds
                not_begun += done.not_begun
                begun = len(batch.jobs) - done.not_begun
                expected[name] = done.device_seconds / begun if begun else 0.0
                failed = [(_what(job), reason) for job, reason in done.failures]
            for what, reason in failed:
                failures.append({"what": what, "reason": reason})
                say(f"{what} failed: {reason}")
    report = load(path)
    facts = {
        "evaluations_made": report.evaluations,
        "missing_before": made.missing,
        "device_seconds": round(seconds, 1),
        "trainings_left_by_the_budget": not_begun,
        "parked": made.parked,
        "waiting": made.waiting,
        "failed": failures,
    }
    if as_json:
        print_json(facts)
    else:
        typer.echo(f"evaluations made: {report.evaluations} of {made.missing} missing")
        if not_begun:
            typer.echo(f"left for the next time, the budget is spent: {not_begun} trainings")
        _say_why_not(made)
    if failures:
        raise typer.Exit(1)


def retrain(
    task: TaskOption = None,
    model: Annotated[str | None, typer.Option(help="Only this estimated model.")] = None,
    force: Annotated[bool, typer.Option(help="Refit also where no data changed.")] = False,
    regressor: Annotated[
        str | None,
        typer.Option(help="Propose this one: it takes over where it is not worse when held out."),
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Refit the predictors whose data changed, and predict."""
    from proxylm.predictor.regressors import check_name
    from tasks.decide import decide
    from tasks.features import features
    from tasks.predict import predict as forecast
    from tasks.retrain import retrain as fit_all
    from warehouse.home import Home

    here = Home.find(home)
    check_task(task)
    check_model(here, model)
    if regressor:
        check_name(regressor)
    features(str(here.path))
    done = fit_all(str(here.path), task, model, force, regressor)
    forecasts = forecast(str(here.path))
    decide(str(here.path))
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


def publish(
    keep: Annotated[int, typer.Option(min=1, help="How many published sites stay.")] = 3,
    to: Annotated[
        str | None,
        typer.Option(
            envvar="PLM_PUBLISH_TO",
            help="Also copy the site to s3://bucket/prefix, hf://datasets/owner/name or "
            "hf://spaces/owner/name; credentials come from the environment.",
        ),
    ] = None,
    home: HomeOption = None,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
) -> None:
    """Write the board.

    As a site with site/index.html, and the same rows as JSON, CSV and Parquet beside it.
    """
    from tasks.publish import publish as write
    from warehouse.home import Home

    published = write(str(Home.find(home).path), keep, to)
    typer.echo(published.page)
    if published.copied_to:
        typer.echo(f"copied to {published.copied_to}")
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


def _run_refresh(home: "Home", retry_parked: bool = False) -> dict[str, Any]:
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
    from tasks.server import server_needed

    with server_needed():
        return flow(home=str(home.path), retry_parked=retry_parked)


def _what(job: "Job") -> str:
    return " ".join([job.model.model_id, "-".join(job.languages)]).strip()


def _say_why_not(made: "Plan") -> None:
    for what, reason in made.waiting.items():
        typer.echo(f"  {what}: waiting, {reason}")
    for what, reason in made.parked.items():
        typer.echo(f"  {what}: parked, {reason}; --retry-parked tries again")


def _code(language: str | None) -> str | None:
    from proxylm.languages import resolve

    return resolve(language).code if language else None


def _budget(hours: float | None, cost: float | None, cost_per_hour: float | None) -> float | None:
    """Seconds of the device that may be spent: the smaller of both limits, None without one."""
    if cost is not None and not cost_per_hour:
        raise UsageError(
            "--max-cost needs --cost-per-hour (or PLM_COST_PER_HOUR), what an hour of it costs"
        )
    limits = [hours, cost / cost_per_hour if cost is not None and cost_per_hour else None]
    given = [3600 * limit for limit in limits if limit is not None]
    return min(given) if given else None


def _fail_on(done: dict[str, Any]) -> None:
    """Leave with 1 when a part of the refresh failed; the flow's log has said which and why."""
    if done["failed_batches"] or done["rejected_files"] or done["unusable_predictors"]:
        raise typer.Exit(1)
