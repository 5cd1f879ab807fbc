"""Whether another recipe may take over: it must not be worse on languages neither has seen.

A recipe is a regressor with its parameters. Both are judged by the same held-out rows, paired by
language, for settings of a language err together. It knows errors, no predictor and no file.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

MARGIN = 0.05
"""A challenger that could still be worse by this share of the champion's error does not win."""

CONFIDENCE = 0.95
"""One-sided, of that it is not."""


class Contest(NamedTuple):
    """Errors in the metric's units: mean over languages of the RMSE."""

    champion: float
    challenger: float
    bound: float  # the challenger is worse by at most this, at CONFIDENCE; NaN with one language
    n_languages: int
    wins: bool

    def __str__(self) -> str:
        return (
            f"LOLO error {self.challenger:.4g} against {self.champion:.4g} over "
            f"{self.n_languages} languages, at most {self.bound:.3g} worse at {CONFIDENCE:.0%}"
        )


def contest(champion: pd.Series, challenger: pd.Series, language: pd.Series) -> Contest:
    """Compare held-out errors (predicted minus observed) on the settings that both predicted.

    The challenger wins where its mean error is not larger and a one-sided paired t-test over
    languages rules out that it is worse by MARGIN of the champion's. Equal errors win.
    """
    both = pd.DataFrame({"champion": champion, "challenger": challenger}).dropna()
    squared = (both**2).groupby(language.reindex(both.index)).mean() ** 0.5
    old, new = float(squared["champion"].mean()), float(squared["challenger"].mean())
    apart = (squared["challenger"] - squared["champion"]).to_numpy()
    n = len(apart)
    bound = np.nan
    if n > 1:
        error = apart.std(ddof=1) / np.sqrt(n)
        bound = float(apart.mean() + stats.t.ppf(CONFIDENCE, n - 1) * error)
    return Contest(old, new, bound, n, bool(new <= old and bound <= MARGIN * old))
