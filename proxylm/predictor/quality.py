"""How good a regressor is on rows it has not seen, beside naive baselines on the same rows.

Everything is measured on held-out folds (see `protocols`); nothing here is fitted on what it is
tested on. It knows no file: `Quality.table()` is what is stored.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pandas as pd

from proxylm.errors import InputError, UsageError
from proxylm.predictor import intervals
from proxylm.predictor.inputs import Inputs
from proxylm.predictor.protocols import PROTOCOLS, Fold, Split, shared_with_training
from proxylm.predictor.regressors import Regressor, make
from proxylm.predictor.regressors.one_proxy_line import OneProxyLine

BEST_LINE = "best one-proxy line"
"""The line with the least error, chosen in hindsight a protocol: more than anyone could have."""

N_WORST = 5


@dataclass(frozen=True)
class ProtocolQuality:
    """What one protocol says. Errors are in the metric's units; names to values."""

    protocol: str
    n_rows: int  # test rows, counted once a fold and part
    n_folds: int
    rmse: dict[str, float]  # regressor or baseline: mean over languages and sides, or over seeds
    rmse_pooled: dict[str, float]  # the same over all test rows at once
    worst: dict[str, float]  # the 5 languages with the largest RMSE of the regressor
    shared_run_group: float  # share of test rows whose fine-tuning is in training too
    shared_languages: float  # share of test rows both of whose languages are in training too
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Quality:
    """What is known about how good one regressor is for one target."""

    regressor: str
    n_rows: int  # rows of the out-of-fold table that have a prediction
    protocols: tuple[ProtocolQuality, ...]
    noise_floor: float  # standard error of the observed scores, root mean square; NaN if unknown
    level: float  # share of scores that an interval is made to hold, 0-1
    coverage: float  # share of out-of-fold rows within their interval; NaN without intervals
    languages_covered: float  # share of languages in which at least `level` of the rows are
    mean_width: float  # of the out-of-fold intervals, in the metric's units
    notes: tuple[str, ...]  # protocols that were left out, and why

    def table(self) -> pd.DataFrame:
        """One row a number: protocol, regressor, statistic, value, n_rows, n_folds; no NaN."""
        rows = []
        for q in self.protocols:
            size = (q.n_rows, q.n_folds)
            for name in q.rmse:
                rows.append((q.protocol, name, "rmse", q.rmse[name], *size))
                rows.append((q.protocol, name, "rmse_pooled", q.rmse_pooled[name], *size))
            for language, error in q.worst.items():
                rows.append((q.protocol, self.regressor, f"rmse:{language}", error, *size))
            for alarm in ("shared_run_group", "shared_languages"):
                rows.append((q.protocol, self.regressor, alarm, getattr(q, alarm), *size))
            if q.protocol == "lolo":
                for name in ("noise_floor", "coverage", "languages_covered", "mean_width"):
                    value = getattr(self, name)
                    rows.append((q.protocol, self.regressor, name, value, self.n_rows, q.n_folds))
        columns = ["protocol", "regressor", "statistic", "value", "n_rows", "n_folds"]
        return pd.DataFrame(rows, columns=columns).dropna(ignore_index=True)


def fit_rows(rows: Inputs, regressor: Regressor) -> Regressor:
    """`regressor` fitted on all of `rows`, with all that is known about them."""
    return regressor.fit(rows.X, rows.y, rows.settings, rows.half_width / 1.96)


def held_out(inputs: Inputs, split: Split, regressor: str, jobs: int = 1) -> pd.DataFrame:
    """Predictions of every test row: group, part, row (position), observed, one column a regressor.

    Besides `regressor` there are `train-mean` and `line:<column>` for each score column in the
    predicted metric. `jobs` folds are fitted at a time (threads: LightGBM releases the lock).
    """
    columns = inputs.line_columns

    def fit(fold: Fold) -> pd.DataFrame:
        train = inputs.take(np.isin(np.arange(len(inputs.y)), fold.train))
        models: dict[str, Regressor] = {
            name: make(name, columns) for name in (regressor, "train-mean")
        }
        models |= {f"line:{column}": OneProxyLine([column]) for column in columns}
        rows = [(part, row) for part, rows in fold.tests.items() for row in rows]
        table = pd.DataFrame(rows, columns=["part", "row"])
        test, settings = inputs.X.iloc[table["row"]], inputs.settings.iloc[table["row"]]
        for name, model in models.items():
            values = fit_rows(train, model).predict(test, settings)
            table[name] = intervals.clip(values, inputs.target.metric)
        table.insert(0, "group", fold.group)
        table.insert(3, "observed", inputs.y.iloc[table["row"]].to_numpy())
        return table

    with ThreadPoolExecutor(jobs) as pool:
        return pd.concat(pool.map(fit, split.folds), ignore_index=True)


def rmse(predictions: pd.DataFrame, name: str) -> float:
    """RMSE of column `name`: mean over groups of the mean over parts (see `Fold`)."""
    squared = (predictions[name] - predictions["observed"]) ** 2
    parts = squared.groupby([predictions["group"], predictions["part"]]).mean() ** 0.5
    return float(parts.groupby("group").mean().mean())


def _pooled(predictions: pd.DataFrame, name: str) -> float:
    return float(((predictions[name] - predictions["observed"]) ** 2).mean() ** 0.5)


def _judge(
    inputs: Inputs, split: Split, predictions: pd.DataFrame, regressor: str
) -> ProtocolQuality:
    names = list(predictions.columns.drop(["group", "part", "row", "observed"]))
    errors = {name: rmse(predictions, name) for name in names}
    pooled = {name: _pooled(predictions, name) for name in names}
    for table in (errors, pooled):
        lines = [value for name, value in table.items() if name.startswith("line:")]
        if lines:
            table[BEST_LINE] = min(lines)
    language = predictions["group"]
    if split.protocol != "lolo":
        language = inputs.settings["language"].iloc[predictions["row"]].reset_index(drop=True)
    squared = (predictions[regressor] - predictions["observed"]) ** 2
    parts = squared.groupby([language.rename("language"), predictions["part"]]).mean() ** 0.5
    worst = parts.groupby("language").mean().nlargest(N_WORST)
    return ProtocolQuality(
        split.protocol,
        len(predictions),
        len(split.folds),
        errors,
        pooled,
        {str(name): float(value) for name, value in worst.items()},
        **shared_with_training(inputs.settings, split),
        notes=split.notes,
    )


def board_values(inputs: Inputs, predictions: pd.DataFrame, regressor: str) -> pd.Series:
    """For each row of `inputs` the value from the LOLO fold that holds out its board language.

    Indexed by setting_key; NaN where that language is never held out.
    """
    language = inputs.settings["language"].iloc[predictions["row"]].to_numpy()
    rows = predictions[predictions["group"] == language].drop_duplicates("row")
    values = pd.Series(rows[regressor].to_numpy(), inputs.X.index[rows["row"]], dtype=float)
    return values.reindex(inputs.X.index)


def assess(
    inputs: Inputs,
    regressor: str = "lightgbm",
    protocols: Sequence[str] = ("random", "by_run", "by_run_pair", "lolo"),
    level: float = intervals.LEVEL,
    jobs: int = 1,
) -> tuple[Quality, pd.DataFrame]:
    """Quality of `regressor`, and the LOLO out-of-fold value and interval of each training row.

    The second is indexed by setting_key: language, observed, value, lower, upper; value is NaN
    where the row's language cannot be held out, the bounds where languages are too few. LOLO is
    always measured, for the intervals rest on it; a protocol that the rows do not allow is left
    out, with a note. Raises InputError where `inputs` cannot be trained on and
    UsageError for an unknown protocol or regressor.
    """
    inputs.check_trainable()
    unknown = set(protocols) - set(PROTOCOLS)
    if unknown:
        raise UsageError(f"No protocol is called {unknown.pop()!r}: {', '.join(PROTOCOLS)}.")
    rows = inputs.training()
    judged, refused = [], []
    for protocol in dict.fromkeys([*protocols, "lolo"]):
        try:
            split = PROTOCOLS[protocol](rows.settings)
        except InputError as error:
            refused.append(str(error))
            continue
        predictions = held_out(rows, split, regressor, jobs)
        judged.append(_judge(rows, split, predictions, regressor))
        if protocol == "lolo":
            values = board_values(rows, predictions, regressor)
    out_of_fold = _with_intervals(rows, values, level)

    known = out_of_fold.dropna(subset=["value"])
    bounded = known.dropna(subset=["lower"])
    inside = bounded["observed"].between(bounded["lower"], bounded["upper"])
    by_language = inside.groupby(bounded["language"]).mean()
    standard_error = rows.half_width.dropna() / 1.96
    quality = Quality(
        regressor=regressor,
        n_rows=len(known),
        protocols=tuple(judged),
        noise_floor=float((standard_error**2).mean() ** 0.5),
        level=level,
        coverage=float(inside.mean()),
        languages_covered=float((by_language >= level).mean()) if len(bounded) else np.nan,
        mean_width=float((bounded["upper"] - bounded["lower"]).mean()),
        notes=tuple(refused),
    )
    return quality, out_of_fold


def _with_intervals(rows: Inputs, values: pd.Series, level: float) -> pd.DataFrame:
    """Out-of-fold table; the interval of a language rests on the errors of the others alone."""
    table = pd.DataFrame(
        {"language": rows.settings["language"], "observed": rows.y, "value": values}
    )
    known = table.dropna()
    errors = (known["observed"] - known["value"]).abs().set_axis(known["language"])
    widths = table["language"].map(intervals.half_widths_without(errors, level))
    table["lower"], table["upper"] = intervals.bounds(
        table["value"].to_numpy(), widths.to_numpy(), rows.target.metric
    )
    return table
