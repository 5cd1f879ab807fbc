"""Two models side by side, on the settings that both have and on no others.

Knows the columns of the `leaderboard` view.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from proxylm.board.ranking import with_value
from proxylm.board.tables import LOWER_IS_BETTER, groups

DRAWS = 2000
PLACE = ["task", "metric", "setting_key", "mode"]


class Comparison(NamedTuple):
    """One task and metric. Scores are observed where there is one, else predicted."""

    task: str
    metric: str
    settings: int  # that both have
    observed: int  # of which both scores are observed
    languages: int
    first: float  # mean score of the first model over these settings
    second: float
    difference: float  # first - second
    lower: float | None  # 95 % interval, bootstrap over languages; None with one language
    upper: float | None
    first_better: int  # settings in which it is, and the intervals do not overlap
    second_better: int
    only_first: int  # settings that the other lacks; not compared
    only_second: int


def compare(rows: pd.DataFrame, first: str, second: str) -> list[Comparison]:
    """Comparisons for each task and metric in which the models share a setting and a mode."""
    valued = with_value(rows)
    found = []
    for (task, metric), part in groups(valued, ["task", "metric"]):
        one, other = (part[part["model_id"] == model] for model in (first, second))
        both = one.merge(other, on=PLACE, suffixes=("", "_2"))
        if both.empty:
            continue
        difference = both["value"] - both["value_2"]
        sign = -1 if metric in LOWER_IS_BETTER else 1
        apart = ~((both["lower"] <= both["upper_2"]) & (both["lower_2"] <= both["upper"]))
        lower, upper = _interval(difference, both["language"])
        found.append(
            Comparison(
                task,
                metric,
                len(both),
                int((both["is_observed"] & both["is_observed_2"]).sum()),
                both["language"].nunique(),
                float(both["value"].mean()),
                float(both["value_2"].mean()),
                float(difference.mean()),
                lower,
                upper,
                int((apart & (sign * difference > 0)).sum()),
                int((apart & (sign * difference < 0)).sum()),
                len(one) - len(both),
                len(other) - len(both),
            )
        )
    return found


def _interval(
    difference: pd.Series, language: pd.Series
) -> tuple[float, float] | tuple[None, None]:
    """95 % bootstrap interval of the mean, whole languages drawn: their settings go together."""
    grouped = difference.groupby(language).agg(["sum", "count"]).to_numpy()
    if len(grouped) < 2:
        return None, None
    drawn = np.random.default_rng(0).integers(len(grouped), size=(DRAWS, len(grouped)))
    sums = grouped[drawn].sum(axis=1)
    low, high = np.quantile(sums[:, 0] / sums[:, 1], [0.025, 0.975])
    return float(low), float(high)
