"""Stage `decide`: what follows from the predictions, computed anew and stored where it changed."""

from dataclasses import dataclass, field
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
from prefect import task

from proxylm.errors import InputError
from proxylm.predictor.decide import choices, gains
from proxylm.predictor.drift import check_drift
from proxylm.predictor.inputs import Frames, build_inputs
from proxylm.predictor.recommend import COLUMNS, Prices, in_order, recommend
from proxylm.predictor.store import Predictor
from proxylm.records import HEADLINE_METRICS
from tasks.predict import current_predictors
from tasks.settings import LOCK_RETRIES, busy
from warehouse.database import now, reading, transaction, writing
from warehouse.frames import read_board, read_frames, read_grades, read_prices
from warehouse.home import Home
from warehouse.snapshot import publish_snapshot

DECIMALS = 6
"""Of what is stored: the last bits depend on the machine."""

MAXIMUM_RECOMMENDED = 50
"""For one estimated model and mode."""


@dataclass
class Decided:
    """What the stage found."""

    settings: int = 0  # settings in which models were compared
    gains: int = 0  # settings and models whose fine-tuning was judged
    recommended: int = 0  # evaluations, or trainings with their tests
    alarms: list[str] = field(default_factory=list)  # whose intervals no longer hold
    changed: tuple[str, ...] = ()  # tables that were replaced


def decide(home: str) -> Decided:
    """Compare the models, judge fine-tuning, recommend evaluations, and watch the forecasts."""
    here = Home.find(home)
    board, zero_shot = read_board(here, [m for ms in HEADLINE_METRICS.values() for m in ms])
    tables = {
        "decisions": choices(board),
        "fine_tune_gains": gains(board, zero_shot),
        "recommendations": _recommendations(here),
        "drift_checks": check_drift(read_grades(here)),
    }
    result = Decided(
        tables["decisions"]["setting_key"].nunique(),
        len(tables["fine_tune_gains"]),
        len(tables["recommendations"]),
        alarms=_alarms(tables["drift_checks"]),
    )
    result.changed = replace_tables(here, tables)
    return result


def _alarms(checks: pd.DataFrame) -> list[str]:
    said = []
    for row in checks[checks["alarm"].astype(bool)].to_dict("records"):
        where = "all languages" if row["language"] == "*" else row["language"]
        said.append(
            f"{row['task']} {row['model_id']} {row['mode']} {row['metric']}, {where}: "
            f"{row['coverage']:.0%} of {row['n_forecasts']} forecasts were inside their interval"
        )
    return said


def _recommendations(home: Home) -> pd.DataFrame:
    """What to evaluate next over all targets, ranked; the first headline metric of a task decides.

    A predictor that cannot be read is left out: the stage `predict` has said so.
    """
    frames = Frames(*read_frames(home))
    throughput, models, texts = read_prices(home)
    prices = Prices(
        throughput,
        dict(zip(models["model_id"], models["n_parameters"], strict=True)),
        {tuple(row[:4]): row[4] for row in texts.itertuples(index=False)},
    )
    first = {task: metrics[0] for task, metrics in HEADLINE_METRICS.items()}
    found = []
    for target, path in current_predictors(home):
        if target.metric == first[target.task]:
            try:
                predictor = Predictor.load(home.path / path)
            except InputError:
                continue
            inputs = build_inputs(frames, target)
            found.append(recommend(predictor, inputs, prices, MAXIMUM_RECOMMENDED))
    found = [table for table in found if len(table)]
    if not found:
        return pd.DataFrame(columns=["rank", *COLUMNS])
    table = in_order(pd.concat(found, ignore_index=True))
    table.insert(0, "rank", range(1, len(table) + 1))
    return table.astype({"train_size": "Int64"})


def replace_tables(home: Home, tables: dict[str, pd.DataFrame]) -> tuple[str, ...]:
    """Make the tables hold these rows; returns the names of those that did not hold them yet.

    A table whose rows are the same is left alone, with its `made_at`, and no copy is published
    where all are.
    """
    rounded = {
        name: table.round(dict.fromkeys(table.select_dtypes("float"), DECIMALS))
        for name, table in tables.items()
    }
    with reading(home) as connection:
        changed = tuple(name for name in rounded if _differs(connection, name, rounded[name]))
    if changed:
        with writing(home, "decide") as connection:
            with transaction(connection):
                for name in changed:
                    connection.execute(f"DELETE FROM {name}")
                    _register(connection, rounded[name].assign(made_at=now()))
                    connection.execute(f"INSERT INTO {name} BY NAME SELECT * FROM computed")
            publish_snapshot(home, connection)
    return changed


def _differs(connection: duckdb.DuckDBPyConnection, name: str, table: pd.DataFrame) -> bool:
    _register(connection, table)
    columns = ", ".join(table.columns)
    stored, computed = f"SELECT {columns} FROM {name}", f"SELECT {columns} FROM computed"
    row = connection.execute(
        f"SELECT EXISTS ({stored} EXCEPT ALL {computed}) OR EXISTS ({computed} EXCEPT ALL {stored})"
    ).fetchone()
    return bool(row and row[0])


def _register(connection: duckdb.DuckDBPyConnection, table: pd.DataFrame) -> None:
    """The table as `computed`; NaN is NULL."""
    connection.register("computed", pa.Table.from_pandas(table, preserve_index=False))


decide_task: Any = task(name="decide", retry_condition_fn=busy, **LOCK_RETRIES)(decide)
