"""What intervals are worth on held-out rows: how often they hold, for how many languages, how wide.

It does not know how they were made.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from proxylm.predictor.intervals import MINIMUM_ROWS


class IntervalQuality(NamedTuple):
    """Of the intervals of one level; shares are 0-1, NaN where there is no interval."""

    coverage: float  # share of rows within their interval
    languages_covered: float  # share of languages in which at least `level` of the rows are
    mean_width: float  # in the metric's units
    width_ratio: float  # mean width over that of `conformal-language` on the same rows
    abstained: float  # share of rows without interval


def judge_intervals(rows: pd.DataFrame, level: float) -> IntervalQuality:
    """Judge the LOLO rows: group (the language), observed, lower, upper, baseline_width.

    Languages count that have at least `MINIMUM_ROWS` rows, all where none has; a row without
    interval counts as not covered among languages.
    """
    bounded = rows["lower"].notna()
    if not bounded.any():
        return IntervalQuality(np.nan, np.nan, np.nan, np.nan, 1.0)
    inside = rows["observed"].between(rows["lower"], rows["upper"])
    languages = inside.groupby(rows["group"]).agg(["mean", "size"])
    counted = languages[languages["size"] >= min(MINIMUM_ROWS, languages["size"].max())]
    width = float((rows["upper"] - rows["lower"])[bounded].mean())
    return IntervalQuality(
        coverage=float(inside[bounded].mean()),
        languages_covered=float((counted["mean"] >= level - 1e-9).mean()),
        mean_width=width,
        width_ratio=width / float(rows["baseline_width"][bounded].mean()),
        abstained=float(1 - bounded.mean()),
    )
