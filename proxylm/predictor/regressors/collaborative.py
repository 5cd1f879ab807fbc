"""Collaborative performance prediction: one network over model factors and task factors.

After Zhang et al. 2024 (arXiv 2407.01300): the scores of all models teach the network, not only
those of the estimated one. What identifies a task here must exist for a language nobody trained
on, so its embedding is not learnt by name: it is the principal components of the proxies' scores
and the facts of data and languages. A model's embedding is learnt, as the first layer's weights of
its name. The network is scikit-learn's, two hidden layers. Other metrics are not used.
"""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.decomposition import PCA
from sklearn.neural_network import MLPRegressor

from proxylm.predictor.regressors.columns import paper_columns
from proxylm.predictor.regressors.contract import Floats


class CollaborativePrediction(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Neural collaborative filtering over (model, task)."""

    def __init__(
        self,
        line_columns: Sequence[str],
        n_factors: int = 4,
        hidden: Sequence[int] = (32, 16),
        alpha: float = 0.1,
        n_epochs: int = 60,
        seed: int = 42,
    ) -> None:
        self.line_columns = line_columns
        self.n_factors = n_factors
        self.hidden = hidden
        self.alpha = alpha
        self.n_epochs = n_epochs
        self.seed = seed

    def fit(
        self,
        X: pd.DataFrame,
        y: pd.Series,
        settings: pd.DataFrame | None = None,
        noise: pd.Series | None = None,
    ) -> Self:
        columns = paper_columns(X, self.line_columns)
        self.scores_ = [name for name in columns if name in set(self.line_columns)]
        self.facts_ = [name for name in columns if name not in set(self.line_columns)]
        values = X[self.scores_ + self.facts_].to_numpy(float)
        self.mean_ = np.nanmean(values, axis=0)
        self.scale_ = np.nanstd(values, axis=0)
        self.mean_y_, self.scale_y_ = float(y.mean()), float(y.std()) or 1.0
        known = self._standardised(X)[:, : len(self.scores_)]
        n_factors = min(self.n_factors, *known.shape)
        self.directions_ = np.zeros((0, len(self.scores_)))
        if n_factors:
            self.directions_ = PCA(n_factors, random_state=self.seed).fit(known).components_
        tasks = self._tasks(X)
        present = X[self.scores_].notna().to_numpy()
        inputs, outputs = [self._inputs(tasks, 0)], [(y.to_numpy(float) - self.mean_y_)]
        outputs[0] = outputs[0] / self.scale_y_
        for number in range(len(self.scores_)):
            rows = present[:, number]
            inputs.append(self._inputs(tasks[rows], number + 1))
            outputs.append(known[rows, number])
        network = MLPRegressor(
            hidden_layer_sizes=tuple(self.hidden), alpha=self.alpha, random_state=self.seed
        )
        rows, targets = np.vstack(inputs), np.concatenate(outputs)
        for _ in range(self.n_epochs):
            network.partial_fit(rows, targets)
        self.weights_ = list(zip(network.coefs_, network.intercepts_, strict=True))
        return self

    def _standardised(self, X: pd.DataFrame) -> Floats:
        values = X[self.scores_ + self.facts_].to_numpy(float)
        return np.asarray(np.nan_to_num((values - self.mean_) / self.scale_), np.float64)

    def _tasks(self, X: pd.DataFrame) -> Floats:
        """Embedding of each setting: components of the proxies' scores, and the facts."""
        values = self._standardised(X)
        n = len(self.scores_)
        return np.hstack([values[:, :n] @ self.directions_.T, values[:, n:]])

    def _inputs(self, tasks: Floats, model: int) -> Floats:
        """The network's input: which model, 0 the estimated one, and the task."""
        which = np.zeros((len(tasks), len(self.scores_) + 1))
        which[:, model] = 1
        return np.hstack([which, tasks])

    def predict(self, X: pd.DataFrame, settings: pd.DataFrame | None = None) -> Floats:
        values = self._inputs(self._tasks(X), 0)
        for number, (weights, bias) in enumerate(self.weights_):
            values = values @ weights + bias
            if number < len(self.weights_) - 1:
                values = np.maximum(values, 0)
        return np.asarray(self.mean_y_ + self.scale_y_ * values[:, 0], dtype=np.float64)

    def get_state(self) -> dict[str, Any]:
        return {
            "scores": self.scores_,
            "facts": self.facts_,
            "mean": self.mean_.tolist(),
            "scale": self.scale_.tolist(),
            "mean_y": self.mean_y_,
            "scale_y": self.scale_y_,
            "directions": self.directions_.tolist(),
            "weights": [(weights.tolist(), bias.tolist()) for weights, bias in self.weights_],
        }

    def set_state(self, state: dict[str, Any]) -> Self:
        self.scores_, self.facts_ = state["scores"], state["facts"]
        self.mean_, self.scale_ = np.array(state["mean"]), np.array(state["scale"])
        self.mean_y_, self.scale_y_ = state["mean_y"], state["scale_y"]
        self.directions_ = np.array(state["directions"]).reshape(-1, len(self.scores_))
        self.weights_ = [(np.array(weights), np.array(bias)) for weights, bias in state["weights"]]
        return self
