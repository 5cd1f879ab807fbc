"""A mixed-effects Gaussian process: near settings have near scores, and so have related ones.

Settings are near in all inputs together, in what only their training side says, or in what only
their test side says: so it learns what is hard about a test language from languages like it, not
from all settings at once. Languages, corpora and runs have random effects, and a score counts by
its known noise. The parameters are those under which a sample of the training rows is most
likely, as many rows of each language as there are; several samples are averaged, for one alone
moves the error by some percent.

Up to `n_exact` rows the rest is exact; above, `n_inducing` of them stand for all (projected
process), so time grows in proportion to the rows. It knows no protocol.
"""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.linalg.lapack import dpotri
from scipy.optimize import minimize
from sklearn.base import BaseEstimator, RegressorMixin

from proxylm.predictor.inputs import sides
from proxylm.predictor.regressors.contract import Floats
from proxylm.predictor.regressors.covariance import JITTER, Covariance, Ints, Rows
from proxylm.predictor.regressors.scaling import Scaling

EFFECTS = (
    ("language",),
    ("source_lang", "target_lang"),
    ("train_corpus",),
    ("test_corpus",),
    ("run_group",),
    ("source_lang", "target_lang", "test_corpus"),
    ("train_corpus", "test_corpus"),
    ("train_corpus", "test_corpus", "into_english"),
    ("source_lang",),
    ("target_lang",),
    ("same_language",),
)
"""What has a random effect, where settings of the training rows both share it and differ in it."""

SIDE_ROWS = 10
"""Settings a run or a test set below which all inputs together say what its side would: in mt560
the smooth functions of the sides made errors larger, in intent they are what helps most."""

CHUNK = 2000
"""Rows at a time, for memory."""


class GaussianProcess(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Mean of `n_samples` processes; see the module."""

    def __init__(
        self,
        line_columns: Sequence[str] = (),
        n_samples: int = 2,
        sample_rows: int = 800,
        n_steps: int = 7,
        n_exact: int = 3000,
        n_inducing: int = 800,
        seed: int = 0,
    ) -> None:
        self.line_columns = line_columns
        self.n_samples = n_samples
        self.sample_rows = sample_rows
        self.n_steps = n_steps
        self.n_exact = n_exact
        self.n_inducing = n_inducing
        self.seed = seed

    def fit(
        self,
        X: pd.DataFrame,
        y: pd.Series,
        settings: pd.DataFrame | None = None,
        noise: pd.Series | None = None,
    ) -> Self:
        order = np.argsort(X.index.to_numpy(), kind="stable")  # whatever the order of the rows
        X, scores = X.iloc[order], y.to_numpy(np.float64)[order]
        settings = None if settings is None else settings.iloc[order]
        self.mean_, spread = float(scores.mean()), float(scores.std())
        self.spread_ = spread if spread > 0 else 1.0
        self.scaling_ = Scaling.of(X)
        self.labels_ = _labels(settings)
        rows = self._rows(X, settings)
        known = np.zeros(len(scores)) if noise is None else noise.to_numpy(np.float64)[order]
        known = np.nan_to_num(known / self.spread_) ** 2
        self.covariance_ = _covariance(X, settings, self.scaling_.varies, len(self.labels_))
        scaled = (scores - self.mean_) / self.spread_
        self.thetas_ = []
        n_samples = self.n_samples if len(scaled) > self.sample_rows else 1  # all would be the same
        for sample in range(n_samples):
            random = np.random.default_rng([self.seed, sample])
            chosen = _sample(random, settings, len(scaled), self.sample_rows)
            self.thetas_.append(
                _most_likely(
                    self.covariance_,
                    rows.take(chosen),
                    scaled[chosen],
                    known[chosen],
                    self.n_steps,
                )
            )
        self._condition(rows, scaled, known)
        return self

    def _condition(self, rows: Rows, scaled: Floats, known: Floats) -> None:
        """Weights of the rows under each theta, of all rows or of the inducing ones."""
        chosen = np.arange(len(scaled))
        if len(scaled) > self.n_exact:
            random = np.random.default_rng([self.seed, self.n_samples])
            chosen = np.sort(random.permutation(len(scaled))[: self.n_inducing])
        self.rows_, self.known_ = rows.take(chosen), known[chosen]
        self.weights_: list[Floats] = []
        self.moments_: list[Floats] = []  # lower Cholesky factors, where the rows stand for others
        for theta in self.thetas_:
            if len(chosen) == len(scaled):
                lower = self._factor(theta)
                self.weights_.append(cho_solve((lower, True), scaled))
                continue
            moments, right = self._inducing(theta), np.zeros(len(chosen))
            for start in range(0, len(scaled), CHUNK):
                part = slice(start, start + CHUNK)
                cross = self.covariance_.between(theta, self.rows_, rows.take(part))
                weighted = cross / (np.exp(theta[-1]) + known[part] + JITTER)
                moments += weighted @ cross.T
                right += weighted @ scaled[part]
            lower = cholesky(moments, lower=True)
            self.weights_.append(cho_solve((lower, True), right))
            self.moments_.append(lower)

    def _factor(self, theta: Floats) -> Floats:
        """Lower Cholesky factor of the covariance of the rows' observed scores."""
        noisy = self.covariance_.noisy(theta, self.rows_, self.known_)
        return np.asarray(cholesky(noisy, lower=True, overwrite_a=True), dtype=np.float64)

    def _inducing(self, theta: Floats) -> Floats:
        """Covariance of the inducing rows."""
        inner = self.covariance_.between(theta, self.rows_, self.rows_)
        inner[np.diag_indices(len(inner))] += JITTER
        return inner

    def predict(self, X: pd.DataFrame, settings: pd.DataFrame | None = None) -> Floats:
        rows = self._rows(X, settings)
        fits = zip(self.thetas_, self.weights_, strict=True)
        values = [self.covariance_.times(theta, rows, self.rows_, w) for theta, w in fits]
        return np.asarray(self.mean_ + self.spread_ * np.mean(values, axis=0), dtype=np.float64)

    def predict_std(self, X: pd.DataFrame, settings: pd.DataFrame | None = None) -> Floats:
        """Standard deviation of the true score, without the noise of measuring it."""
        rows = self._rows(X, settings)
        total = np.zeros(len(rows))
        for sample, theta in enumerate(self.thetas_):
            total += self.covariance_.variance(theta, rows)
            if self.moments_:
                factor = cholesky(self._inducing(theta), lower=True)
            else:
                factor = self._factor(theta)
            for start in range(0, len(rows), CHUNK):
                part = slice(start, start + CHUNK)
                cross = self.covariance_.between(theta, self.rows_, rows.take(part))
                total[part] -= (solve_triangular(factor, cross, lower=True) ** 2).sum(axis=0)
                if self.moments_:
                    unsaid = solve_triangular(self.moments_[sample], cross, lower=True)
                    total[part] += (unsaid**2).sum(axis=0)
        mean = np.maximum(total / len(self.thetas_), 0.0)
        return np.asarray(self.spread_ * np.sqrt(mean), dtype=np.float64)

    def contributions(self, X: pd.DataFrame, settings: pd.DataFrame | None = None) -> pd.DataFrame:
        """Of the line exact for each score; of each smooth function and random effect its whole."""
        rows = self._rows(X, settings)
        fits = zip(self.thetas_, self.weights_, strict=True)
        parts = [self.covariance_.parts(theta, rows, self.rows_, w) for theta, w in fits]
        names = [str(X.columns[column]) for column in self.covariance_.line]
        for number in range(len(self.covariance_.smooth)):
            names.append(f"near:inputs of one side, {number}" if number else "near:all inputs")
        names += [f"effect:{' and '.join(effect)}" for effect in self.labels_]
        table = pd.DataFrame(self.spread_ * np.mean(parts, axis=0), X.index, names)
        others = [name for name in map(str, X) if name not in names]
        return table.assign(**dict.fromkeys(others, 0.0), base=self.mean_)

    def _rows(self, X: pd.DataFrame, settings: pd.DataFrame | None) -> Rows:
        codes = np.full((len(X), len(self.labels_)), -1, dtype=np.intp)
        for column, (effect, names) in enumerate(self.labels_.items()):
            # what was not in training is like nothing that was
            if settings is not None:
                codes[:, column] = _names(settings, effect).map(names).fillna(-1).astype(int)
        return Rows(self.scaling_.scaled(X), codes)

    def get_state(self) -> dict[str, Any]:
        return {
            "mean": self.mean_,
            "spread": self.spread_,
            "scaling": self.scaling_._asdict(),
            "labels": {"|".join(effect): names for effect, names in self.labels_.items()},
            "line": self.covariance_.line,
            "smooth": self.covariance_.smooth,
            "thetas": [theta.tolist() for theta in self.thetas_],
            "rows": self.rows_.Z.tolist(),
            "codes": self.rows_.codes.tolist(),
            "weights": [weights.tolist() for weights in self.weights_],
            "known": self.known_.tolist(),
            "moments": [lower[np.tril_indices(len(lower))].tolist() for lower in self.moments_],
        }

    def set_state(self, state: dict[str, Any]) -> Self:
        self.mean_, self.spread_ = float(state["mean"]), float(state["spread"])
        self.scaling_ = Scaling(**state["scaling"])
        self.labels_ = {tuple(key.split("|")): names for key, names in state["labels"].items()}
        self.covariance_ = Covariance(state["line"], state["smooth"], len(self.labels_))
        self.thetas_ = [np.array(theta) for theta in state["thetas"]]
        codes = np.array(state["codes"], dtype=np.intp).reshape(len(state["rows"]), -1)
        self.rows_ = Rows(np.array(state["rows"]), codes)
        self.weights_ = [np.array(weights) for weights in state["weights"]]
        self.known_ = np.array(state["known"])
        self.moments_ = [_lower(np.array(packed), len(self.rows_)) for packed in state["moments"]]
        return self


def _covariance(
    X: pd.DataFrame, settings: pd.DataFrame | None, varies: Ints, n_effects: int
) -> Covariance:
    """The line over all scores; smooth functions of all inputs and of those of either side."""
    names = list(map(str, X))
    line = [i for i in varies if names[i].startswith(("proxy:", "own:", "mean:"))]
    smooth = [list(map(int, varies))]
    if settings is not None:
        values = X.fillna(0.0)
        scale = values.std().to_numpy()
        for keys in sides(settings).values():
            groups = values.groupby(keys, dropna=False)
            if len(values) < SIDE_ROWS * groups.ngroups:
                continue
            within = groups.transform("std").max().fillna(0.0)
            side = [int(i) for i in varies if within.iloc[i] < 1e-6 * scale[i]]
            if side and side not in smooth:
                smooth.append(side)
    return Covariance([int(i) for i in line], smooth, n_effects)


def _names(settings: pd.DataFrame, effect: Sequence[str]) -> pd.Series:
    """What each setting is called for a random effect."""
    derived = {
        "into_english": lambda: (settings["target_lang"] == "eng_Latn").astype(str),
        "same_language": lambda: (settings["source_lang"] == settings["target_lang"]).astype(str),
    }
    parts = [derived[c]() if c in derived else settings[c].astype(str) for c in effect]
    joined = parts[0]
    for part in parts[1:]:
        joined = joined + "\t" + part
    return joined


def _labels(settings: pd.DataFrame | None) -> dict[tuple[str, ...], dict[str, int]]:
    """For each random effect, a number for each name; those alike in the training rows once."""
    found: dict[tuple[str, ...], dict[str, int]] = {}
    if settings is None:
        return found
    seen = set()
    for effect in EFFECTS:
        names = _names(settings, effect)
        numbers, distinct = pd.factorize(names, sort=True)
        grouping = pd.factorize(numbers)[0].tobytes()  # the same for another name of the same
        if 1 < len(distinct) < len(settings) and grouping not in seen:
            seen.add(grouping)
            found[effect] = {str(name): number for number, name in enumerate(distinct)}
    return found


def _sample(
    random: np.random.Generator, settings: pd.DataFrame | None, n_rows: int, size: int
) -> Ints:
    """Positions of `size` rows; no language has more of them while another has some left."""
    draws = random.random(n_rows)
    turns = np.zeros(n_rows)
    if settings is not None:
        ranks = pd.Series(draws).groupby(settings["language"].to_numpy()).rank()
        turns = np.asarray(ranks, dtype=np.float64)
    return np.sort(np.lexsort((draws, turns))[:size])


def _most_likely(
    covariance: Covariance, rows: Rows, scaled: Floats, known: Floats, n_steps: int
) -> Floats:
    """Parameters under which `scaled` is most likely, times what is thought of them beforehand."""
    at_theta = covariance.differentiable(rows, known)

    def loss(theta: Floats) -> tuple[float, Floats]:
        noisy, gradient_of = at_theta(theta)  # symmetric, and LAPACK reads columns: .T saves a copy
        try:
            lower = cholesky(noisy.T, lower=True, overwrite_a=True, check_finite=False)
        except np.linalg.LinAlgError:
            return 1e10, np.zeros_like(theta)
        weights = cho_solve((lower, True), scaled)
        value = 0.5 * scaled @ weights + np.log(np.diag(lower)).sum()
        # half of the inverse, with zeros in the other half: transposed, NumPy reads it by rows
        W = dpotri(lower, lower=1, overwrite_c=1)[0].T
        W += np.triu(W, 1).T
        W -= np.outer(weights, weights)
        W *= 0.5
        gradient = gradient_of(W)
        off = (theta - covariance.prior_mean) / covariance.prior_sd
        return float(value + 0.5 * off @ off), gradient + off / covariance.prior_sd

    found = minimize(
        loss,
        covariance.prior_mean,
        jac=True,
        method="L-BFGS-B",
        bounds=[(-12.0, 8.0)] * len(covariance.prior_mean),
        options={"maxiter": n_steps, "maxcor": 20},
    )
    return np.asarray(found.x, dtype=np.float64)


def _lower(packed: Floats, size: int) -> Floats:
    """The lower triangular matrix whose rows are `packed` one after the other."""
    matrix = np.zeros((size, size))
    matrix[np.tril_indices(size)] = packed
    return matrix
