"""Stage `retrain`: refit the predictors whose training data changed, and judge them."""

import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import pandas as pd
import pyarrow as pa
from prefect import task

from proxylm.errors import InputError
from proxylm.identity import canonical_json
from proxylm.predictor.champion import contest
from proxylm.predictor.inputs import Frames, Inputs, build_inputs, targets
from proxylm.predictor.quality import BEST_LINE, Quality
from proxylm.predictor.regressors import REGRESSORS
from proxylm.predictor.store import Predictor, fingerprint
from proxylm.predictor.train import fit
from tasks.predict import prediction_rows, write_predictions
from tasks.settings import LOCK_RETRIES, busy, workers
from warehouse.database import now, reading, transaction, writing
from warehouse.frames import read_frames
from warehouse.home import Home
from warehouse.snapshot import publish_snapshot

REGRESSOR = "proxylm-ops"
"""The recipe of this code: the first one of a new target, and a challenger of any other."""


@dataclass
class Retrained:
    """What a retrain did."""

    made: dict[str, str] = field(default_factory=dict)  # target: LOLO error beside the baselines
    contests: dict[str, str] = field(default_factory=dict)  # target: whether a challenger won
    unchanged: list[str] = field(default_factory=list)  # targets whose predictor is up to date
    refused: dict[str, str] = field(default_factory=dict)  # target: why nothing was fitted
    predictions: int = 0  # out-of-fold predictions written

    def lines(self) -> list[str]:
        """One line a target."""
        return [
            *(f"{target}: {said}" for target, said in self.made.items()),
            *(f"{target}: {said}" for target, said in self.contests.items()),
            *(f"{target}: unchanged" for target in self.unchanged),
            *(f"{target}: not fitted, {reason}" for target, reason in self.refused.items()),
        ]


class _Champion(NamedTuple):
    """The predictor in use for a target."""

    predictor_id: str
    regressor: str
    reason: str
    since: datetime


class _Made(NamedTuple):
    """A predictor that was fitted now."""

    inputs: Inputs
    regressor: str
    predictor: Predictor
    quality: Quality
    out_of_fold: pd.DataFrame
    seconds: float


def retrain(
    home: str,
    task_name: str | None = None,
    model_id: str | None = None,
    force: bool = False,
    regressor: str | None = None,
) -> Retrained:
    """Fit, assess and save a predictor for each target whose training rows changed.

    The recipe in use is fitted again. `regressor`, by default this code's, is a challenger where
    another recipe is in use: it takes over where it is not worse on held-out languages.
    """
    here = Home.find(home)
    frames = Frames(*read_frames(here))
    with reading(here) as connection:
        rows = connection.execute("SELECT predictor_id, path FROM predictors").fetchall()
        reigning = {
            tuple(row[:4]): _Champion(*row[4:])
            for row in connection.execute(
                "SELECT task, metric, model_id, mode, predictor_id, regressor, reason, since "
                "FROM champions"
            ).fetchall()
        }
    known = {predictor_id for predictor_id, path in rows if (here.path / path).is_dir()}
    result = Retrained()
    for target in targets(frames):
        if task_name not in (None, target.task) or model_id not in (None, target.model_id):
            continue
        champion = reigning.get((target.task, target.metric, target.model_id, target.mode))
        try:
            inputs = build_inputs(frames, target)
            _retrain_one(
                here, inputs, champion, regressor or REGRESSOR, set() if force else known, result
            )
        except InputError as error:
            result.refused[str(target)] = str(error)
    return result


def _retrain_one(
    home: Home,
    inputs: Inputs,
    champion: _Champion | None,
    wanted: str,
    known: set[str],
    result: Retrained,
) -> None:
    """Bring the champion's recipe up to the data, then let the wanted recipe challenge it."""
    name = str(inputs.target)
    if champion is None or champion.regressor not in REGRESSORS:
        reason = "the first one" if champion is None else f"{champion.regressor} is gone"
        champion = _Champion("", wanted, reason, now())
    current = fingerprint(inputs, champion.regressor)
    made = None
    challenged = wanted != champion.regressor and fingerprint(inputs, wanted) not in known
    if current not in known or not champion.predictor_id:
        made = _fit(inputs, champion.regressor)
        result.predictions += _store(home, made, champion._replace(predictor_id=current))
        result.made[name] = _summary(made.quality)
    elif not challenged:
        result.unchanged.append(name)
    if not challenged:
        return
    challenger = _fit(inputs, wanted)
    held_out = made.out_of_fold["value"] if made else _out_of_fold(home, current)
    fought = contest(
        held_out - inputs.y,
        challenger.out_of_fold["value"] - inputs.y,
        inputs.settings["language"],
    )
    outcome = "wins" if fought.wins else "does not win"
    reason = f"{wanted} {outcome} against {champion.regressor}: {fought}"
    crowned = _Champion(challenger.predictor.predictor_id, wanted, reason, now())
    result.predictions += _store(home, challenger, crowned if fought.wins else None)
    result.contests[name] = reason


def _fit(inputs: Inputs, regressor: str) -> _Made:
    started = time.perf_counter()
    fitted = fit(inputs, regressor, jobs=workers())
    return _Made(inputs, regressor, *fitted, time.perf_counter() - started)


def _out_of_fold(home: Home, predictor_id: str) -> pd.Series:
    """Held-out values of a predictor in the warehouse, by setting."""
    with reading(home) as connection:
        rows = connection.execute(
            "SELECT setting_key, value FROM predictions "
            "WHERE predictor_id = ? AND kind = 'out_of_fold'",
            [predictor_id],
        ).df()
    return rows.set_index("setting_key")["value"]


def _store(home: Home, made: _Made, champion: _Champion | None) -> int:
    """Keep a predictor and its quality; of a champion also what it says. Returns predictions."""
    target, predictor_id = made.inputs.target, made.predictor.predictor_id
    folder = home.predictors / predictor_id
    made.predictor.save(folder)
    made_at, written = now(), 0
    row = pd.DataFrame(
        [
            {
                "predictor_id": predictor_id,
                "task": target.task,
                "metric": target.metric,
                "model_id": target.model_id,
                "mode": target.mode,
                "input_set": target.input_set,
                "feature_set": made.inputs.feature_set,
                "regressor": made.regressor,
                "n_rows": made.predictor.signature["n_rows"],
                "signature": canonical_json(dict(made.predictor.signature)),
                "path": str(folder.relative_to(home.path)),
                "wall_seconds": made.seconds,
                "made_at": made_at,
            }
        ]
    )
    with writing(home, "retrain") as connection:
        with transaction(connection):
            connection.register("made", pa.Table.from_pandas(row, preserve_index=False))
            connection.execute("INSERT OR REPLACE INTO predictors BY NAME SELECT * FROM made")
            measured = made.quality.table().assign(predictor_id=predictor_id)
            connection.register("measured", pa.Table.from_pandas(measured, preserve_index=False))
            connection.execute(
                "INSERT OR REPLACE INTO predictor_quality BY NAME SELECT * FROM measured"
            )
            if champion is not None:
                rows = prediction_rows(
                    predictor_id, "out_of_fold", "lolo", made.out_of_fold, made_at
                )
                written = write_predictions(connection, rows)
                connection.execute(
                    "INSERT OR REPLACE INTO champions VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    [target.task, target.metric, target.model_id, target.mode, *champion],
                )
        publish_snapshot(home, connection)
    return written


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
