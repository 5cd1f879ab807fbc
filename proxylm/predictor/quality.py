"""How good a regressor is on rows it has not seen, beside naive baselines on the same rows.

Everything is measured on held-out folds (see `protocols`); nothing here is fitted on what it is
tested on. It knows no file: `Quality.table()` is what is stored.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats
from threadpoolctl import threadpool_limits

from proxylm.errors import InputError, UsageError
from proxylm.predictor import intervals
from proxylm.predictor.error_scale import describe
from proxylm.predictor.inputs import Inputs
from proxylm.predictor.interval_quality import IntervalQuality, judge_intervals
from proxylm.predictor.intervals import Calibration
from proxylm.predictor.protocols import PROTOCOLS, Fold, Split, shared_with_training
from proxylm.predictor.regressors import Regressor, make
from proxylm.predictor.regressors.one_proxy_line import OneProxyLine
from proxylm.predictor.tuning import tuned

NIGHTLY = ("random", "by_run", "lolo")
"""The protocols that a predictor is judged by at each retrain."""

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
    spearman: float  # rank agreement of the regressor's values with the scores, -1 to 1
    kendall: float  # the same as the share of pairs in the right order minus that in the wrong one
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
    level: float  # level of the intervals in the out-of-fold table, 0-1
    intervals: dict[float, IntervalQuality]  # by level; `level` is among them
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
            for name in ("spearman", "kendall", "shared_run_group", "shared_languages"):
                rows.append((q.protocol, self.regressor, name, getattr(q, name), *size))
            if q.protocol == "lolo":
                rows.append((q.protocol, self.regressor, "noise_floor", self.noise_floor, *size))
                for level, found in self.intervals.items():
                    suffix = "" if level == self.level else f":{level:g}"
                    for name, value in found._asdict().items():
                        rows.append((q.protocol, self.regressor, name + suffix, value, *size))
        columns = ["protocol", "regressor", "statistic", "value", "n_rows", "n_folds"]
        return pd.DataFrame(rows, columns=columns).dropna(ignore_index=True)


def check_finite(inputs: Inputs) -> None:
    """Raises InputError, with the setting and the column, for an infinite score or input."""
    values = inputs.X.assign(**{f"the score in {inputs.target.metric}": inputs.y})
    infinite = np.isinf(values.to_numpy(float))
    if infinite.any():
        row, column = np.argwhere(infinite)[0]
        raise InputError(
            f"{inputs.target} cannot be fitted: {values.columns[column]} of setting "
            f"{values.index[row]} is infinite. Correct or remove that score or feature."
        )


def fit_rows(rows: Inputs, regressor: Regressor) -> Regressor:
    """`regressor` fitted on all of `rows`, with all that is known about them."""
    return regressor.fit(rows.X, rows.y, rows.settings, rows.half_width / 1.96)


def held_out(
    inputs: Inputs,
    split: Split,
    regressor: str | Sequence[str],
    jobs: int = 1,
    n_trials: int = 0,
) -> pd.DataFrame:
    """Predictions of every test row: group, part, row (position), observed, one column a regressor.

    Besides `regressor`, a name or several, there are `train-mean` and `line:<column>` for each
    score column in the predicted metric. `jobs` fits run at a time (threads: LightGBM releases the
    lock). With `n_trials` each fit first looks for its parameters in its training rows alone (see
    `tuning`).
    """
    columns = inputs.line_columns
    names = [regressor] if isinstance(regressor, str) else regressor

    def fit(folds: list[Fold]) -> pd.DataFrame:
        train = inputs.take(np.isin(np.arange(len(inputs.y)), folds[0].train))
        models: dict[str, Regressor] = {
            name: make(name, columns, **(tuned(name, train, n_trials) if n_trials else {}))
            for name in names
        }
        models |= {"train-mean": make("train-mean", columns)}
        models |= {f"line:{column}": OneProxyLine([column]) for column in columns}
        rows = [
            (fold.group, part, row)
            for fold in folds
            for part, rows in fold.tests.items()
            for row in rows
        ]
        table = pd.DataFrame(rows, columns=["group", "part", "row"])
        table["observed"] = inputs.y.iloc[table["row"]].to_numpy()
        test, settings = inputs.X.iloc[table["row"]], inputs.settings.iloc[table["row"]]
        said = {
            name: intervals.clip(
                fit_rows(train, model).predict(test, settings), inputs.target.metric
            )
            for name, model in models.items()
        }
        return table.assign(**said)

    by_training: dict[int, list[Fold]] = {}
    for fold in split.folds:
        by_training.setdefault(id(fold.train), []).append(fold)
    # matrices so small are slower on several threads, most of all while others are fitted
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(jobs) as pool:
        return pd.concat(pool.map(fit, by_training.values()), ignore_index=True)


def rmse(predictions: pd.DataFrame, name: str) -> float:
    """RMSE of column `name`: mean over groups of the mean over parts (see `Fold`)."""
    squared = (predictions[name] - predictions["observed"]) ** 2
    parts = squared.groupby([predictions["group"], predictions["part"]]).mean() ** 0.5
    return float(parts.groupby("group").mean().mean())


def pooled(predictions: pd.DataFrame, name: str) -> float:
    """RMSE of column `name` over all test rows at once."""
    return float(((predictions[name] - predictions["observed"]) ** 2).mean() ** 0.5)


class RankAgreement(NamedTuple):
    """How far the predicted order of the test rows is the observed one; NaN for a constant."""

    spearman: float
    kendall: float


def rank_agreement(predictions: pd.DataFrame, name: str) -> RankAgreement:
    """Rank correlations of column `name` with the observed scores, over all test rows."""
    said, true = predictions[name], predictions["observed"]
    if said.nunique() < 2 or true.nunique() < 2:
        return RankAgreement(np.nan, np.nan)
    spearman = stats.spearmanr(said, true).statistic
    return RankAgreement(float(spearman), float(stats.kendalltau(said, true).statistic))


def languages_of_tests(inputs: Inputs, split: Split, predictions: pd.DataFrame) -> pd.Series:
    """The language by which each test row is counted: the one held out, else the board's."""
    if split.by_language:
        return predictions["group"]
    return inputs.settings["language"].iloc[predictions["row"]].reset_index(drop=True)


def worst_languages(
    predictions: pd.DataFrame, languages: pd.Series, name: str, n: int = N_WORST
) -> dict[str, float]:
    """The `n` languages with the largest RMSE of column `name`, mean over sides, largest first."""
    squared = (predictions[name] - predictions["observed"]) ** 2
    parts = squared.groupby([languages.rename("language"), predictions["part"]]).mean() ** 0.5
    worst = parts.groupby("language").mean().nlargest(n)
    return {str(language): float(error) for language, error in worst.items()}


def _judge(
    inputs: Inputs, split: Split, predictions: pd.DataFrame, regressor: str
) -> ProtocolQuality:
    names = list(predictions.columns.drop(["group", "part", "row", "observed"]))
    errors = {name: rmse(predictions, name) for name in names}
    at_once = {name: pooled(predictions, name) for name in names}
    for table in (errors, at_once):
        lines = [value for name, value in table.items() if name.startswith("line:")]
        if lines:
            table[BEST_LINE] = min(lines)
    ranks = rank_agreement(predictions, regressor)
    return ProtocolQuality(
        split.protocol,
        len(predictions),
        len(split.folds),
        errors,
        at_once,
        worst_languages(predictions, languages_of_tests(inputs, split, predictions), regressor),
        ranks.spearman,
        ranks.kendall,
        **shared_with_training(inputs.settings, split),
        notes=split.notes,
    )


class Assessed(NamedTuple):
    """What `assess` gives."""

    quality: Quality
    out_of_fold: pd.DataFrame  # of each training row, by setting_key
    calibration: Calibration  # for intervals of new languages


def assess(
    inputs: Inputs,
    regressor: str = "lightgbm",
    protocols: Sequence[str] = NIGHTLY,
    level: float = intervals.LEVEL,
    jobs: int = 1,
) -> Assessed:
    """Quality of `regressor`, and the LOLO out-of-fold value and interval of each training row.

    The out-of-fold table has the columns language, observed, value, lower, upper and
    by_run (the mean prediction with its fine-tuning held out; NaN where not measured); value is NaN
    where the row's language cannot be held out, the bounds where languages are too few. LOLO is
    always measured, for the intervals rest on it; a protocol that the rows do not allow is left
    out, with a note. Raises InputError where `inputs` cannot be trained on and
    UsageError for an unknown protocol or regressor, or a level outside 0 to 1.
    """
    inputs.check_trainable()
    check_finite(inputs)
    intervals.check_level(level)
    unknown = set(protocols) - set(PROTOCOLS)
    if unknown:
        raise UsageError(f"No protocol is called {unknown.pop()!r}: {', '.join(PROTOCOLS)}.")
    rows = inputs.training()
    judged, refused = [], []
    by_run = pd.Series(np.nan, rows.X.index)
    for protocol in dict.fromkeys([*protocols, "lolo"]):
        try:
            split = PROTOCOLS[protocol](rows.settings)
        except InputError as error:
            refused.append(str(error))
            continue
        predictions = held_out(rows, split, regressor, jobs)
        judged.append(_judge(rows, split, predictions, regressor))
        if protocol == "by_run":
            by_run = predictions.groupby("row")[regressor].mean().set_axis(rows.X.index)
        if protocol == "lolo":
            lolo = predictions.rename(columns={regressor: "value"})
    calibration, bounded = with_intervals(rows, lolo, tuple({*intervals.LEVELS, level}))

    standard_error = rows.half_width.dropna() / 1.96
    quality = Quality(
        regressor=regressor,
        n_rows=int(bounded[level]["row"].nunique()),
        protocols=tuple(judged),
        noise_floor=float((standard_error**2).mean() ** 0.5),
        level=level,
        intervals={each: judge_intervals(table, each) for each, table in sorted(bounded.items())},
        notes=tuple(refused),
    )
    out_of_fold = _board_rows(rows, bounded[level]).assign(by_run=by_run)
    return Assessed(quality, out_of_fold, calibration)


def with_intervals(
    rows: Inputs, lolo: pd.DataFrame, levels: tuple[float, ...]
) -> tuple[Calibration, dict[float, pd.DataFrame]]:
    """Calibration on the LOLO predictions, and by level these with lower, upper and baseline.

    `baseline_width` is the width of the interval of `conformal-language`, in the metric's range.
    """
    metric = rows.target.metric
    values = lolo["value"].to_numpy()
    errors = (lolo["observed"] - lolo["value"]).abs().set_axis(lolo["group"])
    X = rows.X.iloc[lolo["row"]].reset_index(drop=True)
    described = describe(X, values, metric, lolo["part"].eq("target").to_numpy())
    calibrated = intervals.calibrate(described, errors, levels)
    tables = {}
    for level in levels:
        lower, upper = intervals.bounds(values, calibrated.half_widths[level], metric)
        baseline = intervals.by_language_alone(errors, level)
        least, most = intervals.bounds(values, baseline, metric)
        tables[level] = lolo.assign(lower=lower, upper=upper, baseline_width=most - least)
    return calibrated.calibration, tables


def _board_rows(rows: Inputs, lolo: pd.DataFrame) -> pd.DataFrame:
    """Of each row of `rows` the prediction of the LOLO fold that holds out its board language."""
    language = rows.settings["language"]
    of_board = lolo[lolo["group"] == language.iloc[lolo["row"]].to_numpy()].drop_duplicates("row")
    said = of_board.set_index(rows.X.index[of_board["row"]])[["value", "lower", "upper"]]
    table = pd.DataFrame({"language": language, "observed": rows.y})
    return table.join(said.astype(float))
