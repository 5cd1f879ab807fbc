"""Which of several scores is the best, where some are observed and others predicted.

A score that was observed is known up to its noise; a predicted one is off as held-out predictions
were off, and models err together where their errors did. So the errors of all models are drawn
together from the settings where all are known, each language weighing the same, and scaled by the
width of each prediction's interval. How often a model comes out best is then set right (Platt
scaling) by what such statements were worth on held-out languages. docs/decide.md has the
assumptions. Larger is better here. It knows no model, no metric and no regressor.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import optimize, special

MAXIMUM_DRAWS = 1000
"""Errors drawn together: more add little to a probability known to a few per cent."""

MINIMUM_JOINT = 30
"""Settings with the errors of all models; below, each model's errors are drawn on their own."""

MINIMUM_LANGUAGES = 5
"""Languages below which probabilities are not set right."""

NOISE_Z = 1.959964
"""Half-widths of observed scores are 95 %."""

SEED = 42

Floats = npt.NDArray[np.float64]
Booleans = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.intp]


class Field(NamedTuple):
    """Competing scores as arrays, a row a setting and a column a competitor; NaN where absent."""

    predicted: Floats
    spread: Floats  # half-width of the predictions' intervals, or 1 where a column has none
    observed: Floats
    noise: Floats  # standard error of the observed scores, 0 where unknown
    language: npt.NDArray[np.object_]  # of each row: those of one language err together

    @property
    def known(self) -> Booleans:
        """Where the score of a competitor is observed or predicted."""
        return ~(np.isnan(self.predicted) & np.isnan(self.observed))

    def take(self, rows: Rows, columns: Rows) -> "Field":
        """The same field with these rows and columns, by position."""
        at = np.ix_(rows, columns)
        return Field(
            self.predicted[at],
            self.spread[at],
            self.observed[at],
            self.noise[at],
            self.language[rows],
        )


class Outlook(NamedTuple):
    """What comes of comparing the competitors of a field; NaN where one has no score."""

    value: Floats  # what was compared: the observed score, else the predicted one
    probability_best: Floats  # 0-1; over the competitors of a row they add up to 1
    expected_regret: Floats  # mean loss by taking this one instead of the best, at least 0


class _Draws(NamedTuple):
    errors: Floats  # standardised: a row a draw, a column a competitor
    weights: Floats  # add up to 1
    language: npt.NDArray[np.object_] | None  # of each draw; None for noise alone


def compare(field: Field) -> Outlook:
    """How likely each competitor is the largest in its row, and what is lost by taking it."""
    value = np.where(np.isnan(field.observed), field.predicted, field.observed)
    probability = np.full(value.shape, np.nan)
    regret = np.full(value.shape, np.nan)
    rows = np.flatnonzero(field.known.any(axis=1))
    patterns = np.hstack([field.known, ~np.isnan(field.observed)])[rows]
    kinds, kind = np.unique(patterns, axis=0, return_inverse=True)
    for number, pattern in enumerate(kinds):
        known, seen = np.split(pattern, 2)
        columns = np.flatnonzero(known)
        these = rows[kind.ravel() == number]
        p, r = _compare_alike(field, these, columns, seen[columns])
        probability[np.ix_(these, columns)] = p
        regret[np.ix_(these, columns)] = r
    return Outlook(value, probability, regret)


def _compare_alike(
    field: Field, rows: Rows, columns: Rows, seen: Booleans
) -> tuple[Floats, Floats]:
    """Probabilities and regrets of rows in which the same `columns` are known, `seen` observed."""
    part = field.take(rows, columns)
    if len(columns) == 1:
        return np.ones((len(rows), 1)), np.zeros((len(rows), 1))
    draws = _draw(field, columns, seen)
    if draws is None:  # nothing is known about the errors of a prediction: no claim
        even = np.full((len(rows), len(columns)), 1 / len(columns))
        return even, np.full(even.shape, np.nan)
    share, margins = _simulate(part, seen, draws)
    if not seen.all():
        lines = _rehearse(field, columns, seen, draws)
        share = special.expit(lines[0] + lines[1] * special.logit(share))
    share /= share.sum(axis=1, keepdims=True)
    return share, np.einsum("sk,ski->si", share, margins)


def _draw(field: Field, columns: Rows, seen: Booleans) -> _Draws | None:
    """Errors of the competitors of one kind of row; None where a model has never been graded."""
    random = np.random.default_rng(SEED)
    wanted = columns[~seen]
    errors = ((field.observed - field.predicted) / field.spread)[:, wanted]
    both = np.isfinite(errors).all(axis=1)
    language = None
    if not len(wanted):
        drawn, weights = np.empty((MAXIMUM_DRAWS, 0)), np.full(MAXIMUM_DRAWS, 1 / MAXIMUM_DRAWS)
    elif both.sum() >= MINIMUM_JOINT or (len(wanted) == 1 and both.any()):
        drawn, language = errors[both], field.language[both]
        _, inverse, counts = np.unique(language, return_inverse=True, return_counts=True)
        weights = 1 / counts[inverse] / len(counts)
        if len(drawn) > MAXIMUM_DRAWS:
            kept = np.sort(random.choice(len(drawn), MAXIMUM_DRAWS, replace=False))
            drawn, language, weights = drawn[kept], language[kept], weights[kept]
    else:
        apart = [column[np.isfinite(column)] for column in errors.T]
        if not all(map(len, apart)):
            return None
        drawn = np.column_stack([random.choice(column, MAXIMUM_DRAWS) for column in apart])
        weights = np.full(MAXIMUM_DRAWS, 1 / MAXIMUM_DRAWS)
    table = random.standard_normal((len(drawn), len(columns)))
    table[:, ~seen] = drawn
    return _Draws(table, weights / weights.sum(), language)


def _simulate(part: Field, seen: Booleans, draws: _Draws) -> tuple[Floats, Floats]:
    """Share of draws in which each competitor is best, and the mean margins where it is.

    The margins are (row, best one, other one). A share is drawn towards the middle as if one
    language more had been seen, in which any could be best: nothing is impossible or certain.
    """
    centre = np.where(seen, part.observed, part.predicted)
    scale = np.where(seen, part.noise, part.spread)
    n_rows, n = centre.shape
    share, margins = np.zeros((n_rows, n)), np.zeros((n_rows, n, n))
    chunk = max(1, 2_000_000 // draws.errors.size)
    for start in range(0, n_rows, chunk):
        rows = slice(start, start + chunk)
        scores = centre[rows, None] + scale[rows, None] * draws.errors
        best = scores.argmax(axis=2)
        lost = scores.max(axis=2, keepdims=True) - scores
        for k in range(n):
            weight = (best == k) * draws.weights
            share[rows, k] = weight.sum(axis=1)
            total = np.einsum("sd,sdi->si", weight, lost)
            some = np.maximum(share[rows, k, None], np.finfo(float).tiny)
            margins[rows, k] = total / some
    seen_before = len(draws.errors) if draws.language is None else len({*draws.language})
    return (share * seen_before + 1 / n) / (seen_before + 1), margins


def _rehearse(field: Field, columns: Rows, seen: Booleans, draws: _Draws) -> Floats:
    """Intercepts and slopes on the logit of the shares, from rows where the outcome is known.

    Each language is judged by the errors of the others, and weighs the same. The penalty pulls
    towards leaving a share as it is.
    """
    lines = np.array([np.zeros(len(columns)), np.ones(len(columns))])
    part = field.take(np.arange(len(field.language)), columns)
    both = np.isfinite(part.observed) & np.isfinite(part.predicted)
    rows = np.flatnonzero((both | (seen & np.isfinite(part.observed))).all(axis=1))
    languages = np.unique(field.language[rows])
    if len(languages) < MINIMUM_LANGUAGES or draws.language is None:
        return lines
    logits, won, weights = [], [], []
    for language in languages:
        others = draws.language != language
        its = rows[field.language[rows] == language]
        if not others.any():
            continue
        left = _Draws(
            draws.errors[others],
            draws.weights[others] / draws.weights[others].sum(),
            draws.language[others],
        )
        share, _ = _simulate(part.take(its, np.arange(len(columns))), seen, left)
        truth = part.observed[its]
        logits.append(special.logit(share))
        won.append(truth == truth.max(axis=1, keepdims=True))
        weights.append(np.full(len(its), 1 / len(its)))
    x, y, w = np.vstack(logits), np.vstack(won), np.concatenate(weights)
    for k in range(len(columns)):
        lines[:, k] = _platt(x[:, k], y[:, k], w)
    return lines


def _platt(x: Floats, y: Booleans, weights: Floats) -> Floats:
    """Intercept and slope (not negative) of a logistic line; Platt 1999, with a weak penalty."""

    def loss(line: Floats) -> tuple[float, Floats]:
        z = line[0] + line[1] * x
        off = weights * (special.expit(z) - y)
        value = weights @ (np.logaddexp(0, z) - y * z) + (line[0] ** 2 + (line[1] - 1) ** 2) / 2
        return float(value), np.array([off.sum() + line[0], off @ x + line[1] - 1])

    found = optimize.minimize(
        loss, [0.0, 1.0], jac=True, method="L-BFGS-B", bounds=[(None, None), (0, None)]
    )
    return np.asarray(found.x, dtype=np.float64)
