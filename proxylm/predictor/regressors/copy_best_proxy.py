"""What costs nothing: the score of one proxy as it stands. It corrects nothing."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, RegressorMixin

from proxylm.predictor.regressors.contract import Floats


class CopyBestProxy(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """The score column nearest to the training scores, itself.

    Where it is absent the next nearest, and without any the mean of the training scores.
    """

    def __init__(self, line_columns: Sequence[str]) -> None:
        self.line_columns = line_columns

    def fit(
        self,
        X: pd.DataFrame,
        y: pd.Series,
        settings: pd.DataFrame | None = None,
        noise: pd.Series | None = None,
    ) -> Self:
        columns = list(self.line_columns)
        errors = X[columns].sub(y, axis=0).pow(2).mean().fillna(np.inf)
        ranked = sorted(columns, key=lambda column: (errors[column], column))
        return self.set_state({"columns": ranked, "mean": float(y.mean())})

    def predict(self, X: pd.DataFrame, settings: pd.DataFrame | None = None) -> Floats:
        values = np.full(len(X), np.nan)
        for column in self.columns_:
            values = np.where(np.isnan(values), X[column].to_numpy(float), values)
        return np.where(np.isnan(values), self.mean_, values)

    def contributions(self, X: pd.DataFrame, settings: pd.DataFrame | None = None) -> pd.DataFrame:
        table = pd.DataFrame(0.0, X.index, X.columns)
        left = np.ones(len(X), bool)
        for column in self.columns_:
            values = X[column].to_numpy(float)
            copied = left & ~np.isnan(values)
            table.loc[copied, column] = values[copied] - self.mean_
            left &= ~copied
        return table.assign(base=self.mean_)

    def get_state(self) -> dict[str, Any]:
        return {"columns": self.columns_, "mean": self.mean_}

    def set_state(self, state: dict[str, Any]) -> Self:
        self.columns_, self.mean_ = state["columns"], state["mean"]
        return self
