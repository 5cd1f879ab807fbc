"""The default: a Gaussian process and boosted trees, averaged.

They err differently. The process carries what is known of languages, corpora and runs to settings
that share them and draws lines beyond the scores seen; the trees find what depends on what. So the
process counts more for a setting of a fine-tuning with observed scores, and the trees for a new
one. It knows no protocol.
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
    """`process_share` of the process and the rest of the trees; see the module."""

    def __init__(
        self,
        line_columns: Sequence[str],
        process_share: float = 0.3,
        known_run_share: float = 0.7,
        seed: int = 42,
    ) -> None:
        self.line_columns = line_columns
        self.process_share = process_share
        self.known_run_share = known_run_share
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
        self.runs_ = [] if settings is None else sorted(set(settings["run_group"].astype(str)))
        return self

    def _shares(self, X: pd.DataFrame, settings: pd.DataFrame | None) -> Floats:
        """The share of the process in each row's value."""
        if settings is None:
            return np.full(len(X), self.process_share)
        known = settings["run_group"].astype(str).isin(self.runs_).to_numpy()
        return np.where(known, self.known_run_share, self.process_share)

    def predict(self, X: pd.DataFrame, settings: pd.DataFrame | None = None) -> Floats:
        shares = self._shares(X, settings)
        process, trees = self.process_.predict(X, settings), self.trees_.predict(X)
        return np.asarray(shares * process + (1 - shares) * trees, dtype=np.float64)

    def predict_std(self, X: pd.DataFrame, settings: pd.DataFrame | None = None) -> Floats:
        """The process's."""
        return self.process_.predict_std(X, settings)

    def contributions(self, X: pd.DataFrame, settings: pd.DataFrame | None = None) -> pd.DataFrame:
        """Those of both parts, by their shares."""
        shares = self._shares(X, settings)
        process = self.process_.contributions(X, settings).mul(shares, axis=0)
        trees = self.trees_.contributions(X).mul(1 - shares, axis=0)
        return process.add(trees, fill_value=0.0)

    def get_state(self) -> dict[str, Any]:
        return {
            "trees": self.trees_.get_state(),
            "process": self.process_.get_state(),
            "runs": self.runs_,
        }

    def set_state(self, state: dict[str, Any]) -> Self:
        self.process_, self.trees_ = self._parts()
        self.process_.set_state(state["process"])
        self.trees_.set_state(state["trees"])
        self.runs_ = state["runs"]
        return self
