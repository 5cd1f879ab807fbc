"""Matrix factorisation with side information, as the paper has it.

A score is a mean, a bias of its row (source language with training size) and of its column (target
language), the product of their factors, and a weighted sum of the paper's inputs. The paper finds
them by stochastic gradient descent; here each part is a ridge in closed form, in turns, which gives
the same model in a hundredth of the time. A new row or column has neither bias nor factors, so for
a language nobody trained on only the side information is left.
"""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from scipy.sparse import csr_array, hstack
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import Ridge

from proxylm.predictor.regressors.columns import paper_columns
from proxylm.predictor.regressors.contract import Floats
from proxylm.predictor.regressors.language_effects import one_hot, require


class MatrixFactorisation(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Biases, factors and side information, by alternating ridges."""

    def __init__(
        self,
        line_columns: Sequence[str],
        rank: int = 4,
        alpha_side: float = 10.0,
        alpha_factors: float = 10.0,
        n_rounds: int = 5,
        seed: int = 42,
    ) -> None:
        self.line_columns = line_columns
        self.rank = rank
        self.alpha_side = alpha_side
        self.alpha_factors = alpha_factors
        self.n_rounds = n_rounds
        self.seed = seed

    def fit(
        self,
        X: pd.DataFrame,
        y: pd.Series,
        settings: pd.DataFrame | None = None,
        noise: pd.Series | None = None,
    ) -> Self:
        known = require(settings)
        self.columns_ = paper_columns(X, self.line_columns)
        values = X[self.columns_].to_numpy(float)
        self.mean_ = np.nanmean(values, axis=0)
        self.scale_ = np.nanstd(values, axis=0)
        row_names, column_names = sorted(set(_rows(known))), sorted(set(known["target_lang"]))
        one_row, one_column = (
            one_hot(_rows(known), row_names),
            one_hot(known["target_lang"], column_names),
        )
        design = hstack([csr_array(self._side(X)), one_row, one_column]).tocsr()
        # scores in units of their spread, so that one penalty serves every metric
        unit = float(y.std()) or 1.0
        scores = y.to_numpy(float) / unit
        random = np.random.default_rng(self.seed)
        of_row = np.zeros((len(row_names), self.rank))
        of_column = random.normal(scale=0.1, size=(len(column_names), self.rank))
        interaction = np.zeros(len(y))
        for _ in range(self.n_rounds):
            side = Ridge(self.alpha_side).fit(design, scores - interaction)
            rest = scores - side.predict(design)
            for _ in range(2):
                of_row = self._factors(one_row, one_column @ of_column, rest)
                of_column = self._factors(one_column, one_row @ of_row, rest)
            interaction = ((one_row @ of_row) * (one_column @ of_column)).sum(axis=1)
        n = len(self.columns_)
        cut = n + len(row_names)
        self.intercept_ = float(side.intercept_) * unit
        self.coef_ = side.coef_[:n] * unit
        self.rows_ = _table(row_names, side.coef_[n:cut] * unit, of_row * unit)
        self.targets_ = _table(column_names, side.coef_[cut:] * unit, of_column)
        return self

    def _side(self, X: pd.DataFrame) -> Floats:
        values = (X[self.columns_].to_numpy(float) - self.mean_) / self.scale_
        return np.asarray(np.nan_to_num(values), np.float64)

    def _factors(self, one: csr_array, other: Floats, rest: Floats) -> Floats:
        """The factors of one side, by a ridge for each of its names, given the other side's."""
        found = np.zeros((one.shape[1], self.rank))
        penalty = self.alpha_factors * np.eye(self.rank)
        by_name = one.tocsc()
        for name in range(one.shape[1]):
            rows = by_name.indices[by_name.indptr[name] : by_name.indptr[name + 1]]
            design = other[rows]
            found[name] = np.linalg.solve(design.T @ design + penalty, design.T @ rest[rows])
        return found

    def predict(self, X: pd.DataFrame, settings: pd.DataFrame | None = None) -> Floats:
        known = require(settings)
        row = _look_up(self.rows_, _rows(known), self.rank)
        column = _look_up(self.targets_, known["target_lang"], self.rank)
        factors = (row[:, 1:] * column[:, 1:]).sum(axis=1)
        side = self._side(X) @ self.coef_
        return np.asarray(self.intercept_ + side + row[:, 0] + column[:, 0] + factors, np.float64)

    def get_state(self) -> dict[str, Any]:
        return {
            "columns": self.columns_,
            "mean": self.mean_.tolist(),
            "scale": self.scale_.tolist(),
            "intercept": self.intercept_,
            "coef": self.coef_.tolist(),
            "rows": self.rows_,
            "targets": self.targets_,
        }

    def set_state(self, state: dict[str, Any]) -> Self:
        self.columns_, self.intercept_ = state["columns"], state["intercept"]
        self.mean_, self.scale_ = np.array(state["mean"]), np.array(state["scale"])
        self.coef_ = np.array(state["coef"])
        self.rows_, self.targets_ = state["rows"], state["targets"]
        return self


def _rows(settings: pd.DataFrame) -> pd.Series:
    """The paper's rows: source language and, in MT, the size of the training corpus."""
    sizes = ["" if pd.isna(size) else f"_{int(size)}" for size in settings["train_size"]]
    return settings["source_lang"] + pd.Series(sizes, settings.index, dtype=str)


def _table(names: list[str], biases: Floats, factors: Floats) -> dict[str, list[float]]:
    return dict(zip(names, np.column_stack([biases, factors]).tolist(), strict=True))


def _look_up(table: dict[str, list[float]], names: pd.Series, rank: int) -> Floats:
    nothing = [0.0] * (rank + 1)
    return np.array([table.get(name, nothing) for name in names], dtype=np.float64)
