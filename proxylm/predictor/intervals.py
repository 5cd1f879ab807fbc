"""Intervals that hold for a language nobody trained on: conformal, with languages as groups.

Settings of one language err together, so what is exchangeable is a language, not a row. What a
level of 90 % promises: of at least 90 % of new languages at least 90 % of the settings lie inside.
The half-width of a row is the error expected of it (see `error_scale`) times a multiplier. Each
language with held-out (LOLO) errors gives the least multiplier that would have covered its share;
their quantile, with the finite-sample correction, is the multiplier of a new language (split
conformal prediction over groups with locally weighted residuals; Lei et al., arXiv 1604.04173;
Dunn, Wasserman, Ramdas, arXiv 1809.07441). A language has no part in its own interval, neither in
the scale nor in the multiplier. Out-of-fold errors stand in for those of a separate calibration
set, so the guarantee is approximate. This module knows no regressor.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from proxylm.errors import UsageError
from proxylm.predictor.error_scale import ErrorScale, cross_fit

LEVEL = 0.9

LEVELS = (0.8, 0.9, 0.95)
"""Levels whose quality is reported."""

MINIMUM_ROWS = 10
"""Settings below which a share of a language's settings says little; such languages set no
multiplier while there are enough others."""

Floats = npt.NDArray[np.float64]

RANGES: dict[str, tuple[float, float]] = {"comet": (0.0, 1.0), "TER": (0.0, math.inf)}
"""Least and largest value of a metric; 0-100 where it is not named."""


def clip(values: Floats, metric: str) -> Floats:
    """The values within the metric's range; NaN stays."""
    return np.clip(values, *RANGES.get(metric, (0.0, 100.0)))


def check_level(level: float) -> None:
    """Raises UsageError unless 0 < level < 1."""
    if not 0 < level < 1:
        raise UsageError(f"The level of an interval is between 0 and 1, not {level}.")


def languages_needed(level: float) -> int:
    """Languages below which no finite interval has that level: 9 at 0.9."""
    return math.ceil(round(level / (1 - level), 9))


def _rank(share: float, count: int) -> int:
    """The rank that at least `share` of `count` values do not exceed."""
    return math.ceil(round(share * count, 9))


def multipliers(scores: pd.Series, level: float) -> pd.Series:
    """For each language the least multiplier that covers `level` of its rows.

    `scores` are absolute errors over expected ones, indexed by language. Only languages that
    count: those with at least `MINIMUM_ROWS` rows, or all where these are too few for the level.
    """
    names, language, sizes = np.unique(
        scores.index.to_numpy(str), return_inverse=True, return_counts=True
    )
    values = scores.to_numpy(float)
    ordered = values[np.lexsort((values, language))]  # language by language, ascending
    first = np.cumsum(sizes) - sizes
    ranks = np.array([_rank(level, size) for size in sizes], dtype=np.intp)
    each = pd.Series(ordered[first + ranks - 1], names)
    counted = sizes >= MINIMUM_ROWS
    enough = counted.sum() > languages_needed(level)  # also without one of them
    return each[counted] if enough else each


def of_a_new_language(each: pd.Series, level: float) -> float:
    """The multiplier for a language not in `each`: infinite where that has too few languages."""
    rank = _rank(level, len(each) + 1)
    return float(np.sort(each.to_numpy())[rank - 1]) if rank <= len(each) else math.inf


@dataclass(frozen=True)
class Calibration:
    """What the intervals of new languages rest on."""

    scale: ErrorScale  # fitted on the errors of all languages
    scores: pd.Series  # absolute over expected errors, expected without the language, its index

    def half_widths(self, described: pd.DataFrame, level: float = LEVEL) -> Floats:
        """Half-widths for rows of `error_scale.describe`, in the metric's units.

        Infinite below `languages_needed(level)` languages. UsageError unless 0 < level < 1.
        """
        check_level(level)
        multiplier = of_a_new_language(multipliers(self.scores, level), level)
        return self.scale.predict(described) * multiplier

    @property
    def n_languages(self) -> int:
        """Languages with known errors."""
        return int(self.scores.index.nunique())

    def get_state(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "scale": self.scale.get_state(),
            "languages": self.scores.index.tolist(),
            "scores": self.scores.tolist(),
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "Calibration":
        """What gave that state."""
        scores = pd.Series(state["scores"], state["languages"], dtype=float)
        return cls(ErrorScale().set_state(state["scale"]), scores)


@dataclass(frozen=True)
class Calibrated:
    """A calibration, and the half-widths that its own rows would have had as new languages."""

    calibration: Calibration
    half_widths: dict[float, Floats]  # by level


def calibrate(
    described: pd.DataFrame, errors: pd.Series, levels: tuple[float, ...] = LEVELS
) -> Calibrated:
    """Calibrate on held-out predictions: `error_scale.describe`d rows and their absolute errors.

    `errors` are indexed by the language that was held out. The half-widths of a language rest on
    the errors of the others alone. At least three languages. UsageError for a level outside 0 to 1.
    """
    for level in levels:
        check_level(level)
    fitted = cross_fit(described, errors)
    half_widths = {level: np.full(len(errors), math.inf) for level in levels}
    for fold, expected in enumerate(fitted.without):
        others = errors / expected
        for level in levels:
            each = multipliers(others, level)
            for language in errors.index[fitted.fold == fold].unique():
                rows = errors.index == language
                multiplier = of_a_new_language(each.drop(language, errors="ignore"), level)
                half_widths[level][rows] = fitted.own[rows] * multiplier
    scale = ErrorScale().fit(described, errors)
    return Calibrated(Calibration(scale, errors / fitted.own), half_widths)


def by_language_alone(errors: pd.Series, level: float = LEVEL) -> Floats:
    """Half-widths of the baseline `conformal-language`, one for each of `errors`.

    For each language the quantile of its absolute errors, then the quantile of those over the
    other languages: one width for all settings, and no finite-sample correction.
    """
    each = errors.groupby(level=0).quantile(level)
    others = {name: each.drop(name).quantile(level) for name in each.index}
    return errors.index.map(others).to_numpy(float)


def bounds(values: Floats, half_widths: Floats, metric: str) -> tuple[Floats, Floats]:
    """Lower and upper bounds within the metric's range, NaN where the half-width is infinite."""
    finite = np.where(np.isfinite(half_widths), half_widths, np.nan)
    return clip(values - finite, metric), clip(values + finite, metric)
