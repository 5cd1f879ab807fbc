"""How sure a ratio of two errors is, given that languages err as a whole.

Rows of one language are not independent, so languages are drawn again, with all of their rows.
This module knows no regressor.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from proxylm.predictor.protocols import Split

Floats = npt.NDArray[np.float64]


class Interval(NamedTuple):
    """Percentile interval of a bootstrap."""

    low: float
    high: float


def ratio_interval(
    predictions: pd.DataFrame,
    languages: pd.Series,
    split: Split,
    name: str,
    reference: str | float,
    level: float = 0.95,
    n_draws: int = 2000,
    seed: int = 42,
) -> Interval:
    """Interval of RMSE(`name`) / RMSE(`reference`) over redrawn languages.

    `predictions` is what `quality.held_out` gives and `languages` the language of each of its
    rows. Both errors are of the same drawn languages; a number as `reference`, such as a published
    error, stays as it is. NaN with fewer than two languages.
    """
    names = sorted(set(languages))
    if len(names) < 2:
        return Interval(np.nan, np.nan)
    random = np.random.default_rng(seed)
    weights = random.multinomial(len(names), np.full(len(names), 1 / len(names)), size=n_draws)
    ours = _errors(predictions, languages, split, name, weights)
    theirs: Floats | float = (
        _errors(predictions, languages, split, reference, weights)
        if isinstance(reference, str)
        else reference
    )
    low, high = np.nanquantile(ours / theirs, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))


def _errors(
    predictions: pd.DataFrame,
    languages: pd.Series,
    split: Split,
    name: str,
    weights: npt.NDArray[np.int64],
) -> Floats:
    """The RMSE as `quality.rmse` defines it, for each row of `weights`, a count a language."""
    squared = (predictions[name] - predictions["observed"]) ** 2
    if split.by_language:
        parts = squared.groupby([languages.rename("language"), predictions["part"]]).mean() ** 0.5
        by_language = parts.groupby("language").mean().sort_index().to_numpy()
        return np.asarray(weights @ by_language / weights.sum(axis=1), dtype=np.float64)
    where = [predictions["group"], predictions["part"], languages.rename("language")]
    grouped = squared.groupby(where)
    sums = grouped.sum().unstack("language").sort_index(axis=1).fillna(0.0)
    counts = grouped.size().unstack("language").sort_index(axis=1).fillna(0)
    with np.errstate(invalid="ignore"):  # a seed without any of the drawn languages
        means = np.sqrt(weights @ sums.to_numpy().T / (weights @ counts.to_numpy().T))
    return np.asarray(np.nanmean(means, axis=1), dtype=np.float64)
