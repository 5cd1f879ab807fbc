"""What the linear regressors share: columns made even, absent values filled, and their state.

A subclass says which columns it uses, what it makes of them and which estimator weighs them. It
does not know what a column means.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, RegressorMixin

from proxylm.predictor.regressors.contract import Floats


class Linear(RegressorMixin, BaseEstimator, ABC):  # type: ignore[misc]
    """A weighted sum of standardised columns; an absent value is the column's training mean."""

    def __init__(self, line_columns: Sequence[str]) -> None:
        self.line_columns = line_columns

    def choose(self, X: pd.DataFrame) -> list[str]:
        """The columns that are used: by default all that vary."""
        return [str(name) for name in X if X[name].nunique() > 1]

    def expand(self, values: Floats) -> Floats:
        """What is weighed, from the chosen columns: by default these themselves."""
        return values

    @abstractmethod
    def estimator(self) -> Any:
        """A new scikit-learn estimator with `coef_` and `intercept_`."""

    def fit(
        self,
        X: pd.DataFrame,
        y: pd.Series,
        settings: pd.DataFrame | None = None,
        noise: pd.Series | None = None,
    ) -> Self:
        self.columns_ = self.choose(X)
        values = self.expand(X[self.columns_].to_numpy(float))
        self.mean_ = np.nanmean(values, axis=0)
        spread = np.nanstd(values, axis=0)
        self.scale_ = np.where(spread > 0, spread, 1.0)
        fitted = self.estimator().fit(self.standardise(X), y.to_numpy(float))
        self.coef_ = np.asarray(fitted.coef_, dtype=np.float64)
        self.intercept_ = float(fitted.intercept_)
        self.keep(fitted)
        return self

    def keep(self, fitted: Any) -> None:
        """Take from the estimator what else the subclass needs."""

    def standardise(self, X: pd.DataFrame) -> Floats:
        """The chosen columns, expanded, with mean 0 and spread 1 in training; absent is 0."""
        values = self.expand(X[self.columns_].to_numpy(float))
        return np.asarray(np.nan_to_num((values - self.mean_) / self.scale_), np.float64)

    def predict(self, X: pd.DataFrame, settings: pd.DataFrame | None = None) -> Floats:
        return np.asarray(self.intercept_ + self.standardise(X) @ self.coef_, dtype=np.float64)

    def contributions(self, X: pd.DataFrame, settings: pd.DataFrame | None = None) -> pd.DataFrame:
        """Exact; the powers of a column count together. The base is where all are at their mean."""
        weighed = (self.standardise(X) * self.coef_).reshape(len(X), -1, len(self.columns_))
        table = pd.DataFrame(weighed.sum(axis=1), X.index, self.columns_)
        others = [name for name in map(str, X) if name not in self.columns_]
        return table.assign(**dict.fromkeys(others, 0.0), base=self.intercept_)

    def get_state(self) -> dict[str, Any]:
        return {
            "columns": self.columns_,
            "mean": self.mean_.tolist(),
            "scale": self.scale_.tolist(),
            "coef": self.coef_.tolist(),
            "intercept": self.intercept_,
        }

    def set_state(self, state: dict[str, Any]) -> Self:
        self.columns_, self.intercept_ = state["columns"], state["intercept"]
        self.mean_, self.scale_ = np.array(state["mean"]), np.array(state["scale"])
        self.coef_ = np.array(state["coef"])
        return self
