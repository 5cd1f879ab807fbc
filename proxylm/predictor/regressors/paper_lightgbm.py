"""The paper's LightGBM, for reproducing its figures and as the baseline of speed.

As published (davidanugraha/proxylm, `lgbm.py` and `lgbm_config.json`): 100 trees, nine pairs of
learning rate and leaves, chosen by ten-fold cross-validation over the rows of the training fold.
Those folds share languages and fine-tunings, so what is chosen fits the random split best.
"""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.model_selection import GridSearchCV, KFold

from proxylm.predictor.regressors.columns import paper_columns
from proxylm.predictor.regressors.contract import Floats
from proxylm.predictor.trees import lightgbm

GRID = {"learning_rate": [0.03, 0.1, 0.3], "num_leaves": [16, 32, 64]}
FIXED = {
    "n_estimators": 100,
    "max_bin": 200_000,
    "max_depth": 10,
    "reg_alpha": 0.1,
    "reg_lambda": 0.1,
}
"""What differs from LightGBM's own defaults."""


class PaperLightGBM(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """LightGBM over the paper's inputs, with its grid or with fixed settings."""

    def __init__(
        self,
        line_columns: Sequence[str],
        search: bool = True,
        learning_rate: float = 0.1,
        num_leaves: int = 32,
        seed: int = 42,
    ) -> None:
        self.line_columns = line_columns
        self.search = search
        self.learning_rate = learning_rate  # without a search
        self.num_leaves = num_leaves
        self.seed = seed

    def fit(
        self,
        X: pd.DataFrame,
        y: pd.Series,
        settings: pd.DataFrame | None = None,
        noise: pd.Series | None = None,
    ) -> Self:
        self.columns_ = paper_columns(X, self.line_columns)
        values, scores = X[self.columns_].to_numpy(float), y.to_numpy(float)
        model = lightgbm.LGBMRegressor(
            learning_rate=self.learning_rate,
            num_leaves=self.num_leaves,
            random_state=self.seed,
            n_jobs=1,
            verbose=-1,
            deterministic=True,
            force_row_wise=True,
            **FIXED,
        )
        if self.search:
            # the paper's rows came shuffled; here the order of rows must not matter to a reader
            folds = KFold(min(10, len(y)), shuffle=True, random_state=self.seed)
            found = GridSearchCV(model, GRID, scoring="neg_mean_squared_error", cv=folds)
            model = found.fit(values, scores).best_estimator_
        else:
            model.fit(values, scores)
        self.booster_ = model.booster_
        return self

    def predict(self, X: pd.DataFrame, settings: pd.DataFrame | None = None) -> Floats:
        values = X[self.columns_].to_numpy(float)
        return np.asarray(self.booster_.predict(values, num_threads=1), dtype=np.float64)

    def get_state(self) -> dict[str, Any]:
        return {"columns": self.columns_, "booster": self.booster_.model_to_string()}

    def set_state(self, state: dict[str, Any]) -> Self:
        self.columns_ = state["columns"]
        self.booster_ = lightgbm.Booster(model_str=state["booster"])
        return self
