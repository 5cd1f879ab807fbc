"""What a few observed scores of a language say about its other settings.

Held-out errors of one language share a sign: what a predictor overrates in one of its settings it
overrates in the next. So the errors are taken as a sum of independent effects (of the language, of
the side it is on, of its test corpora, of the fine-tuning) and a rest, all Gaussian. The variances
are found by maximum likelihood (EM, as for any mixed model: Laird and Ware 1982), and what is
known then shifts and narrows the rest in closed form (BLUP: Henderson 1975). It takes the errors
of any regressor and knows none; it does not know scores, only errors.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import linalg, sparse

from proxylm.predictor import intervals

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]

REST = "setting"
"""Name of the part of an error that no other setting shares."""

MAXIMUM_STEPS = 300


class Posterior(NamedTuple):
    """What is known of the errors of some settings, a number a setting."""

    mean: Floats  # expected error: observed minus predicted
    variance: Floats  # of the error, once the observed scores are known
    prior_variance: Floats  # the same before any was


def effects(settings: pd.DataFrame, names: Iterable[str] | None = None) -> pd.DataFrame:
    """What settings may share: a label a setting and effect, from rows of `Inputs.settings`.

    With `names` these effects; else all but those that group the settings as another does.
    """
    language = settings["language"].astype(str)
    into, out_of = settings["target_lang"] == language, settings["source_lang"] == language
    side = np.select([into & out_of, into], ["both", "target"], "source")
    labels = {
        "language": language,
        "side": language + "|" + side,
        "test corpus": language + "|" + settings["test_corpus"].astype(str),
        "run group": settings["run_group"].astype(str),
    }
    if names is not None:
        return pd.DataFrame({name: labels[name] for name in names}, index=settings.index)
    kept: dict[str, pd.Series] = {}
    cuts: list[list[int]] = []
    for name, values in labels.items():
        cut = pd.factorize(values)[0].tolist()
        if cut not in cuts:
            kept[name] = values
            cuts.append(cut)
    return pd.DataFrame(kept, index=settings.index)


@dataclass(frozen=True)
class ErrorModel:
    """Variances of the effects, in squared units of the metric."""

    variances: dict[str, float]  # by effect, and REST

    @classmethod
    def fit(cls, labels: pd.DataFrame, errors: pd.Series, noise: pd.Series) -> "ErrorModel":
        """The variances under which held-out `errors` are most likely.

        `labels` are their `effects`, `noise` the known standard errors of the observed scores, NaN
        where unknown. All three share an index.
        """
        names = [*labels.columns, REST]
        values = errors.to_numpy(float)
        known = np.nan_to_num(noise.to_numpy(float)) ** 2
        total = float(np.mean(values**2)) or 1.0
        variances = np.full(len(names), total / len(names))
        index, effect = _levels(labels)
        parts = list(_parts(index))
        counts = np.bincount(effect, minlength=len(names) - 1)
        for _ in range(MAXIMUM_STEPS):
            squares, rest = np.zeros(len(names) - 1), 0.0
            for rows, levels in parts:
                at = np.searchsorted(levels, index[rows])
                weight = 1 / (variances[-1] + known[rows])
                mean, covariance = _solve(
                    at, weight, values[rows], variances[effect[levels]], len(levels)
                )
                squares += np.bincount(
                    effect[levels], mean**2 + np.diag(covariance), len(names) - 1
                )
                left = values[rows] - mean[at].sum(axis=1)
                unsure = covariance[at[:, :, None], at[:, None, :]].sum(axis=(1, 2))
                share = variances[-1] * weight
                rest += float((share**2 * (left**2 + unsure) + (1 - share) * variances[-1]).sum())
            found = np.append(squares / counts, rest / len(values))
            found = np.maximum(found, 1e-9 * total)
            moved = np.abs(found - variances).max()
            variances = found
            if moved < 1e-4 * total:
                break
        return cls(dict(zip(names, variances.tolist(), strict=True)))

    def posterior(
        self, labels: pd.DataFrame, errors: pd.Series, noise: pd.Series, wanted: pd.DataFrame
    ) -> Posterior:
        """What known `errors` say about the settings with the labels `wanted`."""
        n = len(errors)
        mean, variance = np.zeros(len(wanted)), np.full(len(wanted), self.prior_variance)
        for new, its, u, covariance in self._solved(labels, errors, noise, wanted):
            mean[new - n] = u[its].sum(axis=1)
            unsure = covariance[its[:, :, None], its[:, None, :]].sum(axis=(1, 2))
            variance[new - n] = unsure + self.variances[REST]
        return Posterior(mean, variance, np.full(len(wanted), self.prior_variance))

    def covariances(
        self, labels: pd.DataFrame, errors: pd.Series, noise: pd.Series, wanted: pd.DataFrame
    ) -> Iterator[tuple[Rows, Floats]]:
        """Parts of `wanted`, by position, that depend on each other, with their covariance."""
        n = len(errors)
        for new, its, _, covariance in self._solved(labels, errors, noise, wanted):
            shared = np.zeros((len(new), len(covariance)))
            np.add.at(shared, (np.arange(len(new))[:, None], its), 1.0)
            table = shared @ covariance @ shared.T
            table[np.diag_indices(len(new))] += self.variances[REST]
            yield new - n, table

    @property
    def prior_variance(self) -> float:
        """Of an error about which nothing is known."""
        return float(sum(self.variances.values()))

    def _solved(
        self, labels: pd.DataFrame, errors: pd.Series, noise: pd.Series, wanted: pd.DataFrame
    ) -> Iterator[tuple[Rows, Rows, Floats, Floats]]:
        """A part with wanted rows at a time: these rows, their levels, all effects of the part.

        Rows are counted on from the known ones; the effects come as means and covariance.
        """
        names = [name for name in self.variances if name != REST]
        index, effect = _levels(pd.concat([labels[names], wanted[names]]))
        values, n = errors.to_numpy(float), len(errors)
        weights = 1 / (self.variances[REST] + np.nan_to_num(noise.to_numpy(float)) ** 2)
        variances = np.array([self.variances[name] for name in names])
        for rows, levels in _parts(index):
            known, new = rows[rows < n], rows[rows >= n]
            if not len(new):
                continue
            at = np.searchsorted(levels, index[rows])
            mean, covariance = _solve(
                at[: len(known)],
                weights[known],
                values[known],
                variances[effect[levels]],
                len(levels),
            )
            yield new, at[len(known) :], mean, covariance


@dataclass(frozen=True)
class KnownErrors:
    """Held-out errors of what was observed, kept to sharpen what was not."""

    model: ErrorModel
    labels: pd.DataFrame  # effects, a row a setting
    errors: pd.Series  # observed minus held-out prediction, in the metric's units
    noise: pd.Series  # standard error of the observed score, NaN where unknown

    @classmethod
    def fit(cls, settings: pd.DataFrame, errors: pd.Series, noise: pd.Series) -> "KnownErrors":
        """From rows of `Inputs.settings`, whatever their order."""
        labels = effects(settings.sort_index())
        errors, noise = errors.reindex(labels.index), noise.reindex(labels.index)
        return cls(ErrorModel.fit(labels, errors, noise), labels, errors, noise)

    def about(self, settings: pd.DataFrame) -> Posterior:
        """What is known of the errors in these settings."""
        wanted = effects(settings, self.labels.columns)
        return self.model.posterior(self.labels, self.errors, self.noise, wanted)

    def covariances(self, settings: pd.DataFrame) -> Iterator[tuple[Rows, Floats]]:
        """Parts of these settings, by position, whose errors depend on each other; covariances."""
        wanted = effects(settings, self.labels.columns)
        return self.model.covariances(self.labels, self.errors, self.noise, wanted)

    def sharpen(self, table: pd.DataFrame, settings: pd.DataFrame, metric: str) -> pd.DataFrame:
        """Predictions, as of `Predictor.predict`, moved by what is known and their ends drawn in.

        A half-width shrinks as the standard deviation of the error does, and never grows.
        """
        known = self.about(settings)
        share = np.sqrt(np.minimum(known.variance / known.prior_variance, 1.0))
        value = intervals.clip(table["value"].to_numpy() + known.mean, metric)
        ends = {
            end: intervals.clip(value + share * (table[end] - table["value"]).to_numpy(), metric)
            for end in ("lower", "upper")
        }
        return table.assign(value=value, **ends)

    def get_state(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "variances": self.model.variances,
            "labels": {name: self.labels[name].tolist() for name in self.labels},
            "errors": self.errors.tolist(),
            "noise": [None if np.isnan(value) else value for value in self.noise],
        }

    @classmethod
    def of_state(cls, state: dict[str, Any]) -> "KnownErrors":
        """What `get_state` gave."""
        noise = pd.Series(state["noise"], dtype=float)
        errors = pd.Series(state["errors"], dtype=float)
        return cls(ErrorModel(state["variances"]), pd.DataFrame(state["labels"]), errors, noise)


def _levels(labels: pd.DataFrame) -> tuple[Rows, Rows]:
    """Number of the level of each row and effect, and of each level its effect."""
    columns, effect, start = [], [], 0
    for number, name in enumerate(labels):
        codes, found = pd.factorize(labels[name])
        columns.append(codes + start)
        effect += [number] * len(found)
        start += len(found)
    return np.column_stack(columns).astype(np.intp), np.array(effect, dtype=np.intp)


def _parts(index: Rows) -> Iterator[tuple[Rows, Rows]]:
    """Rows that share no level with the others, with their levels, both in order."""
    n_rows, n_effects = index.shape
    ends = np.column_stack([np.repeat(index[:, :1], n_effects, axis=1).ravel(), index.ravel()])
    size = int(index.max()) + 1 if n_rows else 0
    graph = sparse.coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(size, size))
    n_parts, part = sparse.csgraph.connected_components(graph, directed=False)
    of_row = part[index[:, 0]]
    order, level_order = np.argsort(of_row, kind="stable"), np.argsort(part, kind="stable")
    cuts = np.searchsorted(of_row[order], np.arange(n_parts + 1))
    level_cuts = np.searchsorted(part[level_order], np.arange(n_parts + 1))
    for number in range(n_parts):
        yield (
            order[cuts[number] : cuts[number + 1]],
            level_order[level_cuts[number] : level_cuts[number + 1]],
        )


def _solve(
    at: Rows, weight: Floats, values: Floats, variances: Floats, n_levels: int
) -> tuple[Floats, Floats]:
    """Mean and covariance of the effects of one part, from Henderson's equations."""
    table = np.diag(1 / variances)
    right = np.zeros(n_levels)
    for one in range(at.shape[1]):
        np.add.at(right, at[:, one], weight * values)
        for other in range(at.shape[1]):
            np.add.at(table, (at[:, one], at[:, other]), weight)
    covariance = linalg.cho_solve(linalg.cho_factor(table), np.eye(n_levels))
    return covariance @ right, covariance
