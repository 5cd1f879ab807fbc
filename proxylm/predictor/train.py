"""From inputs to a predictor, its quality and its predictions: the parts put together."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from proxylm.predictor import intervals
from proxylm.predictor.fewshot import KnownErrors
from proxylm.predictor.inputs import Inputs
from proxylm.predictor.quality import NIGHTLY, Quality, assess, fit_rows
from proxylm.predictor.regressors import make
from proxylm.predictor.shift import Shift
from proxylm.predictor.store import Predictor, no_interval_reason, no_proxy_reason, signature


class Fitted(NamedTuple):
    """What `fit` gives."""

    predictor: Predictor  # fitted on all observed settings
    quality: Quality
    out_of_fold: pd.DataFrame  # of each observed setting; columns as of `Predictor.predict`


def fit(
    inputs: Inputs,
    regressor: str = "lightgbm",
    protocols: Sequence[str] = NIGHTLY,
    level: float = intervals.LEVEL,
    jobs: int = 1,
) -> Fitted:
    """Assess `regressor` on held-out folds and fit it on all observed settings.

    `jobs` folds are fitted at a time. Raises InputError where the settings do not allow an honest
    fit (see `Inputs.check_trainable`), UsageError for an unknown regressor, protocol or level.
    """
    described = signature(inputs, regressor)
    assessed = assess(inputs, regressor, protocols, level, jobs)
    training = inputs.training()
    fitted = fit_rows(training, make(regressor, inputs.line_columns))
    shift = Shift().fit(training.X, pd.Index(training.settings["language"]))
    known = _known_errors(training, assessed.out_of_fold["by_run"])
    predictor = Predictor(described, fitted, assessed.calibration, shift, known)
    return Fitted(predictor, assessed.quality, _out_of_fold(inputs, assessed.out_of_fold, level))


def forecast(predictor: Predictor, inputs: Inputs, level: float = intervals.LEVEL) -> pd.DataFrame:
    """Predictions, as of `predict_rows`, of the settings whose score is not observed."""
    return predict_rows(predictor, inputs.unobserved(), level)


def predict_rows(
    predictor: Predictor, rows: Inputs, level: float = intervals.LEVEL
) -> pd.DataFrame:
    """Predictions, as of `Predictor.predict`, sharpened by the observed scores (see `fewshot`)."""
    table = predictor.predict(rows.X, level, rows.settings)
    if predictor.known is None or table.empty:
        return table
    return predictor.known.sharpen(table, rows.settings, rows.target.metric)


def _known_errors(training: Inputs, by_run: pd.Series) -> KnownErrors | None:
    """The errors with each fine-tuning held out; None where that could not be done."""
    if by_run.isna().any():
        return None
    return KnownErrors.fit(training.settings, training.y - by_run, training.half_width / 1.96)


def _out_of_fold(inputs: Inputs, held_out: pd.DataFrame, level: float) -> pd.DataFrame:
    """The held-out values of all observed settings as predictions or abstentions."""
    observed = inputs.observed()
    table = held_out[["value", "lower", "upper"]].reindex(observed.X.index)
    table["level"] = np.where(table["lower"].notna(), level, np.nan)
    table["status"] = np.where(table["value"].notna(), "predicted", "abstained")
    languages = held_out.dropna(subset=["value"])["language"].nunique()
    reason = pd.Series([None] * len(table), table.index, dtype=object)
    reason[table["lower"].isna()] = no_interval_reason(languages - 1, level)
    reason[table["value"].isna()] = "its language cannot be held out: all training settings have it"
    reason[~observed.has_proxy] = no_proxy_reason(inputs.proxy_columns)
    table["reason"] = reason
    return table
