"""Intervals that hold for a language nobody trained on: conformal, with languages as groups.

Settings of one language err together, so what is exchangeable is a language, not a row. The
half-width is a quantile of absolute out-of-fold LOLO errors, the larger of two: with each language
weighing the same (hierarchical conformal prediction; Lee, Barber, Willett, arXiv 2306.06342), which
makes it hold on average over languages, and with each row weighing the same, which makes it hold
over all rows where languages with many rows are the hard ones. The weight of what is yet unseen, a
language or a row, lies at infinity: the finite-sample correction. Out-of-fold errors stand in for
those of a separate calibration set, so the guarantee is approximate. This module knows no
regressor.
"""

import math

import numpy as np
import numpy.typing as npt
import pandas as pd

from proxylm.errors import UsageError

LEVEL = 0.9

Floats = npt.NDArray[np.float64]

RANGES: dict[str, tuple[float, float]] = {"comet": (0.0, 1.0), "TER": (0.0, math.inf)}
"""Least and largest value of a metric; 0-100 where it is not named."""


def clip(values: Floats, metric: str) -> Floats:
    """The values within the metric's range; NaN stays."""
    return np.clip(values, *RANGES.get(metric, (0.0, 100.0)))


def languages_needed(level: float) -> int:
    """Languages below which no finite interval has that level: 9 at 0.9."""
    return math.ceil(round(level / (1 - level), 9))


def half_width(errors: pd.Series, level: float = LEVEL) -> float:
    """Half-width of an interval for a language not among those of `errors`, in the metric's units.

    `errors` are absolute errors indexed by language. Infinite below `languages_needed(level)`
    languages. Raises UsageError unless 0 < level < 1.
    """
    if not 0 < level < 1:
        raise UsageError(f"The level of an interval is between 0 and 1, not {level}.")
    if errors.empty:
        return math.inf
    n_languages, n_rows = errors.index.nunique(), len(errors)
    rows_a_language = errors.groupby(level=0).transform("size").to_numpy()
    by_language = 1 / ((n_languages + 1) * rows_a_language)
    by_row = np.full(n_rows, 1 / (n_rows + 1))
    values = errors.to_numpy(float)
    return max(_quantile(values, by_language, level), _quantile(values, by_row, level))


def _quantile(values: Floats, weights: Floats, level: float) -> float:
    """Least value at which the weights add up to `level`; infinite where they never do."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order]) >= level - 1e-9  # rounding of the sum
    return float(values[order][reached.argmax()]) if reached.any() else math.inf


def half_widths_without(errors: pd.Series, level: float = LEVEL) -> pd.Series:
    """For each language of `errors` the half-width from the errors of the others."""
    return pd.Series(
        {name: half_width(errors[errors.index != name], level) for name in errors.index.unique()},
        dtype=float,
    )


def bounds(values: Floats, half_widths: Floats, metric: str) -> tuple[Floats, Floats]:
    """Lower and upper bounds within the metric's range, NaN where the half-width is infinite."""
    finite = np.where(np.isfinite(half_widths), half_widths, np.nan)
    return clip(values - finite, metric), clip(values + finite, metric)
