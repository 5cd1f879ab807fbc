"""Bayesian linear regression: its own shrinkage, and how sure it is of each prediction.

The spread holds the model to be right; on a language nobody trained on it is too narrow, which is
why intervals do not come from here.
"""

from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.linear_model import BayesianRidge

from proxylm.predictor.regressors.contract import Floats
from proxylm.predictor.regressors.linear import Linear


class BayesianLinear(Linear):
    """scikit-learn's BayesianRidge over the standardised inputs."""

    def estimator(self) -> Any:
        return BayesianRidge()

    def keep(self, fitted: Any) -> None:
        self.noise_variance_ = 1 / float(fitted.alpha_)
        self.covariance_ = np.asarray(fitted.sigma_, dtype=np.float64)

    def predict_std(self, X: pd.DataFrame, settings: pd.DataFrame | None = None) -> Floats:
        """Standard deviation of each prediction, noise of the scores included."""
        values = self.standardise(X)
        variance = ((values @ self.covariance_) * values).sum(axis=1) + self.noise_variance_
        return np.asarray(np.sqrt(variance), dtype=np.float64)

    def get_state(self) -> dict[str, Any]:
        return super().get_state() | {
            "noise_variance": self.noise_variance_,
            "covariance": self.covariance_.tolist(),
        }

    def set_state(self, state: dict[str, Any]) -> Self:
        self.noise_variance_ = state["noise_variance"]
        self.covariance_ = np.array(state["covariance"])
        return super().set_state(state)
