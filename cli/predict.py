"""The command `predict`: what the board says about a pair of languages, or would say."""

from typing import TYPE_CHECKING, Annotated

import typer

from cli.checks import check_model, check_task
from cli.options import HomeOption, JsonOption, print_rows, say
from proxylm.errors import UsageError

if TYPE_CHECKING:
    from tasks.ask import Question
    from warehouse.home import Home

_ON_THE_BOARD = (
    "model_id", "metric", "train_corpus", "train_size", "test_corpus", "predicted", "lower",
    "upper", "level", "prediction_kind", "observed", "status", "reason", "predictor_id",
)  # fmt: skip


def add_commands(app: typer.Typer) -> None:
    """Add this module's command to `app`."""
    app.command()(predict)


def predict(
    source: Annotated[str, typer.Option(help="Source language; for intent the one trained on.")],
    target: Annotated[str, typer.Option(help="Target language; for intent the one tested on.")],
    task: Annotated[str, typer.Option(help="mt, intent or slot.")],
    model: Annotated[str | None, typer.Option(help="Only this estimated model.")] = None,
    train_corpus: Annotated[str | None, typer.Option(help="Only this training corpus.")] = None,
    train_size: Annotated[int | None, typer.Option(help="Only so many training lines.")] = None,
    test_corpus: Annotated[str | None, typer.Option(help="Only this test corpus.")] = None,
    level: Annotated[
        list[float] | None,
        typer.Option(help="Level of the interval, 0-1, once or often; computed anew."),
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the predictions for a pair of languages; writes nothing.

    Settings that the home does not have are predicted from what is known of them: facts about the
    languages, and zero-shot scores on the same test set.
    """
    from proxylm.languages import resolve
    from tasks.ask import Question
    from warehouse.home import Home

    here = Home.find(home)
    check_task(task)
    check_model(here, model)
    pair = resolve(source).code, resolve(target).code
    asked = Question(task, *pair, model, None, train_corpus, train_size, test_corpus)
    rows = [] if level else _on_the_board(here, asked)
    if rows:
        columns = _ON_THE_BOARD if as_json else _ON_THE_BOARD[:-1]
        print_rows(columns, [row[: len(columns)] for row in rows], as_json)
    else:
        _print_computed(here, asked, level, as_json)


def _on_the_board(home: "Home", asked: "Question") -> list[tuple[object, ...]]:
    from warehouse.database import reading

    optional = ("model_id", "train_corpus", "train_size", "test_corpus")
    with reading(home) as connection:
        return connection.execute(
            f"SELECT {', '.join(_ON_THE_BOARD)} FROM leaderboard "
            "WHERE task = ? AND source_lang = ? AND target_lang = ? AND "
            + " AND ".join(f"coalesce({name} = ?, ? IS NULL)" for name in optional)
            + " ORDER BY ALL",
            [*asked[:3], *(getattr(asked, name) for name in optional for _ in range(2))],
        ).fetchall()


def _print_computed(
    home: "Home", asked: "Question", levels: list[float] | None, as_json: bool
) -> None:
    from proxylm.predictor.intervals import LEVEL
    from tasks.ask import predictions

    table = predictions(str(home.path), asked, levels or [LEVEL])
    if table.empty:
        raise UsageError(
            f"there is nothing to predict for {asked}: its scores are observed, or no predictor "
            "was trained on a corpus like these; `plm-admin list settings` shows what there is"
        )
    if table["hypothetical"].any():
        say(
            "this home has no such setting: facts about the languages and zero-shot scores of the "
            "same test set are all that is known. `plm-admin add-language` adds one"
        )
    rows = table.astype(object).where(table.notna(), None)
    shown = rows if as_json else rows.drop(columns=["predictor_id", "hypothetical", "mode"])
    print_rows(shown.columns.tolist(), shown.to_numpy().tolist(), as_json)
