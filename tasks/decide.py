"""Stage `decide`: what follows from the predictions, computed anew and stored where it changed."""

from dataclasses import dataclass
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
from prefect import task

from proxylm.predictor.decide import choices, gains
from proxylm.records import HEADLINE_METRICS
from tasks.settings import LOCK_RETRIES, busy
from warehouse.database import now, reading, transaction, writing
from warehouse.frames import read_board
from warehouse.home import Home
from warehouse.snapshot import publish_snapshot

DECIMALS = 6
"""Of what is stored: the last bits depend on the machine."""


@dataclass
class Decided:
    """What the stage found."""

    settings: int = 0  # settings in which models were compared
    gains: int = 0  # settings and models whose fine-tuning was judged
    changed: tuple[str, ...] = ()  # tables that were replaced


def decide(home: str) -> Decided:
    """Compare the estimated models in every setting, and what fine-tuning gains each of them."""
    here = Home.find(home)
    board, zero_shot = read_board(here, [m for ms in HEADLINE_METRICS.values() for m in ms])
    tables = {"decisions": choices(board), "fine_tune_gains": gains(board, zero_shot)}
    result = Decided(tables["decisions"]["setting_key"].nunique(), len(tables["fine_tune_gains"]))
    result.changed = replace_tables(here, tables)
    return result


def replace_tables(home: Home, tables: dict[str, pd.DataFrame]) -> tuple[str, ...]:
    """Make the tables hold these rows; returns the names of those that did not hold them yet.

    A table whose rows are the same is left alone, with its `made_at`, and no copy is published
    where all are.
    """
    rounded = {name: table.round(DECIMALS) for name, table in tables.items()}
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
