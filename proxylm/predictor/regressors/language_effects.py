"""What needs no proxy: a mean, an effect of the source language and one of the target language.

It knows no inputs. A language that is not in training has no effect.
"""

from typing import Any, Self

import numpy as np
import pandas as pd
from scipy.sparse import csr_array, hstack
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import Ridge

from proxylm.errors import UsageError
from proxylm.predictor.regressors.contract import Floats

SIDES = ("source_lang", "target_lang")


class LanguageEffects(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Additive effects of both languages, shrunken by a ridge."""

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = alpha

    def fit(
        self,
        X: pd.DataFrame,
        y: pd.Series,
        settings: pd.DataFrame | None = None,
        noise: pd.Series | None = None,
    ) -> Self:
        known = require(settings)
        names = [sorted(set(known[side])) for side in SIDES]
        design = hstack(
            [one_hot(known[side], languages) for side, languages in zip(SIDES, names, strict=True)]
        )
        fitted = Ridge(self.alpha).fit(design, y.to_numpy(float))
        both = [(side, name) for side, ns in zip(SIDES, names, strict=True) for name in ns]
        effects: dict[str, dict[str, float]] = {side: {} for side in SIDES}
        for (side, name), effect in zip(both, fitted.coef_, strict=True):
            effects[side][name] = float(effect)
        return self.set_state({"mean": float(fitted.intercept_), "effects": effects})

    def predict(self, X: pd.DataFrame, settings: pd.DataFrame | None = None) -> Floats:
        known = require(settings)
        effects = sum(known[side].map(self.effects_[side]).fillna(0.0) for side in SIDES)
        return np.asarray(self.mean_ + effects, dtype=np.float64)

    def get_state(self) -> dict[str, Any]:
        return {"mean": self.mean_, "effects": self.effects_}

    def set_state(self, state: dict[str, Any]) -> Self:
        self.mean_, self.effects_ = state["mean"], state["effects"]
        return self


def require(settings: pd.DataFrame | None) -> pd.DataFrame:
    """The settings, or UsageError: this regressor is nothing without them."""
    if settings is None:
        raise UsageError("This regressor uses the settings: pass them beside the inputs.")
    return settings


def one_hot(values: pd.Series, names: list[str]) -> csr_array:
    """Rows x names: 1 where the value is that name; a value that is no name has an empty row."""
    place = pd.Series(range(len(names)), names)
    columns = values.map(place)
    rows = np.flatnonzero(columns.notna())
    where = (rows, columns.dropna().to_numpy(int))
    return csr_array((np.ones(len(rows)), where), shape=(len(values), len(names)))
