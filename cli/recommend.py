"""Commands that say what to do and why: `recommend` and `explain`."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.checks import check_model, check_task
from cli.options import (
    HomeOption,
    JsonOption,
    LimitOption,
    TaskOption,
    cell,
    print_json,
    print_rows,
    print_table,
    say,
)

if TYPE_CHECKING:
    import pandas as pd

    from tasks.ask import Explained


_OPEN = """
EXISTS (
    FROM settings s
    WHERE s.task = r.task AND r.run_group IN ('*', s.run_group)
      AND r.source_lang IN ('*', s.source_lang) AND r.target_lang IN ('*', s.target_lang)
      AND r.test_corpus IN ('*', s.test_corpus)
      AND NOT EXISTS (
          FROM setting_scores x
          WHERE x.setting_key = s.setting_key AND x.model_id = r.model_id AND x.mode = r.mode
            AND x.metric = r.metric
      )
)
"""
"""Whether a recommendation `r` has a setting left without a score."""


def add_commands(app: typer.Typer) -> None:
    """Add this module's commands to `app`."""
    app.command()(recommend)
    app.command()(explain)


def recommend(
    task: TaskOption = None,
    model: Annotated[str | None, typer.Option(help="Only this model.")] = None,
    language: Annotated[
        str | None, typer.Option(help="Only what is trained or tested in this language.")
    ] = None,
    budget_hours: Annotated[
        float | None, typer.Option(min=0, help="Only what fits into so many hours of the device.")
    ] = None,
    limit: LimitOption = 20,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what to evaluate next.

    The largest expected error drop per hour of the device comes first; see docs/decide.md.
    """
    from proxylm.languages import resolve
    from proxylm.predictor.recommend import within
    from warehouse.database import reading
    from warehouse.home import Home

    here = Home.find(home)
    check_task(task)
    check_model(here, model)
    code = resolve(language).code if language else None
    with reading(here) as connection:
        table = connection.execute(
            f"SELECT *, {_OPEN} AS open FROM recommendations r "
            "WHERE (task = $task OR $task IS NULL) "
            "AND (model_id = $model OR $model IS NULL) "
            "AND ($code IS NULL OR source_lang = $code OR target_lang = $code) ORDER BY rank",
            {"task": task, "model": model, "code": code},
        ).df()
    done = int((~table["open"].astype(bool)).sum())
    table = table[table["open"].astype(bool)].drop(columns="open")
    if done:
        say(f"{done} more have been evaluated since; `plm-admin retrain` ranks the others anew")
    if budget_hours is not None:
        unknown = int(table["device_seconds"].isna().sum())
        table = within(table, 3600 * budget_hours)
        if unknown:
            say(f"{unknown} more have an unknown cost and are left out of a budget")
    table = table.drop(columns="made_at").head(limit)
    rows = table.astype(object).where(table.notna(), None)
    if as_json:
        print_rows(rows.columns.tolist(), rows.to_numpy().tolist(), as_json)
        return
    if rows.empty:
        typer.echo("nothing to recommend: every prediction that could become surer is observed")
        return
    rows["hours"] = [None if s is None else s / 3600 for s in rows["device_seconds"]]
    shown = [
        "rank", "model_id", "mode", "source_lang", "target_lang", "train_corpus", "test_corpus",
        "settings", "expected_error_drop", "hours", "cost_basis", "drop_per_hour", "reason",
    ]  # fmt: skip
    print_rows(shown, rows[shown].to_numpy().tolist(), as_json)


def explain(
    task: Annotated[str, typer.Option(help="mt, intent or slot.")],
    source: Annotated[str, typer.Option(help="Source language; for intent the one trained on.")],
    target: Annotated[str, typer.Option(help="Target language; for intent the one tested on.")],
    model: Annotated[str | None, typer.Option(help="Only this estimated model.")] = None,
    metric: Annotated[str | None, typer.Option(help="Only this metric.")] = None,
    train_corpus: Annotated[str | None, typer.Option(help="Only this training corpus.")] = None,
    train_size: Annotated[int | None, typer.Option(help="Only so many training lines.")] = None,
    test_corpus: Annotated[str | None, typer.Option(help="Only this test corpus.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Inputs and known settings to show.")] = 8,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show why a prediction is what it is.

    What each input adds, the nearest known settings, and what would narrow the interval.
    """
    from proxylm.languages import resolve
    from tasks.ask import Question, explanations
    from warehouse.home import Home

    here = Home.find(home)
    check_task(task)
    check_model(here, model)
    pair = resolve(source).code, resolve(target).code
    asked = Question(task, *pair, model, metric, train_corpus, train_size, test_corpus)
    found = explanations(str(here.path), asked, limit)
    if as_json:
        print_json([_as_facts(one) for one in found])
        return
    for one in found:
        _print_explanation(one, limit)


def _as_facts(one: "Explained") -> dict[str, Any]:
    told = one.explanation

    def plain(table: "pd.DataFrame") -> list[dict[str, Any]]:
        rows = table.astype(object).where(table.notna(), None).to_dict("records")
        return [{str(name): value for name, value in row.items()} for row in rows]

    return {
        **asdict(one.target),
        **one.setting,
        "predicted": float(told.prediction["value"]),
        "lower": _number(told.prediction["lower"]),
        "upper": _number(told.prediction["upper"]),
        "level": _number(told.prediction["level"]),
        "observed": one.observed,
        "base": told.base,
        "contributions": plain(told.contributions),
        "known_scores_of_the_language": told.sharpened,
        "cut_at_the_metrics_ends": told.cut,
        "missing_inputs": list(told.missing),
        "nearest": plain(told.nearest),
        "narrowing": plain(one.narrowing),
    }


def _number(value: float) -> float | None:
    return float(value) if value == value else None  # NaN is not itself


def _print_explanation(one: "Explained", limit: int) -> None:
    from proxylm.escaping import shown_lines

    told, target = one.explanation, one.target
    facts = _as_facts(one)
    where = ", ".join(f"{cell(value)}" for value in one.setting.values())
    ends = f" ({cell(facts['lower'])} to {cell(facts['upper'])})" if facts["lower"] else ""
    typer.echo(
        shown_lines(
            f"{target.model_id}, {target.mode}, {target.metric}: {where}\n"
            f"predicted {cell(facts['predicted'])}{ends}"
        )
    )
    if one.observed is not None:
        typer.echo(
            f"observed {cell(one.observed)}: the predictor was fitted on it, so that this is no "
            "forecast; the board has the value with the language held out"
        )
    shown = told.contributions.head(limit)
    others = float(told.contributions["contribution"].iloc[limit:].sum())
    rows: list[list[Any]] = [["", "where nothing is known", None, told.base]]
    rows += [
        [row["input"], row["kind"], _number(row["value"]), row["contribution"]]
        for row in shown.to_dict("records")
    ]
    rest = len(told.contributions) - len(shown)
    if rest:
        rows.append(["", f"{rest} more inputs together", None, others])
    rows.append(["", "observed scores of the language and fine-tuning", None, told.sharpened])
    if abs(told.cut) > 1e-9:
        rows.append(["", "cut at the ends of the metric", None, told.cut])
    rows.append(["", "sum: the prediction", None, facts["predicted"]])
    print_table(["input", "what it is", "value", "adds"], rows, "What adds up to it")
    if told.missing:
        typer.echo(shown_lines(f"absent: {', '.join(told.missing)}"))
    near = told.nearest.drop(columns="setting_key")
    print_table(
        near.columns.tolist(),
        near.astype(object).where(near.notna(), None).to_numpy().tolist(),
        "Nearest known settings (distance in standard deviations of the inputs)",
    )
    if len(one.narrowing):
        table = one.narrowing[["source_lang", "target_lang", "train_corpus", "test_corpus"]]
        print_table(
            [*table.columns, "half-width left"],
            [
                [*row, f"{share:.0%}"]
                for row, share in zip(
                    table.to_numpy().tolist(), one.narrowing["share"], strict=True
                )
            ],
            "What would narrow the interval: the same model evaluated here",
        )
