"""How alike two settings are to a Gaussian process: a covariance, its parameters, its gradient.

It is a sum: a line over the scores, smooth functions (Matern 3/2, a length scale a column) over
groups of columns, and random effects of what settings share by name, such as a language. The
parameters are logarithms in one vector. This module knows neither scores nor fitting.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

ROOT3 = 3**0.5
JITTER = 1e-6


@dataclass(frozen=True)
class Rows:
    """Settings as the covariance sees them."""

    Z: Floats  # standardised inputs, a column an input; no NaN
    codes: Ints  # a column a random effect; equal numbers are the same language, corpus, ...

    def take(self, rows: Ints | slice) -> "Rows":
        """These rows."""
        return Rows(self.Z[rows], self.codes[rows])

    def __len__(self) -> int:
        return len(self.Z)


@dataclass(frozen=True)
class Covariance:
    """Parts of the sum; `theta` holds, in order, theirs and the noise's log variance last."""

    line: list[int]  # columns of the line
    smooth: list[list[int]]  # columns of each smooth function
    n_effects: int
    prior_mean: Floats = field(init=False, repr=False)
    prior_sd: Floats = field(init=False, repr=False)

    def __post_init__(self) -> None:
        # scores have variance 1: a third for the line, a third for each smooth function, and
        # length scales that grow with the columns, so that typical distances stay about 1
        means, sds = [np.full(len(self.line), np.log(0.3 / max(1, len(self.line))))], [1.0]
        sizes = [len(self.line)]
        for columns in self.smooth:
            means += [np.log([0.3]), np.full(len(columns), np.log(1.5 * len(columns) ** 0.5))]
            sds += [1.5, 1.0]
            sizes += [1, len(columns)]
        means.append(np.full(self.n_effects + 1, np.log(0.03)))
        sds.append(2.0)
        sizes.append(self.n_effects + 1)
        object.__setattr__(self, "prior_mean", np.concatenate(means))
        object.__setattr__(self, "prior_sd", np.repeat(sds, sizes))

    def _slices(self) -> Iterator[tuple[list[int], slice]]:
        """Each smooth function's columns and where its parameters are."""
        at = len(self.line)
        for columns in self.smooth:
            yield columns, slice(at, at + 1 + len(columns))
            at += 1 + len(columns)

    def between(self, theta: Floats, one: Rows, other: Rows) -> Floats:
        """Covariance of each row of `one` with each of `other`."""
        total = self._line(theta, one, other)
        for columns, at in self._slices():
            scale = np.exp(theta[at][1:])
            (ones, at_one), (others, at_other) = (
                _distinct(side.Z[:, columns]) for side in (one, other)
            )
            part = _matern(ones / scale, others / scale)
            part *= np.exp(theta[at.start])
            total += part[at_one][:, at_other]
        for effect, log_variance in enumerate(theta[-1 - self.n_effects : -1]):
            same = one.codes[:, effect][:, None] == other.codes[:, effect][None]
            np.add(total, np.exp(log_variance), out=total, where=same)
        return total

    def times(self, theta: Floats, one: Rows, other: Rows, weights: Floats) -> Floats:
        """`between(one, other) @ weights`, in less time where rows of `one` repeat in part."""
        return np.asarray(self.parts(theta, one, other, weights).sum(axis=1), dtype=np.float64)

    def parts(self, theta: Floats, one: Rows, other: Rows, weights: Floats) -> Floats:
        """What `times` adds up: a column each column of the line, smooth function and effect."""
        found = [
            one.Z[:, self.line]
            * (np.exp(theta[: len(self.line)]) * (weights @ other.Z[:, self.line]))
        ]
        for columns, at in self._slices():
            scale = np.exp(theta[at][1:])
            there = other.Z[:, columns] / scale
            distinct, where = np.unique(one.Z[:, columns] / scale, axis=0, return_inverse=True)
            values = np.empty(len(distinct))
            for start in range(0, len(distinct), 1000):  # for memory
                part = slice(start, start + 1000)
                values[part] = _matern(distinct[part], there) @ weights
            found.append(np.exp(theta[at.start]) * values[where.ravel()])
        for effect, log_variance in enumerate(theta[-1 - self.n_effects : -1]):
            known, where = np.unique(other.codes[:, effect], return_inverse=True)
            sums = np.bincount(where, weights, len(known))
            at_known = np.minimum(np.searchsorted(known, one.codes[:, effect]), len(known) - 1)
            is_known = known[at_known] == one.codes[:, effect]
            found.append(np.exp(log_variance) * np.where(is_known, sums[at_known], 0.0))
        return np.column_stack(found)

    def variance(self, theta: Floats, rows: Rows) -> Floats:
        """Covariance of each row with itself, without the noise."""
        smooth = sum(np.exp(theta[at.start]) for _, at in self._slices())
        effects = np.exp(theta[-1 - self.n_effects : -1]).sum()
        line = rows.Z[:, self.line] ** 2 @ np.exp(theta[: len(self.line)])
        return np.asarray(line + smooth + effects, dtype=np.float64)

    def noisy(self, theta: Floats, rows: Rows, known: Floats) -> Floats:
        """Covariance of the observed scores; `known` is the variance of each one's known noise."""
        total = self.between(theta, rows, rows)
        total[np.diag_indices(len(rows))] += np.exp(theta[-1]) + known + JITTER
        return total

    def differentiable(
        self, rows: Rows, known: Floats
    ) -> Callable[[Floats], tuple[Floats, Callable[[Floats], Floats]]]:
        """A function of theta: `noisy`, and what gives the derivative of the sum over `W * noisy`.

        W is a symmetric constant. What depends on the rows alone is made once.
        """
        Z = rows.Z[:, self.line]
        repeats = []
        for columns, at in self._slices():
            distinct, where = _distinct(rows.Z[:, columns])
            pairs = None if isinstance(where, slice) else _pairs(where, len(distinct))
            repeats.append((at, distinct, pairs))
        # which effects each pair of rows shares: a bit an effect, and a number for each combination
        shared = np.zeros((len(rows), len(rows)), dtype=np.intp)
        for effect in range(self.n_effects):
            codes = rows.codes[:, effect]
            shared |= (codes[:, None] == codes[None]).astype(np.intp) << effect
        bits = np.arange(2**self.n_effects)[:, None] >> np.arange(self.n_effects) & 1
        of_effects = slice(-1 - self.n_effects, -1)

        def at_theta(theta: Floats) -> tuple[Floats, Callable[[Floats], Floats]]:
            total = self._line(theta, rows, rows)
            total += (bits @ np.exp(theta[of_effects]))[shared]
            smooth = []
            for at, distinct, pairs in repeats:
                scaled = distinct / np.exp(theta[at][1:])
                r = _distance(scaled, scaled)
                decayed = np.exp(theta[at.start] - r)
                r += 1
                r *= decayed
                part = r
                total += part if pairs is None else part.ravel()[pairs]
                smooth.append((at, scaled, decayed, part, pairs))
            total[np.diag_indices(len(rows))] += np.exp(theta[-1]) + known + JITTER

            def gradient(W: Floats) -> Floats:
                found = np.zeros_like(theta)
                variances = np.exp(theta[: len(self.line)])
                found[: len(self.line)] = ((W @ Z) * Z).sum(axis=0) * variances
                for at, scaled, decayed, part, pairs in smooth:
                    sums = W if pairs is None else _sums(W, pairs, part.size).reshape(part.shape)
                    found[at.start] = np.vdot(sums, part)
                    G = sums * decayed
                    squares = (G.sum(axis=1) @ scaled**2) - ((G @ scaled) * scaled).sum(axis=0)
                    found[at.start + 1 : at.stop] = 6 * squares
                sums = _sums(W, shared, len(bits))
                found[of_effects] = np.exp(theta[of_effects]) * (sums @ bits)
                found[-1] = np.exp(theta[-1]) * np.trace(W)
                return found

            return total, gradient

        return at_theta

    def _line(self, theta: Floats, one: Rows, other: Rows) -> Floats:
        weights = np.exp(theta[: len(self.line)])
        return np.asarray((one.Z[:, self.line] * weights) @ other.Z[:, self.line].T)


def _distinct(Z: Floats) -> tuple[Floats, Ints | slice]:
    """The distinct rows of `Z`, and for each row which of them it is.

    `Z` itself and all of it where rows do not repeat much: then nothing is saved.
    """
    distinct, where = np.unique(Z, axis=0, return_inverse=True)
    return (Z, slice(None)) if len(distinct) > len(Z) / 2 else (distinct, where.ravel())


def _pairs(where: Ints, size: int) -> Ints:
    """For each pair of rows its place in the square of `size` distinct ones."""
    return np.asarray(where[:, None] * size + where[None], dtype=np.intp)


def _sums(W: Floats, numbers: Ints, size: int) -> Floats:
    """The sum of the symmetric `W` over each number, in whichever order it lies in memory."""
    return np.asarray(np.bincount(numbers.ravel(), W.ravel(order="K"), size), dtype=np.float64)


def _distance(one: Floats, other: Floats) -> Floats:
    """Root 3 times the Euclidean distance between the rows; in place, for copies are what costs."""
    found = np.asarray(one @ other.T, dtype=np.float64)
    found *= -2
    found += (one**2).sum(axis=1)[:, None]
    found += (other**2).sum(axis=1)[None]
    np.maximum(found, 0.0, out=found)
    np.sqrt(found, out=found)
    found *= ROOT3
    return found


def _matern(one: Floats, other: Floats) -> Floats:
    r = _distance(one, other)
    decayed = np.exp(-r)
    r += 1
    r *= decayed
    return r
