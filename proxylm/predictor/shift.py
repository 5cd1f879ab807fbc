"""How far a setting is from what a predictor was trained on.

The distance is Mahalanobis' in standardised inputs, the covariance shrunk towards independence,
as a multiple of the largest distance at which a language was when it was held out: up to 1 the
errors measured under LOLO speak for the setting, beyond it nothing measured does. Within 1 nothing
changes, so no guarantee does. An absent input counts as average: this module looks at what is
known, not at how much is. It knows no regressor and no error.
"""

from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from proxylm.predictor.error_scale import fold_of_languages

Floats = npt.NDArray[np.float64]

LIMIT = 3.0
"""Multiple of the largest held-out distance beyond which nothing is predicted."""

SHRINKAGE = 0.1
"""Weight of independence in the covariance; well-conditioned however few the rows."""

FARTHEST = 20.0
"""Standard deviations at which one input stops counting more."""


class Shift:
    """Distance from the training settings; `fit` before the rest."""

    mean_: Floats
    scale_: (
        Floats  # standard deviations; 0 for a constant input, which has no measure and is left out
    )
    precision_: Floats  # inverse of the shrunken correlation matrix
    unit_: float  # the largest distance of a held-out language's setting

    def fit(self, X: pd.DataFrame, languages: pd.Index) -> Self:
        """Fit on training inputs, NaN where absent, and the language of each row.

        The order of the rows makes no difference beyond rounding.
        """
        numbers = X.to_numpy(float)
        fold = fold_of_languages(languages)[languages].to_numpy()
        farthest = 0.0
        for held in np.unique(fold):
            if (fold != held).any():
                self._fit_rows(numbers[fold != held])
                farthest = max(farthest, float(self._distance(numbers[fold == held]).max()))
        self._fit_rows(numbers)
        self.unit_ = farthest or 1.0
        return self

    def _fit_rows(self, numbers: Floats) -> None:
        present = ~np.isnan(numbers)
        count = np.maximum(present.sum(axis=0), 1)
        self.mean_ = np.where(present, numbers, 0).sum(axis=0) / count
        off = np.where(present, numbers - self.mean_, 0)
        deviation = np.sqrt((off**2).sum(axis=0) / count)
        self.scale_ = np.where(deviation > 1e-12, deviation, 0.0)
        standard = self._in_deviations(off)
        correlation = standard.T @ standard / len(standard)
        shrunk = (1 - SHRINKAGE) * correlation + SHRINKAGE * np.eye(len(correlation))
        self.precision_ = np.asarray(np.linalg.inv(shrunk), dtype=np.float64)

    def _in_deviations(self, off: Floats) -> Floats:
        return np.divide(off, self.scale_, out=np.zeros_like(off), where=self.scale_ > 0)

    def _standard(self, numbers: Floats) -> Floats:
        standard = self._in_deviations(numbers - self.mean_)
        return np.clip(np.nan_to_num(standard, nan=0.0), -FARTHEST, FARTHEST)

    def _distance(self, numbers: Floats) -> Floats:
        standard = self._standard(numbers)
        squared = np.einsum("ij,ij->i", standard @ self.precision_, standard)
        return np.asarray(np.sqrt(squared / standard.shape[1]), dtype=np.float64)

    def distance(self, X: pd.DataFrame) -> Floats:
        """Distance of each row; 1 is the largest at which a held-out language's setting was."""
        return self._distance(X.to_numpy(float)) / self.unit_

    def widening(self, X: pd.DataFrame) -> Floats:
        """By what factor to widen the interval of each row: its distance, at least 1."""
        return np.maximum(self.distance(X), 1.0)

    def reasons(self, X: pd.DataFrame) -> list[str | None]:
        """For each row too far to be predicted why, else None."""
        distance = self.distance(X)
        unusual = np.abs(self._standard(X.to_numpy(float))).argmax(axis=1)
        return [
            f"too unlike the training settings: {far:.1f} times as far from them as any held-out "
            f"one, {LIMIT:g} are allowed; most unusual is {X.columns[column]}"
            if far > LIMIT
            else None
            for far, column in zip(distance, unusual, strict=True)
        ]

    def get_state(self) -> dict[str, Any]:
        """What fitting found, as JSON values."""
        return {
            "mean": self.mean_.tolist(),
            "scale": self.scale_.tolist(),
            "precision": self.precision_.tolist(),
            "unit": self.unit_,
        }

    def set_state(self, state: dict[str, Any]) -> Self:
        """As if fitted."""
        self.mean_, self.scale_ = np.array(state["mean"]), np.array(state["scale"])
        self.precision_, self.unit_ = np.array(state["precision"]), float(state["unit"])
        return self
