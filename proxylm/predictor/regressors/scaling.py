"""Inputs on one scale, without gaps: what distances and lines between settings need.

Counts that spread over orders of magnitude become logarithms. An absent input is the column's
mean; one far outside of what was seen stays at six standard deviations.
"""

from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from proxylm.predictor.regressors.contract import Floats
from proxylm.predictor.regressors.covariance import Ints

LIMIT = 6.0


class Scaling(NamedTuple):
    """What was found of each column."""

    logarithm: list[bool]
    mean: list[float]
    sd: list[float]  # 0 where the column does not vary

    @classmethod
    def of(cls, X: pd.DataFrame) -> Self:
        """The scaling of the training rows."""
        values = X.to_numpy(np.float64)
        present = ~np.isnan(values).all(axis=0)
        values = np.where(present, values, 0.0)
        logarithm = (np.nanmin(values, axis=0) >= 0) & (np.nanmax(values, axis=0) > 20)
        sd = np.nanstd(values, axis=0)
        third = np.nanmean((values - np.nanmean(values, axis=0)) ** 3, axis=0)
        logarithm &= third > 1.5 * sd**3  # skewed
        values = _logarithms(values, logarithm)
        sd = np.nanstd(values, axis=0)
        sd[sd < 1e-9] = 0.0
        return cls(logarithm.tolist(), np.nanmean(values, axis=0).tolist(), sd.tolist())

    @property
    def varies(self) -> Ints:
        """Positions of the columns that say anything."""
        return np.flatnonzero(self.sd)

    def scaled(self, X: pd.DataFrame) -> Floats:
        """The rows' inputs, scaled."""
        values = _logarithms(X.to_numpy(np.float64), np.array(self.logarithm, dtype=bool))
        sd = np.where(np.array(self.sd) > 0, self.sd, np.inf)
        return np.clip(np.nan_to_num((values - self.mean) / sd), -LIMIT, LIMIT)


def _logarithms(values: Floats, which: npt.NDArray[np.bool_]) -> Floats:
    return np.where(which, np.log1p(np.maximum(values, 0.0)), values)
