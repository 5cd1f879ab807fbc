"""Commands that only look: the board, SQL, status and doctor."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.checks import check_model, check_task
from cli.options import (
    HomeOption,
    JsonOption,
    LimitOption,
    TaskOption,
    cell,
    print_facts,
    print_json,
    print_rows,
    print_table,
)
from proxylm.errors import ProxyLMError

if TYPE_CHECKING:
    import pandas as pd

    from warehouse.home import Home

SHOWN = 10


def add_commands(app: typer.Typer) -> None:
    """Add this module's commands to `app`."""
    for command in (leaderboard, sql, status, doctor):
        app.command()(command)


def leaderboard(
    task: TaskOption = None,
    metric: Annotated[
        str | None,
        typer.Option(help="Only this metric. Default: spBLEU and comet, accuracy or f1."),
    ] = None,
    model: Annotated[str | None, typer.Option(help="Only this estimated model.")] = None,
    language: Annotated[str | None, typer.Option(help="Only this language.")] = None,
    settings: Annotated[
        bool, typer.Option("--settings", help="A row a setting, not a row a language.")
    ] = False,
    limit: LimitOption = 50,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show predicted beside observed scores.

    And how good the predictions are, beside naive ones on the same held-out rows.
    """
    from proxylm.languages import resolve
    from warehouse.home import Home

    here = Home.find(home)
    check_task(task)
    check_model(here, model)
    filters = {
        "task": task,
        "metric": metric,
        "model_id": model,
        "board_language": resolve(language).code if language else None,
    }
    print_board(here, filters, settings or as_json, limit if not as_json else None, as_json)


def print_board(
    home: "Home",
    filters: dict[str, str | None] | None = None,
    by_setting: bool = False,
    limit: int | None = 50,
    as_json: bool = False,
) -> None:
    """Print the board: by language or by setting, then the quality of the predictors."""
    from proxylm.records import HEADLINE_METRICS
    from warehouse.database import reading
    from warehouse.frames import BOARD

    given: dict[str, Any] = {
        name: value for name, value in (filters or {}).items() if value is not None
    }
    if "metric" not in given:
        given["metric"] = [m for metrics in HEADLINE_METRICS.values() for m in metrics]
    conditions = (
        f"list_contains(?, {name})" if isinstance(value, list) else f"{name} = ?"
        for name, value in given.items()
    )
    where = " AND ".join(conditions)
    query = (_SETTINGS if as_json else _SETTINGS_SHOWN) if by_setting else _LANGUAGES
    with reading(home) as connection:
        found = connection.execute(query.format(board=BOARD, where=where), list(given.values()))
        columns = [column[0] for column in found.description]
        rows = found.fetchall()
        costs = connection.execute(_COSTS.format(board=BOARD, where=where), list(given.values()))
        paid = costs.df()
        quality = connection.execute(_QUALITY).fetchall()
        quality_columns = [column[0] for column in connection.description or []]
    if as_json:
        print_rows(columns, rows, as_json=True)
        return
    if not rows:
        typer.echo(
            "the board is empty here: no estimated model has a score or a prediction. "
            "`plm-admin refresh` or `plm-admin import-records` fills it"
        )
        return
    what = "" if by_setting else ", means over the settings of a language"
    print_table(columns, rows[:limit], "Predicted [lower, upper] beside observed" + what)
    if limit is not None and len(rows) > limit:
        typer.echo(f"{limit} of {len(rows)} rows; --limit shows more, --settings each setting")
    _print_costs(paid)
    shown = {(row[columns.index("model")], row[columns.index("metric")]) for row in rows}
    quality = [row for row in quality if (row[0], row[1]) in shown]
    if not quality:
        typer.echo("no predictor yet; `plm-admin retrain` fits one where enough is observed")
        return
    print_table(
        quality_columns,
        quality,
        "How good the predictions are: error (RMSE) on held-out rows, beside naive predictors",
    )
    typer.echo(_LEGEND)


def _print_costs(rows: "pd.DataFrame") -> None:
    """A line for each estimated model whose cost, or that of its proxies, is known."""
    from proxylm.board.costs import sentence

    for (task, model_id, mode), part in rows.groupby(["task", "model_id", "mode"]):
        if part["proxy_seconds"].notna().any() or part["estimated_seconds"].notna().any():
            typer.echo(f"{task}, {mode}: {sentence(str(model_id), part)}")


_LEGEND = """\
lolo holds out one language, by_run whole fine-tunings. Train mean and best line (the best line
through one proxy) are naive predictors on the same rows; ratio is error over theirs. Noise: the
observed scores' own uncertainty. Inside: share of observed scores within their interval. Leak:
share of test rows whose fine-tuning is in training too, so that random looks better than it is."""
_LANGUAGES = """
SELECT model_id AS model, metric, board_language AS language, count(*) AS settings,
       avg(predicted) AS predicted, avg(lower) AS lower, avg(upper) AS upper,
       (count(observed))::BIGINT AS "of which observed",
       avg(observed) AS observed, sqrt(avg(error * error)) AS rmse,
       avg((observed BETWEEN lower AND upper)::INTEGER) AS inside,
       (count(*) FILTER (status = 'abstained'))::BIGINT AS abstained,
       sum(estimated_seconds) FILTER (speed_up IS NOT NULL)
       / sum(proxy_seconds) FILTER (speed_up IS NOT NULL) AS "speed-up"
FROM {board} WHERE {where} GROUP BY ALL
ORDER BY any_value(task), metric, model_id, board_language
"""
_SETTINGS = """
SELECT model_id AS model, * EXCLUDE (model_id)
FROM {board} WHERE {where}
ORDER BY task, metric, model_id, board_language, source_lang, train_corpus, test_corpus, train_size
"""
_SETTINGS_SHOWN = _SETTINGS.replace(
    "(model_id)", "(model_id, proxy_seconds, estimated_seconds, estimated_basis)"
)
_COSTS = """
SELECT task, model_id, mode, setting_key, proxy_seconds, estimated_seconds, estimated_basis
FROM {board} WHERE {where}
"""
_QUALITY = """
WITH rmse AS (
    SELECT model_id, metric, protocol, n_rows, predictor_regressor,
           max(value) FILTER (regressor = predictor_regressor) AS error,
           max(value) FILTER (regressor = 'train-mean') AS train_mean,
           max(value) FILTER (regressor = 'best one-proxy line') AS best_line
    FROM predictor_quality_latest WHERE statistic = 'rmse' GROUP BY ALL
), others AS (
    PIVOT (SELECT model_id, metric, protocol, statistic, value FROM predictor_quality_latest
           WHERE regressor = predictor_regressor)
    ON statistic IN ('shared_run_group', 'coverage', 'noise_floor') USING max(value)
)
SELECT model_id AS model, metric, protocol, error, train_mean AS "train mean",
       error / train_mean AS ratio, best_line AS "best line", error / best_line AS "ratio ",
       noise_floor AS noise, coverage AS inside, shared_run_group AS leak
FROM rmse LEFT JOIN others USING (model_id, metric, protocol)
ORDER BY model_id, metric, protocol = 'lolo' DESC, protocol
"""


def sql(
    query: Annotated[str, typer.Argument(help="A query on the views; docs/schema.md lists them.")],
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run SQL on the published read-only copy."""
    import duckdb

    from warehouse.database import reading
    from warehouse.home import Home

    with reading(Home.find(home), untrusted=True) as connection:
        try:
            found = connection.execute(query)
            columns = [column[0] for column in found.description or []]
            rows = found.fetchall()
        except duckdb.Error as error:
            raise ProxyLMError(f"the query failed: {error}") from None
    if csv:
        import csv as writer
        import sys

        output = writer.writer(sys.stdout, lineterminator="\n")
        output.writerow(columns)
        output.writerows(rows)
        return
    print_rows(columns, rows, as_json, exact=True)


def status(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Show what the home holds, what waits and what failed."""
    from tasks.plan import parked
    from warehouse.database import reading, schema_version
    from warehouse.home import Home

    here = Home.find(home)
    facts: dict[str, Any] = {"home": str(here.path)}
    with reading(here) as connection:
        facts["schema"] = schema_version(connection)[0]
        facts["snapshot"] = here.snapshot.resolve().name
        for table in ("languages", "models", "settings", "evaluations", "scores", "predictors"):
            row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
            facts[table] = row[0] if row else 0
        row = connection.execute(
            "SELECT count(observed), count(*) FILTER (status = 'predicted'), "
            "count(*) FILTER (status = 'abstained') FROM leaderboard"
        ).fetchone()
        assert row is not None
        facts["board"] = {"observed": row[0], "predicted": row[1], "abstained": row[2]}
        facts["broken_data_checks"] = dict(
            connection.execute("SELECT rule, count(*) FROM data_checks GROUP BY ALL").fetchall()
        )
        # A failure that a later run of the same training made good is no longer one.
        failed = connection.execute(
            "SELECT model_id, languages, reason, log FROM runs "
            "QUALIFY row_number() OVER (PARTITION BY training_key ORDER BY started_at DESC) = 1 "
            "AND status = 'failed' ORDER BY model_id, languages"
        ).fetchall()
        costs = connection.execute(
            "SELECT model_id, mode, task, evaluations, total_seconds FROM run_costs "
            "WHERE origin = 'measured' ORDER BY total_seconds DESC"
        ).fetchall()
        reasons = connection.execute(
            "SELECT reason, count(*), list_sort(list(DISTINCT model_id)) FROM runs "
            "WHERE status = 'failed' GROUP BY reason ORDER BY 2 DESC, 1"
        ).fetchall()
        facts["parked_evaluations"] = [
            {"model": found.model_id, "tests": ", ".join(found.key[1]), "reason": found.reason}
            for found in parked(connection)
        ]
        drifting = connection.execute(_DRIFT).df()
        found = connection.execute(_TOTALS)
        columns = [column[0] for column in found.description]
        totals = dict(zip(columns, found.fetchall()[0], strict=True))
    facts["failed_trainings"] = [
        dict(zip(("model", "languages", "reason", "log"), row, strict=True)) for row in failed
    ]
    facts["failed_runs_by_reason"] = [
        dict(zip(("reason", "runs", "models"), row, strict=True)) for row in reasons
    ]
    facts["drift_alarms"] = drifting.to_dict("records")
    facts["waiting_to_load"] = len(list(here.incoming.glob("*.parquet")))
    facts["rejected_files"] = {
        path.name: path.read_text().strip() for path in sorted(here.rejected.glob("*.reason.txt"))
    }
    names = ("model", "mode", "task", "evaluations", "seconds")
    facts["cost"] = [dict(zip(names, row, strict=True)) for row in costs]
    facts["total_cost"] = totals
    if as_json:
        print_json(facts)
        return
    shown = (
        "failed_trainings",
        "failed_runs_by_reason",
        "parked_evaluations",
        "drift_alarms",
        "cost",
    )
    tables = {name: facts.pop(name) for name in shown} | {"total_cost": [facts.pop("total_cost")]}
    if not tables["drift_alarms"]:
        facts["drift_alarms"] = {}  # shown as none: docs/decide.md sends readers here
    print_facts(facts, as_json=False)
    for name, rows in tables.items():
        if rows:
            title = name.replace("_", " ")
            print_table(list(rows[0]), [list(row.values()) for row in rows[:SHOWN]], title)
        if len(rows) > SHOWN:
            typer.echo(f"{SHOWN} of {len(rows)}; --json shows all")


_DRIFT = """
SELECT task, metric, model_id AS model, mode, language, n_forecasts AS forecasts,
       coverage AS inside, evidence, since
FROM drift_checks WHERE alarm ORDER BY since DESC, task, metric, model_id, mode, language
"""
_TOTALS = """
SELECT coalesce(sum(runs), 0)::BIGINT AS runs, coalesce(sum(failed_runs), 0)::BIGINT AS failed_runs,
       coalesce(sum(evaluations), 0)::BIGINT AS evaluations, sum(total_seconds) AS seconds,
       sum(gpu_seconds) AS gpu_seconds, sum(energy_joules) AS energy_joules
FROM run_costs WHERE origin = 'measured'
"""


def doctor(
    hub: Annotated[
        bool, typer.Option("--hub", help="Also ask whether the model hub can be reached.")
    ] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check this installation and the home.

    Each finding comes with its remedy; the exit code is 1 when something is wrong.
    """
    from cli.doctor import check

    findings = check(home, hub)
    columns = ("check", "ok", "found", "remedy")
    if as_json:
        print_rows(columns, [tuple(f) for f in findings], as_json=True)
    else:
        for finding in findings:
            typer.echo(
                f"{'ok  ' if finding.ok else 'FAIL'}  {finding.check}: {cell(finding.found)}"
            )
            if not finding.ok and finding.remedy:
                typer.echo(f"      {finding.remedy}")
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)
