"""Commands that help to choose: which model to take in a language, and two models side by side."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.checks import check_model, check_task
from cli.options import (
    HomeOption,
    JsonOption,
    LimitOption,
    TaskOption,
    print_json,
    print_rows,
    print_table,
    say,
)
from proxylm.errors import UsageError

if TYPE_CHECKING:
    from warehouse.home import Home

MetricOption = Annotated[str | None, typer.Option(help="Only this metric.")]


def add_commands(app: typer.Typer) -> None:
    """Add this module's commands to `app`."""
    for command in (advise, compare):
        app.command()(command)


def advise(
    language: Annotated[str, typer.Option(help="The language to choose for.")],
    task: TaskOption = None,
    metric: MetricOption = None,
    limit: LimitOption = 20,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say which model to take in a language, and whether to fine-tune it.

    Means over the settings of the language.
    """
    from proxylm.languages import resolve
    from warehouse.home import Home

    here = Home.find(home)
    check_task(task)
    code = resolve(language).code
    asked = {"board_language": code, "task": task, "metric": metric}
    choices, gains = _read(here, _CHOICES, asked), _read(here, _GAINS, asked)
    ranking = _ranking(here, asked)
    if not ranking:
        raise UsageError(
            f"the board has no score and no prediction in {code}{_where(task, metric)}; "
            "`plm-admin list settings` shows what there is, `plm-admin add-language` adds one"
        )
    if as_json:
        print_json({"choices": choices, "fine_tuning": gains, "ranking": ranking})
        return
    if choices:
        _table(choices, f"Which model to take in {code}, the least expected regret first", limit)
    else:
        say("how likely each model is the best has not been computed; `plm-admin refresh` does it")
    _table(ranking, f"Mean scores in {code}; a shared rank means overlapping intervals", limit)
    if gains:
        _table(gains, "What fine-tuning gains over the zero-shot score", limit)
    else:
        say("what fine-tuning gains is not known here")


def compare(
    first: Annotated[str, typer.Argument(help="A model.")],
    second: Annotated[str, typer.Argument(help="Another one.")],
    task: TaskOption = None,
    metric: MetricOption = None,
    language: Annotated[str | None, typer.Option(help="Only this language.")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare two models on the settings that both have.

    Observed scores, else predicted ones. The interval of the difference is 95 %, over languages.
    """
    from proxylm.board.compare import Comparison
    from proxylm.board.compare import compare as compare_models
    from proxylm.languages import resolve
    from warehouse.home import Home

    here = Home.find(home)
    check_task(task)
    for model in (first, second):
        check_model(here, model)
    code = resolve(language).code if language else None
    rows = _rows(here, {"board_language": code, "task": task, "metric": metric})
    found = compare_models(rows, first, second)
    if not found:
        raise UsageError(
            f"{first} and {second} have no setting in common{_where(task, metric, code)}, so they "
            "cannot be compared; `plm-admin leaderboard --model NAME --settings` shows each one's"
        )
    if as_json:
        print_rows(Comparison._fields, found, as_json=True)
        return
    columns = ["task", "metric", "settings", "observed", first, second, "difference", "interval"]
    columns += [f"{first} better", f"{second} better"]
    print_table(
        columns,
        [
            (
                line.task, line.metric, line.settings, line.observed, line.first, line.second,
                line.difference, _interval(line.lower, line.upper), line.first_better,
                line.second_better,
            )
            for line in found
        ],
        f"{first} beside {second}, on the settings that both have",
    )  # fmt: skip
    for line in found:
        if line.only_first or line.only_second:
            typer.echo(
                f"{line.task} {line.metric}: {line.only_first} settings only of {first} and "
                f"{line.only_second} only of {second} are left out"
            )
    typer.echo("better: in so many settings, with intervals that do not overlap")


def _read(home: "Home", query: str, asked: dict[str, Any]) -> list[dict[str, Any]]:
    from warehouse.database import reading

    with reading(home) as connection:
        found = connection.execute(query, asked)
        columns = [column[0] for column in found.description]
        return [dict(zip(columns, row, strict=True)) for row in found.fetchall()]


def _rows(home: "Home", asked: dict[str, Any]) -> Any:
    from warehouse.database import reading

    with reading(home) as connection:
        return connection.execute(f"SELECT * FROM leaderboard WHERE {_ASKED}", asked).df()


def _ranking(home: "Home", asked: dict[str, Any]) -> list[dict[str, Any]]:
    from proxylm.board.ranking import rank
    from proxylm.board.tables import records
    from proxylm.records import HEADLINE_METRICS

    rows = _rows(home, asked)
    if asked["metric"] is None:
        rows = rows[rows["metric"].isin([m for some in HEADLINE_METRICS.values() for m in some])]
    made = rank(rows)
    made = made[made["language"] != "*"]
    return [
        {
            "task": line["task"], "metric": line["metric"], "rank": line["rank"],
            "model": line["model_id"], "mode": line["mode"], "score": line["value"],
            "interval": _interval(line["lower"], line["upper"]),
            "settings": f"{line['settings']} of {line['of']}", "observed": line["observed"],
        }
        for line in records(made)
    ]  # fmt: skip


def _table(rows: list[dict[str, Any]], title: str, limit: int) -> None:
    print_table(list(rows[0]), [list(row.values()) for row in rows[:limit]], title)
    if len(rows) > limit:
        typer.echo(f"{limit} of {len(rows)} rows; --limit shows more")


def _interval(lower: float | None, upper: float | None) -> str | None:
    if lower is None or upper is None or lower == upper:
        return None
    decimals = 3 if max(abs(lower), abs(upper)) < 2 else 1
    return f"{lower:.{decimals}f} to {upper:.{decimals}f}"


def _where(task: str | None, metric: str | None, language: str | None = None) -> str:
    said = " ".join(filter(None, [task, metric, language]))
    return f" for {said}" if said else ""


_ASKED = """
(board_language = $board_language OR $board_language IS NULL)
AND (task = $task OR $task IS NULL) AND (metric = $metric OR $metric IS NULL)
"""
_CHOICES = f"""
SELECT task, metric, model_id AS model, mode, avg(probability_best) AS "P(best)",
       avg(expected_regret) AS regret, count(*) AS settings,
       count_if(choice = 1)::BIGINT AS "first choice in",
       list_sort(list_distinct(flatten(list(missing_models)))) AS "not compared"
FROM model_choice WHERE {_ASKED}
GROUP BY ALL ORDER BY task, metric, regret, model
"""
_GAINS = f"""
SELECT task, metric, model_id AS model, avg(zero_shot) AS "zero-shot",
       avg(fine_tuned) AS "fine-tuned", avg(gain) AS gain, avg(probability_gain) AS "P(gain)",
       count_if(advice = 'yes')::BIGINT AS helps, count_if(advice = 'no')::BIGINT AS "does not",
       count_if(advice = 'uncertain')::BIGINT AS uncertain
FROM fine_tune_advice WHERE {_ASKED}
GROUP BY ALL ORDER BY task, metric, gain DESC, model
"""
