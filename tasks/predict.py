"""Stage `predict`: forecasts for the settings whose score nobody knows yet."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
from prefect import task

from proxylm.errors import InputError
from proxylm.identity import digest
from proxylm.predictor.inputs import Frames, Target, build_inputs
from proxylm.predictor.store import Predictor
from proxylm.predictor.train import forecast
from tasks.settings import LOCK_RETRIES, busy
from warehouse.database import now, reading, transaction, writing
from warehouse.frames import read_frames
from warehouse.home import Home
from warehouse.snapshot import publish_snapshot

DECIMALS = 6
"""Of a stored prediction, in the metric's units."""

_SAID = ["value", "lower", "upper", "level", "status", "reason"]


@dataclass
class Forecasts:
    """What was predicted."""

    new: int = 0  # predictions that were not in the warehouse
    predicted: int = 0
    abstained: int = 0
    unusable: dict[str, str] = field(default_factory=dict)  # predictor folder: why


def predict(home: str) -> Forecasts:
    """Forecast every unobserved setting with the predictor in use for each target."""
    here = Home.find(home)
    frames = Frames(*read_frames(here))
    result = Forecasts()
    rows = []
    for target, path in current_predictors(here):
        try:
            predictor = Predictor.load(here.path / path)
        except InputError as error:
            result.unusable[path] = str(error)
            continue
        made = forecast_rows(frames, target, predictor)
        result.predicted += int((made["status"] == "predicted").sum())
        result.abstained += int((made["status"] == "abstained").sum())
        rows.append(prediction_rows(predictor.predictor_id, "forecast", None, made, now()))
    if rows:
        with writing(here, "predict") as connection:
            with transaction(connection):
                result.new = write_predictions(connection, pd.concat(rows, ignore_index=True))
            if result.new:
                publish_snapshot(here, connection)
    return result


def forecast_rows(frames: Frames, target: Target, predictor: Predictor) -> pd.DataFrame:
    """Forecasts for the unobserved settings in the target's reach, indexed by setting_key."""
    return forecast(predictor, build_inputs(frames, target))


def current_predictors(home: Home) -> list[tuple[Target, str]]:
    """The predictor in use for each target, and its folder below the home."""
    with reading(home) as connection:
        rows = connection.execute(
            "SELECT p.task, p.metric, p.model_id, p.mode, p.input_set, p.path FROM predictors p "
            "SEMI JOIN champions USING (predictor_id) ORDER BY ALL"
        ).fetchall()
    return [(Target(*row[:5]), row[5]) for row in rows]


def prediction_rows(
    predictor_id: str, kind: str, protocol: str | None, made: pd.DataFrame, made_at: datetime
) -> pd.DataFrame:
    """`made` (indexed by setting_key, with value to reason) as rows of `predictions`.

    The key holds what was said: the same prediction again is the same row, another one is new.
    Numbers are rounded, since the last bits depend on how many rows are predicted together.
    """
    said = made[_SAID].round(DECIMALS).astype(object).where(made[_SAID].notna(), None)
    rows = said.assign(
        predictor_id=predictor_id,
        setting_key=made.index,
        kind=kind,
        protocol=protocol,
        made_at=made_at,
    )
    keys = [
        digest([predictor_id, setting_key, kind, protocol, *values])
        for setting_key, values in zip(made.index, said.to_numpy().tolist(), strict=True)
    ]
    return rows.assign(prediction_id=keys).reset_index(drop=True)


def write_predictions(connection: duckdb.DuckDBPyConnection, rows: pd.DataFrame) -> int:
    """Insert the predictions that are new; returns how many. None is ever rewritten."""
    numbers = {name: rows[name].astype(float) for name in ("value", "lower", "upper", "level")}
    connection.register("said", pa.Table.from_pandas(rows.assign(**numbers), preserve_index=False))
    row = connection.execute(
        "INSERT INTO predictions BY NAME "
        "SELECT * REPLACE (protocol::VARCHAR AS protocol, reason::VARCHAR AS reason) "
        "FROM said ANTI JOIN predictions USING (prediction_id)"
    ).fetchone()
    connection.unregister("said")
    return int(row[0]) if row else 0


predict_task: Any = task(name="predict", retry_condition_fn=busy, **LOCK_RETRIES)(predict)
