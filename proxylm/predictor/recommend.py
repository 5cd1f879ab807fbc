"""What to evaluate next: the evaluations that lower the expected errors most per hour.

A unit is what one fine-tuning serves (a model in one run group, all its tests that are missing),
or, for zero-shot, one test. Observing a unit removes the uncertainty of its own settings and, as
errors are shared, some of that of others: `fewshot` has the covariances, and with Gaussian errors
the new variances do not depend on what will be observed. Units are taken greedily, the largest
drop per hour first, each after those before it. It knows costs only as it is told them.
"""

import heapq
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import linalg

from proxylm.predictor.error_scale import describe
from proxylm.predictor.fewshot import KnownErrors
from proxylm.predictor.inputs import Inputs
from proxylm.predictor.store import Predictor

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]

SURER = 0.01
"""A prediction counts as surer where its standard deviation falls by this share."""

MAXIMUM_SETTINGS = 3000
"""Unobserved settings of a target that are weighed against each other; of more, whole units."""

COLUMNS = [
    "task", "metric", "model_id", "mode", "role", "run_group", "source_lang", "target_lang",
    "train_corpus", "train_size", "test_corpus", "settings", "expected_error_drop",
    "device_seconds", "cost_basis", "drop_per_hour", "reason",
]  # fmt: skip


class Cost(NamedTuple):
    """Seconds of the device for a unit."""

    seconds: float  # NaN where nothing comparable was run
    basis: str | None  # measured, scaled, or None


@dataclass(frozen=True)
class Prices:
    """What evaluations cost here, from the views `throughput` and `test_texts`."""

    throughput: pd.DataFrame  # a row a model, mode and task (the device it ran on most)
    parameters: dict[str, float]  # by model_id, where known
    lines: dict[tuple[str, str, str, str], float]  # test lines by task, languages, test corpus

    def of(self, model_id: str, mode: str, settings: pd.DataFrame, trained: bool) -> Cost:
        """Seconds of one training (unless `trained`) and of the distinct tests of `settings`.

        Where the model never ran, those of the model of the same task and mode that is nearest in
        parameters, times the ratio of parameters.
        """
        task = settings["task"].iloc[0]
        rows = self.throughput
        rows = rows[(rows["task"] == task) & (rows["mode"] == mode)]
        own = rows[rows["model_id"] == model_id]
        scale, basis = 1.0, "measured"
        if own.empty:
            own_size = self.parameters.get(model_id)
            others = rows["model_id"].map(self.parameters).dropna()
            if own_size is None or others.empty:
                return Cost(np.nan, None)
            nearest = np.log(others / own_size).abs().idxmin()
            own, scale, basis = rows.loc[[nearest]], own_size / others[nearest], "scaled"
        speed = own.iloc[0]
        seconds = 0.0
        if not trained:
            size = settings["train_size"].iloc[0]
            by_line = speed["seconds_per_train_line"] * (np.nan if pd.isna(size) else size)
            by_run = speed["train_seconds"] / speed["trainings"]
            seconds += by_line if pd.notna(by_line) else by_run
        sides = ["source_lang", "target_lang", "test_corpus"]
        for test in settings[sides].drop_duplicates().itertuples(index=False):
            lines = self.lines.get((task, *test), np.nan)
            by_line = speed["seconds_per_test_line"] * lines
            by_test = speed["test_seconds"] / speed["evaluations"]
            seconds += by_line if pd.notna(by_line) else by_test
        return Cost(float(scale * seconds), basis) if pd.notna(seconds) else Cost(np.nan, None)


def recommend(
    predictor: Predictor, inputs: Inputs, prices: Prices, limit: int = 50
) -> pd.DataFrame:
    """Up to `limit` units for one target, the first to be run first: columns COLUMNS.

    First come those whose cost is known, by expected error drop per hour, then the others by drop.
    """
    rows = inputs.unobserved()
    told = rows.has_proxy
    weighed = _some_units(rows.take(told))
    found = _estimated(predictor, weighed, inputs.training(), prices, limit)
    found += _proxies(predictor, rows.take(~told), inputs.training(), prices)
    table = pd.DataFrame(found, columns=COLUMNS)
    return in_order(table).head(limit)


def in_order(table: pd.DataFrame) -> pd.DataFrame:
    """Rows as they are to be run: by drop per hour, those of unknown cost last, by drop."""
    order = ["drop_per_hour", "expected_error_drop"]
    return table.sort_values(order, ascending=False, kind="stable", ignore_index=True)


def within(table: pd.DataFrame, seconds: float) -> pd.DataFrame:
    """The rows, in order, that fit into so many seconds of the device; unknown costs do not."""
    left, kept = seconds, []
    for cost in table["device_seconds"]:
        kept.append(bool(cost <= left))
        left -= cost if kept[-1] else 0.0
    return table[np.array(kept, bool)]


def narrowing(predictor: Predictor, inputs: Inputs, setting_key: str, n: int = 3) -> pd.DataFrame:
    """Up to `n` units of the same model that would narrow one unobserved prediction most.

    Columns: what is to be run, as in COLUMNS, and `share`, of its standard deviation, that would
    be left. The unit that holds the setting itself is left out: it would leave nothing to predict.
    """
    rows = inputs.unobserved()
    rows = rows.take(rows.has_proxy)
    units = _units(rows, rows.target.mode)
    where = int(np.flatnonzero(rows.X.index == setting_key)[0])
    noise = 1e-3 * float(inputs.training().y.std())
    found = []
    for part in _parts(predictor, rows, units):
        if where not in part.rows:
            continue
        at = int(np.flatnonzero(part.rows == where)[0])
        before = part.covariance[at, at]
        for unit in sorted(part.units):
            if unit != units[where]:
                share = float(np.sqrt(part.after(unit, noise)[at] / before))
                its = rows.settings[units == unit]
                described = _row(rows, rows.target.model_id, rows.target.mode, "estimated", its, 0)
                found.append(described | {"share": share})
    columns = ["model_id", "mode", "source_lang", "target_lang", "train_corpus", "test_corpus"]
    table = pd.DataFrame(found, columns=[*columns, "share"])
    return table[table["share"] < 1 - SURER].sort_values("share", kind="stable").head(n)


def _units(rows: Inputs, mode: str) -> npt.NDArray[np.object_]:
    """What each setting would be observed with."""
    s = rows.settings
    if mode == "zero_shot":
        return (s["source_lang"] + "|" + s["target_lang"] + "|" + s["test_corpus"]).to_numpy(object)
    return s["run_group"].to_numpy(object)


def _some_units(rows: Inputs) -> Inputs:
    """All rows, or those of units drawn at random until MAXIMUM_SETTINGS are reached."""
    if len(rows.y) <= MAXIMUM_SETTINGS:
        return rows
    names, unit = np.unique(_units(rows, rows.target.mode).astype(str), return_inverse=True)
    order = np.random.default_rng(0).permutation(len(names))
    sizes = np.bincount(unit)[order].cumsum()
    kept = order[: max(1, int(np.searchsorted(sizes, MAXIMUM_SETTINGS, side="right")))]
    return rows.take(np.isin(unit, kept))


class _Part:
    """Settings whose errors depend on each other: covariance and units, as things are observed."""

    def __init__(self, rows: Rows, covariance: Floats, units: npt.NDArray[np.object_]) -> None:
        self.rows, self.covariance = rows, covariance
        self.units = {unit: np.flatnonzero(units[rows] == unit) for unit in {*units[rows]}}

    def after(self, unit: str, noise: float) -> Floats:
        """Variances once this unit is observed."""
        its = self.units[unit]
        shared = self.covariance[its]
        seen = self.covariance[np.ix_(its, its)] + noise**2 * np.eye(len(its))
        taken = (shared * linalg.solve(seen, shared, assume_a="pos")).sum(axis=0)
        return np.asarray(np.maximum(np.diag(self.covariance) - taken, 0.0), dtype=np.float64)

    def observe(self, unit: str, noise: float) -> None:
        its = self.units[unit]
        shared = self.covariance[its]
        seen = self.covariance[np.ix_(its, its)] + noise**2 * np.eye(len(its))
        self.covariance = self.covariance - shared.T @ linalg.solve(seen, shared, assume_a="pos")
        self.covariance[its] = self.covariance[:, its] = 0.0  # they are no predictions any more


def _estimated(
    predictor: Predictor, rows: Inputs, training: Inputs, prices: Prices, limit: int
) -> list[dict[str, object]]:
    target = rows.target
    if rows.y.empty:
        return []
    units = _units(rows, target.mode)
    noise = float(np.nanmedian(training.half_width.fillna(0.0))) / 1.96
    noise = max(noise, 1e-6 * float(training.y.std()))
    parts = _parts(predictor, rows, units)
    trained = {*training.settings["run_group"]} if target.mode != "zero_shot" else {*units}
    settings = rows.settings.assign(task=target.task)
    costs = {
        unit: prices.of(target.model_id, target.mode, settings[units == unit], unit in trained)
        for unit in {*units}
    }

    def worth(part: _Part, unit: str) -> tuple[float, int]:
        before = np.sqrt(np.maximum(np.diag(part.covariance), 0.0))
        fall = before - np.sqrt(part.after(unit, noise))
        return float(fall.sum()), int((fall > SURER * before).sum())

    def rank(drop: float, unit: str) -> tuple[bool, float, str]:
        seconds = costs[unit].seconds
        return (np.isnan(seconds), -(drop / seconds if seconds > 0 else drop), unit)

    # Lazy greedy: what a unit is worth only falls as others are observed.
    queue = [(rank(worth(part, unit)[0], unit), at, unit)
             for at, part in enumerate(parts) for unit in part.units]  # fmt: skip
    heapq.heapify(queue)
    found: list[dict[str, object]] = []
    while queue and len(found) < limit:
        _, at, unit = heapq.heappop(queue)
        drop, surer = worth(parts[at], unit)
        now = rank(drop, unit)
        if queue and now > queue[0][0]:
            heapq.heappush(queue, (now, at, unit))
            continue
        parts[at].observe(unit, noise)
        its = settings[units == unit]
        also = surer - len(its)
        reason = f"{len(its)} of its settings become observed"
        reason += f" and {also} more predictions surer" if also > 0 else ""
        reason += (
            "; it is trained already" if unit in trained and target.mode != "zero_shot" else ""
        )
        found.append(
            _row(rows, target.model_id, target.mode, "estimated", its, max(surer, len(its)))
            | _priced(drop, costs[unit])
            | {"reason": reason}
        )
    return found


def _parts(predictor: Predictor, rows: Inputs, units: npt.NDArray[np.object_]) -> list[_Part]:
    """The parts of the settings; without known errors each unit is one, with independent errors."""
    known: KnownErrors | None = predictor.known
    if known is not None:
        return [_Part(at, table, units) for at, table in known.covariances(rows.settings)]
    variance = _expected(predictor, rows) ** 2
    found = []
    for unit in sorted({*units}):
        at = np.flatnonzero(units == unit)
        found.append(_Part(at, np.diag(variance[at]), units))
    return found


def _expected(predictor: Predictor, rows: Inputs) -> Floats:
    """Standard deviations of the errors, from the expected absolute ones as if Gaussian."""
    X = rows.X.reindex(columns=predictor.columns).astype(float)
    values = predictor.regressor.predict(X, rows.settings)
    described = describe(X, values, rows.target.metric)
    return np.asarray(predictor.calibration.scale.predict(described) * np.sqrt(np.pi / 2))


def _proxies(
    predictor: Predictor, rows: Inputs, training: Inputs, prices: Prices
) -> list[dict[str, object]]:
    """For settings without any proxy score: the proxy that costs least, where one is known.

    What falls is the standard deviation of scores about which nothing is known, to the error of
    predictions for a held-out language.
    """
    if rows.y.empty:
        return []
    fall = float(training.y.std()) - float((_expected(predictor, training) ** 2).mean() ** 0.5)
    columns = [c.removeprefix("proxy:") for c in predictor.columns if c.startswith("proxy:")]
    models = sorted({tuple(column.rsplit("/", 2)[:2]) for column in columns})
    settings = rows.settings.assign(task=rows.target.task)
    found: list[dict[str, object]] = []
    covers: list[set[str]] = []  # settings of each
    for model_id, mode in models:
        units = _units(rows, mode)
        for unit in sorted({*units}):
            its = settings[units == unit]
            cost = prices.of(model_id, mode, its, trained=False)
            drop = max(fall, 0.0) * len(its)
            reason = f"{len(its)} settings of {rows.target.model_id} have no proxy score"
            row = _row(rows, model_id, mode, "proxy", its, len(its)) | _priced(drop, cost)
            found.append(row | {"reason": reason})
            covers.append({*its.index})
    served: set[str] = set()
    kept = []
    for number in in_order(pd.DataFrame(found).assign(number=range(len(found))))["number"]:
        if not covers[number] <= served:  # one proxy is enough for a prediction
            served |= covers[number]
            kept.append(found[number])
    return kept


def _priced(drop: float, cost: Cost) -> dict[str, object]:
    hours = cost.seconds / 3600
    return {
        "expected_error_drop": drop,
        "device_seconds": cost.seconds,
        "cost_basis": cost.basis,
        "drop_per_hour": drop / hours if hours > 0 else np.nan,
    }


def _row(
    rows: Inputs, model_id: str, mode: str, role: str, its: pd.DataFrame, surer: int
) -> dict[str, object]:
    """What is to be run; `*` where a unit has several languages or test corpora."""

    def one(column: str) -> object:
        values = its[column].unique()
        return values[0] if len(values) == 1 else "*"

    zero_shot = mode == "zero_shot"
    size = its["train_size"].iloc[0]
    return {
        "task": rows.target.task,
        "metric": rows.target.metric,
        "model_id": model_id,
        "mode": mode,
        "role": role,
        "run_group": one("run_group"),
        "source_lang": one("source_lang"),
        "target_lang": one("target_lang"),
        "train_corpus": None if zero_shot else its["train_corpus"].iloc[0],
        "train_size": None if zero_shot or pd.isna(size) else int(size),
        "test_corpus": one("test_corpus"),
        "settings": surer,
    }
