"""Regressors beside each other, beside the paper and beside naive ones, on the same held-out rows.

A cell is one file of records, one metric and one estimated model. All regressors of a cell and
protocol are fitted on the same folds, and one recipe is used everywhere. The published figures are
the few that `data/published_errors.csv` holds, with their source. Nothing is written.
"""

import csv
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import pandas as pd

from proxylm.errors import InputError, UsageError
from proxylm.predictor.bootstrap import ratio_interval
from proxylm.predictor.frames import Records, together
from proxylm.predictor.inputs import Frames, Inputs, Target, build_inputs, targets
from proxylm.predictor.interval_quality import IntervalQuality, judge_intervals
from proxylm.predictor.intervals import LEVEL
from proxylm.predictor.protocols import (
    PORTIONS,
    PROTOCOLS,
    PUBLISHED_COMET_LANGUAGES,
    Split,
    development_half,
    shared_with_training,
)
from proxylm.predictor.quality import (
    check_finite,
    held_out,
    languages_of_tests,
    pooled,
    rank_agreement,
    rmse,
    with_intervals,
    worst_languages,
)

ALIASES = {"incremental": tuple(f"incremental_{percent}" for percent in PORTIONS)}
"""Name to the protocols that it stands for."""

SHORT_NAMES = {
    "m2m100": "m2m100-1.2b",
    "nllb": "nllb-1.3b",
    "aya": "aya-23-8b",
    "llama3": "llama-3-8b",
}
"""The paper's names of the estimated models."""


@dataclass(frozen=True)
class Cell:
    """What regressors are compared on: the observed rows of one target of one experiment."""

    records: str  # name of the experiment
    inputs: Inputs

    def __str__(self) -> str:
        target = self.inputs.target
        return f"{self.records} {target.metric} {target.model_id}"


@dataclass(frozen=True)
class Compared:
    """One regressor in one cell under one protocol. Errors are in the metric's units."""

    records: str
    task: str
    metric: str
    model_id: str
    protocol: str
    regressor: str
    n_rows: int  # test rows, counted once a fold and part
    n_folds: int
    rmse: float  # mean over languages and sides, or over seeds
    rmse_pooled: float  # over all test rows at once
    rmse_development: float  # the same over the half of the languages on which choices were made
    rmse_reserved: float  # and over the other half
    spearman: float  # rank agreement over all test rows
    kendall: float
    published: float | None  # best error that the paper's authors report
    published_by: str | None  # and by which of their regressors
    ratio_published: float | None
    reference: str  # the regressor to which the next three compare, on the same rows
    ratio: float
    ratio_low: float  # 95 % interval over redrawn languages
    ratio_high: float
    ratio_pooled: float
    worst: dict[str, float]  # the five languages with the largest error
    shared_run_group: float  # share of test rows whose fine-tuning is in training too
    shared_languages: float  # share of test rows both of whose languages are in training too
    noise_floor: float  # standard error of the observed scores; NaN if unknown
    intervals: IntervalQuality | None  # of the 90 % intervals made from these errors; LOLO alone
    notes: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """All fields as JSON values; what is not known is None."""
        found = asdict(self)
        found["intervals"] = self.intervals._asdict() if self.intervals else None
        plain: dict[str, Any] = _without_nan(found)
        return plain


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nan(each) for name, each in value.items()}
    return None if isinstance(value, float) and math.isnan(value) else value


@dataclass(frozen=True)
class Experiment:
    """Records that are judged together."""

    name: str  # mt560, nusa, intent, slot, mt560+nusa, or home
    frames: Frames
    order: tuple[str, ...] = ()  # setting keys in the order of the file; () if there is no file


def experiments_of(records: Sequence[Records]) -> list[Experiment]:
    """The release's files, and mt560 with nusa as one experiment where both are there."""
    by_name = {read.name: read for read in records}
    experiments = [Experiment(read.name, read.frames, read.order) for read in records]
    if {"mt560", "nusa"} <= set(by_name):
        both = [by_name["mt560"], by_name["nusa"]]
        marked = [
            replace(read.frames, settings=read.frames.settings.assign(records=read.name))
            for read in both
        ]
        order = tuple(dict.fromkeys(key for read in both for key in read.order))
        experiments.append(Experiment("mt560+nusa", together(marked), order))
    return experiments


def choose(
    experiments: Sequence[Experiment],
    task: str | None = None,
    metric: str | None = None,
    model: str | None = None,
) -> list[tuple[Experiment, Target]]:
    """Their targets of that task, metric and estimated model; InputError where there are none."""
    wanted = (task, metric, SHORT_NAMES.get(model or "", model))
    pairs = [(one, target) for one in experiments for target in targets(one.frames)]
    chosen = [
        (one, target)
        for one, target in pairs
        if all(
            want in (None, has)
            for want, has in zip(wanted, (target.task, target.metric, target.model_id), strict=True)
        )
    ]
    if not chosen:
        there = ", ".join(f"{one.name} {t.metric} {t.model_id}" for one, t in pairs) or "none"
        raise InputError(f"Nothing to evaluate. With enough observed scores there are: {there}.")
    return chosen


def cell_of(experiment: Experiment, target: Target, metadata: bool = True) -> Cell:
    """The rows of `target` on which regressors are compared.

    In the order of the file, if there is one; for COMET in mt560 only the paper's languages.
    Without `metadata` the public facts about languages and models are left out. Raises InputError
    where nothing honest can be fitted.
    """
    name, order = experiment.name, experiment.order
    inputs = build_inputs(experiment.frames, target, metadata=metadata)
    inputs.check_trainable()
    check_finite(inputs)
    rows = inputs.training()
    if order:  # the paper's seeds draw from rows in the order of its files
        keys = [key for key in order if key in rows.X.index]
        rows = replace(
            rows,
            X=rows.X.loc[keys],
            y=rows.y[keys],
            half_width=rows.half_width[keys],
            settings=rows.settings.loc[keys],
        )
    if name == "mt560" and target.metric == "comet":  # as the paper does
        sides = rows.settings[["source_lang", "target_lang"]]
        rows = rows.take(sides.isin(PUBLISHED_COMET_LANGUAGES).any(axis=1).to_numpy())
    return Cell(name, rows)


def protocols_of(names: Sequence[str]) -> list[str]:
    """The protocols that the names stand for. Raises UsageError for an unknown one."""
    found = [name for given in names for name in ALIASES.get(given, (given,))]
    for name in found:
        if name not in PROTOCOLS:
            there = ", ".join([*ALIASES, *PROTOCOLS])
            raise UsageError(f"No protocol is called {name!r}. There are: {there}.")
    return list(dict.fromkeys(found))


def compare(
    cell: Cell,
    protocol: str,
    regressors: Sequence[str],
    reference: str,
    jobs: int = 1,
    n_trials: int = 0,
) -> list[Compared]:
    """Each of `regressors`, then `reference`, on the folds of `protocol`.

    Raises InputError where the cell's rows do not allow the protocol, UsageError for an unknown
    regressor.
    """
    rows = cell.inputs
    if protocol.startswith("unseen") and rows.target.model_id != SHORT_NAMES["m2m100"]:
        raise InputError(
            f"{protocol} holds out languages that M2M100 was not trained on; "
            f"for {rows.target.model_id} there is no such list in the paper."
        )
    split = PROTOCOLS[protocol](rows.settings)
    names = list(dict.fromkeys([*regressors, reference]))
    predictions = held_out(rows, split, names, jobs, n_trials)
    languages = languages_of_tests(rows, split, predictions)
    return [_compared(cell, split, predictions, languages, name, reference) for name in names]


def _compared(
    cell: Cell,
    split: Split,
    predictions: pd.DataFrame,
    languages: pd.Series,
    name: str,
    reference: str,
) -> Compared:
    target = cell.inputs.target
    error, theirs = rmse(predictions, name), rmse(predictions, reference)
    ranks = rank_agreement(predictions, name)
    published = _published().get((cell.records, target.metric, target.model_id, split.protocol))
    interval = ratio_interval(predictions, languages, split, name, reference)
    is_development = languages.map(development_half).to_numpy(bool)
    halves = []
    for half in (is_development, ~is_development):
        halves.append(rmse(predictions[half], name) if half.any() else np.nan)
    standard_error = cell.inputs.half_width.dropna() / 1.96
    return Compared(
        records=cell.records,
        task=target.task,
        metric=target.metric,
        model_id=target.model_id,
        protocol=split.protocol,
        regressor=name,
        n_rows=len(predictions),
        n_folds=len(split.folds),
        rmse=error,
        rmse_pooled=pooled(predictions, name),
        rmse_development=halves[0],
        rmse_reserved=halves[1],
        spearman=ranks.spearman,
        kendall=ranks.kendall,
        published=published.rmse if published else None,
        published_by=published.regressor if published else None,
        ratio_published=error / published.rmse if published else None,
        reference=reference,
        ratio=error / theirs,
        ratio_low=interval.low,
        ratio_high=interval.high,
        ratio_pooled=pooled(predictions, name) / pooled(predictions, reference),
        worst=worst_languages(predictions, languages, name),
        **shared_with_training(cell.inputs.settings, split),
        noise_floor=float((standard_error**2).mean() ** 0.5),
        intervals=_intervals(cell.inputs, split, predictions, name),
        notes=split.notes,
    )


def _intervals(
    rows: Inputs, split: Split, predictions: pd.DataFrame, name: str
) -> IntervalQuality | None:
    """How good the intervals are that rest on these errors, each language's on the others'."""
    if split.protocol != "lolo":
        return None
    lolo = predictions.rename(columns={name: "value"})
    _, bounded = with_intervals(rows, lolo, (LEVEL,))
    return judge_intervals(bounded[LEVEL], LEVEL)


@dataclass(frozen=True)
class _Published:
    """An error that the paper's authors report."""

    regressor: str
    rmse: float


@cache
def _published() -> dict[tuple[str, str, str, str], _Published]:
    """(records, metric, model, protocol) to the least published error with all of the inputs."""
    found: dict[tuple[str, str, str, str], _Published] = {}
    text = (files("proxylm") / "data" / "published_errors.csv").read_text(encoding="utf-8")
    for row in csv.DictReader(line for line in text.splitlines() if not line.startswith("#")):
        key = (row["records"], row["metric"], SHORT_NAMES[row["model"]], row["protocol"])
        error = _Published(row["regressor"], float(row["rmse"]))
        if key not in found or error.rmse < found[key].rmse:
            found[key] = error
    return found
