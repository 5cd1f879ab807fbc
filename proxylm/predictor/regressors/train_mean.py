"""The naive floor: the mean of the training scores. It looks at no input."""

from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, RegressorMixin

from proxylm.predictor.regressors.contract import Floats


class TrainMean(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """The mean of the training scores, whatever the inputs."""

    mean_: float

    def fit(
        self,
        X: pd.DataFrame,
        y: pd.Series,
        settings: pd.DataFrame | None = None,
        noise: pd.Series | None = None,
    ) -> Self:
        return self.set_state({"mean": float(y.mean())})

    def predict(self, X: pd.DataFrame, settings: pd.DataFrame | None = None) -> Floats:
        return np.full(len(X), self.mean_, dtype=np.float64)

    def contributions(self, X: pd.DataFrame, settings: pd.DataFrame | None = None) -> pd.DataFrame:
        return pd.DataFrame(0.0, X.index, X.columns).assign(base=self.mean_)

    def get_state(self) -> dict[str, Any]:
        return {"mean": self.mean_}

    def set_state(self, state: dict[str, Any]) -> Self:
        self.mean_ = float(state["mean"])
        return self
