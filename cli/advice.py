"""Commands that say what to do and why: `recommend` and `explain`."""

from typing import Annotated

import typer

from cli.checks import check_model, check_task
from cli.options import HomeOption, JsonOption, LimitOption, TaskOption, print_rows, say


def add_commands(app: typer.Typer) -> None:
    """Add this module's commands to `app`."""
    app.command()(recommend)


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
            "SELECT * FROM recommendations WHERE (task = $task OR $task IS NULL) "
            "AND (model_id = $model OR $model IS NULL) "
            "AND ($code IS NULL OR source_lang = $code OR target_lang = $code) ORDER BY rank",
            {"task": task, "model": model, "code": code},
        ).df()
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
