"""The default: a Gaussian process and boosted trees, averaged.

They err differently. The process carries what is known of languages and corpora to new ones and
draws lines beyond the scores seen; the trees find what depends on what. It knows no protocol.
"""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, RegressorMixin

from proxylm.predictor.regressors.contract import Floats
from proxylm.predictor.regressors.gp import GaussianProcess
from proxylm.predictor.regressors.ridge_and_trees import RidgeAndTrees


class GaussianProcessAndTrees(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """`process_share` of the process and the rest of the trees."""

    def __init__(
        self, line_columns: Sequence[str], process_share: float = 0.3, seed: int = 42
    ) -> None:
        self.line_columns = line_columns
        self.process_share = process_share
        self.seed = seed

    def _parts(self) -> tuple[GaussianProcess, RidgeAndTrees]:
        return (
            GaussianProcess(self.line_columns, seed=self.seed),
            RidgeAndTrees(self.line_columns, seed=self.seed),
        )

    def fit(
        self,
        X: pd.DataFrame,
        y: pd.Series,
        settings: pd.DataFrame | None = None,
        noise: pd.Series | None = None,
    ) -> Self:
        order = np.argsort(X.index.to_numpy(), kind="stable")  # whatever the order of the rows
        self.process_, self.trees_ = self._parts()
        self.process_.fit(X, y, settings, noise)
        self.trees_.fit(X.iloc[order], y.iloc[order])
        return self

    def predict(self, X: pd.DataFrame, settings: pd.DataFrame | None = None) -> Floats:
        process, trees = self.process_.predict(X, settings), self.trees_.predict(X)
        return self.process_share * process + (1 - self.process_share) * trees

    def predict_std(self, X: pd.DataFrame, settings: pd.DataFrame | None = None) -> Floats:
        """The process's."""
        return self.process_.predict_std(X, settings)

    def contributions(self, X: pd.DataFrame, settings: pd.DataFrame | None = None) -> pd.DataFrame:
        """Those of both parts, by their shares."""
        process = self.process_.contributions(X, settings) * self.process_share
        return process.add(self.trees_.contributions(X) * (1 - self.process_share), fill_value=0.0)

    def get_state(self) -> dict[str, Any]:
        return {"trees": self.trees_.get_state(), "process": self.process_.get_state()}

    def set_state(self, state: dict[str, Any]) -> Self:
        self.process_, self.trees_ = self._parts()
        self.process_.set_state(state["process"])
        self.trees_.set_state(state["trees"])
        return self
