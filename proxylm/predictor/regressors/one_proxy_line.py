"""What a colleague does by hand: a straight line through one proxy's scores.

It knows no other input than the score columns it is given.
"""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import LinearRegression

from proxylm.predictor.regressors.contract import Floats


class OneProxyLine(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """A straight line through one score column: of `columns` the one with the least training error.

    A row in which that score is absent gets the mean of the training scores.
    """

    def __init__(self, columns: Sequence[str]) -> None:
        self.columns = columns

    def fit(
        self,
        X: pd.DataFrame,
        y: pd.Series,
        settings: pd.DataFrame | None = None,
        noise: pd.Series | None = None,
    ) -> Self:
        lines = []
        for column in self.columns:
            present = X[column].notna()
            line = {"column": column, "slope": 0.0, "intercept": float(y.mean())}
            if present.any():
                fitted = LinearRegression().fit(X.loc[present, [column]].to_numpy(), y[present])
                line |= {"slope": float(fitted.coef_[0]), "intercept": float(fitted.intercept_)}
            self.set_state(line | {"mean": float(y.mean())})
            lines.append((float(((self.predict(X) - y) ** 2).mean()), self.get_state()))
        return self.set_state(min(lines, key=lambda line: line[0])[1])

    def predict(self, X: pd.DataFrame, settings: pd.DataFrame | None = None) -> Floats:
        line = self.intercept_ + self.slope_ * X[self.column_]
        return np.asarray(line.fillna(self.mean_), dtype=np.float64)

    def contributions(self, X: pd.DataFrame, settings: pd.DataFrame | None = None) -> pd.DataFrame:
        table = pd.DataFrame(0.0, X.index, X.columns)
        table[self.column_] = self.predict(X) - self.mean_
        return table.assign(base=self.mean_)

    def get_state(self) -> dict[str, Any]:
        return {
            "column": self.column_,
            "slope": self.slope_,
            "intercept": self.intercept_,
            "mean": self.mean_,
        }

    def set_state(self, state: dict[str, Any]) -> Self:
        self.column_, self.slope_ = state["column"], state["slope"]
        self.intercept_, self.mean_ = state["intercept"], state["mean"]
        return self
