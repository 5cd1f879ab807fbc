"""The paper's best regressor, XGBoost, with fixed settings instead of its search.

The published figures come from a Bayesian search of 25 to 50 fits, each ten-fold, over the number
of trees and the learning rate (davidanugraha/proxylm, `xgboost.py`). The other settings were fixed
and are kept: depth 5, 60 % of rows, 83 % of columns. Needs the extra `xgboost`.
"""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, RegressorMixin

from proxylm.errors import UsageError
from proxylm.predictor.regressors.columns import paper_columns
from proxylm.predictor.regressors.contract import Floats


def _xgboost() -> Any:
    try:
        import xgboost
    except ImportError:
        raise UsageError(
            "The regressor xgboost needs the package: pip install 'proxylm-ops[xgboost]'."
        ) from None
    return xgboost


class PaperXGBoost(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """XGBoost over the paper's inputs."""

    def __init__(
        self,
        line_columns: Sequence[str],
        n_trees: int = 1000,
        learning_rate: float = 0.03,
        max_depth: int = 5,
        min_child_weight: float = 5.0,
        subsample: float = 0.6,
        colsample_bytree: float = 0.83,
        reg_alpha: float = 0.2,
        reg_lambda: float = 0.1,
        seed: int = 42,
    ) -> None:
        self.line_columns = line_columns
        self.n_trees = n_trees
        self.learning_rate = learning_rate
        self.max_depth = max_depth
        self.min_child_weight = min_child_weight
        self.subsample = subsample
        self.colsample_bytree = colsample_bytree
        self.reg_alpha = reg_alpha
        self.reg_lambda = reg_lambda
        self.seed = seed

    def fit(
        self,
        X: pd.DataFrame,
        y: pd.Series,
        settings: pd.DataFrame | None = None,
        noise: pd.Series | None = None,
    ) -> Self:
        xgboost = _xgboost()
        self.columns_ = paper_columns(X, self.line_columns)
        parameters = {
            name: value
            for name, value in self.get_params().items()
            if name not in ("line_columns", "n_trees")
        }
        # a hundred-fold range is what the paper's penalties assume; COMET is on 0-1
        self.unit_ = float(y.std()) / 15 or 1.0
        data = xgboost.DMatrix(X[self.columns_].to_numpy(float), y.to_numpy(float) / self.unit_)
        self.booster_ = xgboost.train(
            {**parameters, "nthread": 1, "verbosity": 0}, data, self.n_trees
        )
        return self

    def predict(self, X: pd.DataFrame, settings: pd.DataFrame | None = None) -> Floats:
        data = _xgboost().DMatrix(X[self.columns_].to_numpy(float))
        return np.asarray(self.booster_.predict(data), dtype=np.float64) * self.unit_

    def get_state(self) -> dict[str, Any]:
        return {
            "columns": self.columns_,
            "unit": self.unit_,
            "trees": bytes(self.booster_.save_raw("json")).decode(),
        }

    def set_state(self, state: dict[str, Any]) -> Self:
        self.columns_, self.unit_ = state["columns"], state["unit"]
        self.booster_ = _xgboost().Booster()
        self.booster_.load_model(bytearray(state["trees"], "utf-8"))
        self.booster_.set_param({"nthread": 1})
        return self
