"""Boosted trees on what a ridge over the score columns leaves unexplained.

Several boosters are averaged. Two of three draw their splits at random (extremely randomised
trees): such splits follow no threshold that happens to be between the languages seen, so they carry
over to others. docs/decisions/0023 has what was tried. It does not know what a language is.
"""

import os
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from proxylm.predictor.regressors.contract import Floats
from proxylm.predictor.trees import lightgbm

MANY_ROWS = 10_000
"""Rows from which on the trees answer on all cores; held-out folds have one core each."""


class RidgeAndTrees(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Boosted trees over all columns, on what a ridge over `line_columns` leaves unexplained.

    The ridge carries on where trees cannot: beyond the scores seen in training. Absent scores are
    the column's mean to the ridge and absent to the trees. One thread and a fixed seed: the same
    rows give the same trees.
    """

    def __init__(
        self,
        line_columns: Sequence[str],
        alpha: float = 10.0,
        n_boosters: int = 6,
        n_trees: int = 200,
        learning_rate: float = 0.07,
        num_leaves: int = 31,
        min_child_samples: int = 5,
        feature_fraction: float = 0.4,
        bagging_fraction: float = 0.8,
        max_bin: int = 63,
        seed: int = 42,
    ) -> None:
        self.line_columns = line_columns
        self.alpha = alpha
        self.n_boosters = n_boosters
        self.n_trees = n_trees
        self.learning_rate = learning_rate
        self.num_leaves = num_leaves
        self.min_child_samples = min_child_samples
        self.feature_fraction = feature_fraction
        self.bagging_fraction = bagging_fraction
        self.max_bin = max_bin
        self.seed = seed

    def fit(
        self,
        X: pd.DataFrame,
        y: pd.Series,
        settings: pd.DataFrame | None = None,
        noise: pd.Series | None = None,
    ) -> Self:
        self._fit_line(X, y)
        parameters = {
            "objective": "regression",
            "learning_rate": self.learning_rate,
            "num_leaves": self.num_leaves,
            # leaves of five rows are too coarse below fifty rows
            "min_child_samples": min(self.min_child_samples, max(3, len(y) // 10)),
            "feature_fraction": self.feature_fraction,
            "bagging_fraction": max(self.bagging_fraction, 1 / len(y)),  # of one row, the row
            "bagging_freq": 1,
            "max_bin": self.max_bin,
            "num_threads": 1,
            "deterministic": True,
            "force_row_wise": True,
            "verbose": -1,
        }
        values, rest = X.to_numpy(), y.to_numpy() - self._line(X)
        self.boosters_ = []
        for number in range(self.n_boosters):
            own = {"seed": self.seed + number, "extra_trees": number % 3 < 2}
            data = lightgbm.Dataset(values, rest, params=parameters | own)
            self.boosters_.append(lightgbm.train(parameters | own, data, self.n_trees))
        return self

    def _fit_line(self, X: pd.DataFrame, y: pd.Series) -> None:
        """The ridge, kept as the three numbers a column that determine it."""
        self.fill_, self.slopes_ = np.empty(0), np.empty(0)
        self.intercept_ = float(y.mean())
        if not self.line_columns:
            return
        line = make_pipeline(
            SimpleImputer(keep_empty_features=True), StandardScaler(), Ridge(self.alpha)
        ).fit(X[list(self.line_columns)].to_numpy(), y.to_numpy())
        imputer, scaler, ridge = (step for _, step in line.steps)
        self.fill_ = imputer.statistics_
        self.slopes_ = ridge.coef_ / scaler.scale_
        self.intercept_ = float(ridge.intercept_ - scaler.mean_ @ self.slopes_)

    def _line(self, X: pd.DataFrame) -> Floats:
        scores = X[list(self.line_columns)].to_numpy()
        filled = np.where(np.isnan(scores), self.fill_, scores)
        return np.asarray(self.intercept_ + filled @ self.slopes_, dtype=np.float64)

    def predict(self, X: pd.DataFrame, settings: pd.DataFrame | None = None) -> Floats:
        values = X.to_numpy()
        threads = 1 if len(X) < MANY_ROWS else os.cpu_count()  # of each row the same value
        trees = [booster.predict(values, num_threads=threads) for booster in self.boosters_]
        return np.asarray(self._line(X) + np.mean(trees, axis=0), dtype=np.float64)

    def contributions(self, X: pd.DataFrame, settings: pd.DataFrame | None = None) -> pd.DataFrame:
        """Of the ridge each score's distance from the mean times its slope; of the trees TreeSHAP.

        Both are exact (Lundberg and others 2020, as LightGBM has it).
        """
        values = X.to_numpy()
        parts = [
            booster.predict(values, pred_contrib=True, num_threads=1) for booster in self.boosters_
        ]
        table = pd.DataFrame(np.mean(parts, axis=0), X.index, [*X.columns, "base"])
        columns = list(self.line_columns)
        if columns:
            table[columns] += (X[columns] - self.fill_).fillna(0.0) * self.slopes_
        table["base"] += self.intercept_ + float(self.fill_ @ self.slopes_)
        return table

    def get_state(self) -> dict[str, Any]:
        return {
            "fill": self.fill_.tolist(),
            "slopes": self.slopes_.tolist(),
            "intercept": self.intercept_,
            "boosters": [booster.model_to_string() for booster in self.boosters_],
        }

    def set_state(self, state: dict[str, Any]) -> Self:
        self.fill_, self.slopes_ = np.array(state["fill"]), np.array(state["slopes"])
        self.intercept_ = float(state["intercept"])
        self.boosters_ = [lightgbm.Booster(model_str=text) for text in state["boosters"]]
        return self
