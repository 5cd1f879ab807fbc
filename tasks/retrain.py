"""Stage `retrain`: refit the predictors whose training data changed, and judge them."""

import time
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import pyarrow as pa
from prefect import task

from proxylm.errors import InputError
from proxylm.identity import canonical_json
from proxylm.predictor.inputs import Frames, Target, build_inputs, targets
from proxylm.predictor.quality import BEST_LINE, Quality
from proxylm.predictor.store import fingerprint
from proxylm.predictor.train import fit
from tasks.predict import prediction_rows, write_predictions
from tasks.settings import LOCK_RETRIES, busy, workers
from warehouse.database import now, reading, transaction, writing
from warehouse.frames import read_frames
from warehouse.home import Home
from warehouse.snapshot import publish_snapshot

REGRESSOR = "proxylm-ops"


@dataclass
class Retrained:
    """What a retrain did."""

    made: dict[str, str] = field(default_factory=dict)  # target: LOLO error beside the baselines
    unchanged: list[str] = field(default_factory=list)  # targets whose predictor is up to date
    refused: dict[str, str] = field(default_factory=dict)  # target: why nothing was fitted
    predictions: int = 0  # out-of-fold predictions written

    def lines(self) -> list[str]:
        """One line a target."""
        return [
            *(f"{target}: {said}" for target, said in self.made.items()),
            *(f"{target}: unchanged" for target in self.unchanged),
            *(f"{target}: not fitted, {reason}" for target, reason in self.refused.items()),
        ]


def retrain(
    home: str,
    task_name: str | None = None,
    model_id: str | None = None,
    force: bool = False,
    regressor: str = REGRESSOR,
) -> Retrained:
    """Fit, assess and save a predictor for each target whose training rows changed."""
    here = Home.find(home)
    frames = Frames(*read_frames(here))
    with reading(here) as connection:
        rows = connection.execute("SELECT predictor_id, path FROM predictors").fetchall()
    known = {predictor_id for predictor_id, path in rows if (here.path / path).is_dir()}
    result = Retrained()
    for target in targets(frames):
        if task_name not in (None, target.task) or model_id not in (None, target.model_id):
            continue
        try:
            _retrain_one(here, frames, target, regressor, known if not force else set(), result)
        except InputError as error:
            result.refused[str(target)] = str(error)
    return result


def _retrain_one(
    home: Home,
    frames: Frames,
    target: Target,
    regressor: str,
    known: set[str],
    result: Retrained,
) -> None:
    inputs = build_inputs(frames, target)
    if fingerprint(inputs, regressor) in known:
        result.unchanged.append(str(target))
        return
    started = time.perf_counter()
    predictor, quality, out_of_fold = fit(inputs, regressor, jobs=workers())
    seconds = time.perf_counter() - started
    folder = home.predictors / predictor.predictor_id
    predictor.save(folder)
    made_at = now()
    row = pd.DataFrame(
        [
            {
                "predictor_id": predictor.predictor_id,
                "task": target.task,
                "metric": target.metric,
                "model_id": target.model_id,
                "mode": target.mode,
                "input_set": target.input_set,
                "feature_set": inputs.feature_set,
                "regressor": regressor,
                "n_rows": predictor.signature["n_rows"],
                "signature": canonical_json(dict(predictor.signature)),
                "path": str(folder.relative_to(home.path)),
                "wall_seconds": seconds,
                "made_at": made_at,
            }
        ]
    )
    rows = prediction_rows(predictor.predictor_id, "out_of_fold", "lolo", out_of_fold, made_at)
    with writing(home, "retrain") as connection:
        with transaction(connection):
            connection.register("made", pa.Table.from_pandas(row, preserve_index=False))
            connection.execute("INSERT OR REPLACE INTO predictors BY NAME SELECT * FROM made")
            measured = quality.table().assign(predictor_id=predictor.predictor_id)
            connection.register("measured", pa.Table.from_pandas(measured, preserve_index=False))
            connection.execute(
                "INSERT OR REPLACE INTO predictor_quality BY NAME SELECT * FROM measured"
            )
            result.predictions += write_predictions(connection, rows)
        publish_snapshot(home, connection)
    result.made[str(target)] = _summary(quality)


def _summary(quality: Quality) -> str:
    """The LOLO error beside its naive baselines, in one line."""
    (lolo,) = (q for q in quality.protocols if q.protocol == "lolo")
    error = lolo.rmse[quality.regressor]
    beside = ", ".join(
        f"{lolo.rmse[name]:.4g} {name} (ratio {error / lolo.rmse[name]:.2f})"
        for name in ("train-mean", BEST_LINE)
        if lolo.rmse.get(name)
    )
    return f"LOLO error {error:.4g}; beside it {beside}"


retrain_task: Any = task(name="retrain", retry_condition_fn=busy, **LOCK_RETRIES)(retrain)
