"""Commands that judge a method on scores that are known."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.checks import check_task
from cli.options import HomeOption, JsonOption, TaskOption, cell, print_json, print_table, say

if TYPE_CHECKING:
    from proxylm.predictor.comparison import Compared, Experiment

PROTOCOLS = ["lolo", "by_run", "random"]
PAIR = "mt560+nusa"
"""The two files of which one is predicted from the other."""
SHOWN_WORST = 3


def add_commands(app: typer.Typer) -> None:
    """Add this module's commands to `app`."""
    app.command("evaluate-predictor")(evaluate_predictor)


def evaluate_predictor(
    records: Annotated[
        Path | None,
        typer.Option(help="Folder with files of the ProxyLM release; default: the home's data."),
    ] = None,
    task: TaskOption = None,
    metric: Annotated[str | None, typer.Option(help="Only this metric.")] = None,
    model: Annotated[str | None, typer.Option(help="Only this estimated model.")] = None,
    regressor: Annotated[
        list[str] | None, typer.Option(help="Regressor, once or often. Default: retrain's.")
    ] = None,
    protocol: Annotated[
        list[str] | None,
        typer.Option(
            help="random, by_run, by_run_pair, lolo, unseen, unseen_reverse, cross_dataset or "
            "incremental, once or often. Default: lolo, by_run and random, and cross_dataset "
            "where both of its files are there."
        ),
    ] = None,
    reference: Annotated[
        str, typer.Option(help="Regressor fitted beside them, to which ratios refer.")
    ] = "lightgbm-paper-fixed",
    metadata: Annotated[
        bool, typer.Option(help="With the public facts about languages and models, or without.")
    ] = True,
    half: Annotated[
        bool,
        typer.Option(
            "--half",
            help="Show both halves of the languages: choices of method were made on the first.",
        ),
    ] = False,
    tune: Annotated[
        int, typer.Option(min=0, help="Trials of a search inside each training fold; 0: defaults.")
    ] = 0,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Judge regressors on held-out rows, beside the paper's figures.

    One table a file, metric and estimated model. Nothing is written. Without --regressor the
    method of `retrain` is judged, and copying the best proxy beside it. "leak" is the share of test
    rows whose fine-tuning is in training too; "covered" the share of languages whose rows are
    within their 90 % intervals as often as that, "width" the mean width of these.
    """
    from proxylm.errors import InputError
    from proxylm.predictor.comparison import cell_of, choose, compare, protocols_of
    from proxylm.predictor.regressors import check_name
    from tasks.retrain import REGRESSOR
    from tasks.settings import workers

    check_task(task)
    names = regressor or [REGRESSOR, "copy-best-proxy"]
    for name in [*names, reference]:
        check_name(name)
    chosen = protocols_of(protocol or PROTOCOLS)
    found: list[Compared] = []
    targets = choose(_experiments(records, home), task, metric, model)
    if "cross_dataset" in chosen and all(each.name != PAIR for each, _ in targets):
        say("left out cross_dataset. It predicts nusa from mt560: --records has to hold both.")
    for experiment, target in targets:
        is_pair = experiment.name == PAIR
        asked = ["cross_dataset"] if is_pair and not protocol else chosen
        judged: list[Compared] = []
        try:
            rows = cell_of(experiment, target, metadata)
        except InputError as error:
            say(str(error))
            continue
        for name in asked:
            if is_pair != (name == "cross_dataset"):
                continue
            try:
                judged += compare(rows, name, names, reference, workers(), tune)
            except InputError as error:
                say(f"{rows}: left out {name}. {error}")
        found += judged
        if judged and not as_json:
            _print(str(rows), judged, half)
    if as_json:
        print_json([row.as_json() for row in found])
    if not found:
        raise InputError("Nothing could be evaluated; the reasons are above.")


def _experiments(records: Path | None, home: Path | None) -> "list[Experiment]":
    from proxylm.predictor.comparison import Experiment, experiments_of
    from proxylm.predictor.frames import read_release
    from proxylm.predictor.inputs import Frames
    from warehouse.frames import read_frames
    from warehouse.home import Home

    if records is None:
        return [Experiment("home", Frames(*read_frames(Home.find(home))))]
    read = read_release(records)
    for one in read:
        if one.n_rejected:
            say(f"{one.name}: {one.n_rejected} rows cannot be used; see import-records")
    return experiments_of(read)


def _print(title: str, rows: "list[Compared]", half: bool) -> None:
    halves = ["development", "reserved"] if half else []
    columns = [
        "protocol", "regressor", "error", *halves, "pooled", "published", "ratio",
        f"to {rows[0].reference}", "95 % of it", "Spearman", "leak", "covered", "width",
        "worst languages",
    ]  # fmt: skip
    table = []
    for row in rows:
        of_halves = [row.rmse_development, row.rmse_reserved] if half else []
        worst = list(row.worst.items())[:SHOWN_WORST]
        table.append(
            [
                row.protocol,
                row.regressor,
                *map(_number, (row.rmse, *of_halves, row.rmse_pooled, row.published)),
                _number(row.ratio_published),
                _number(row.ratio),
                f"{row.ratio_low:.2f}-{row.ratio_high:.2f}",
                f"{row.spearman:.2f}",
                f"{row.shared_run_group:.0%}",
                f"{row.intervals.languages_covered:.0%}" if row.intervals else "-",
                _number(row.intervals.mean_width if row.intervals else None),
                ", ".join(f"{name.partition('_')[0]} {_number(error)}" for name, error in worst),
            ]
        )
    print_table(columns, table, title, exact=True)
    for note in dict.fromkeys(note for row in rows for note in row.notes):
        say(f"{title}: {note}")


def _number(value: float | None) -> str:
    """Three significant figures or more: COMET is on 0-1."""
    return cell(None) if value is None or value != value else f"{value:.4g}"
