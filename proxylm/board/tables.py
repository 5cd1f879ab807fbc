"""The tables that a board is made from, and how each finds its place on it.

Knows the columns of the warehouse's views; knows no database, no file and no page.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pandas as pd

SAMPLE_COLUMNS = ["evaluation_key", "segment", "source", "hypothesis", "reference"]
LOWER_IS_BETTER = frozenset({"TER"})


@dataclass(frozen=True)
class Publication:
    """What one publication of the board says of itself."""

    snapshot: str  # the published copy that all of its numbers are from
    version: str  # of this program
    made_at: datetime  # UTC
    inputs: str  # digest of all that it was made from
    title: str = "ProxyLM board"

    @property
    def id(self) -> str:
        """Tells one publication from another; every data file carries it."""
        return f"{self.snapshot}-{self.made_at:%Y%m%dT%H%M%S%f}"


@dataclass(frozen=True)
class Tables:
    """Data frames with the columns of the views that they are named after; all may be empty."""

    rows: pd.DataFrame  # leaderboard, with the costs of cost_ledger
    quality: pd.DataFrame  # predictor_quality_latest
    grades: pd.DataFrame  # forecast_grades
    choices: pd.DataFrame  # model_choice
    advice: pd.DataFrame  # fine_tune_advice
    recommendations: pd.DataFrame
    drift: pd.DataFrame  # drift_checks
    languages: pd.DataFrame  # with family, resource_level and speakers of language_facts
    models: pd.DataFrame
    model_languages: pd.DataFrame
    predictors: pd.DataFrame
    scores: pd.DataFrame  # setting_scores with their settings, evaluations and runs
    costs: pd.DataFrame  # run_costs
    corpora: pd.DataFrame
    excluded: pd.DataFrame
    columns: list[tuple[str, str, str]]  # of `rows`: name, SQL type, meaning
    samples: pd.DataFrame  # outputs of models, a few an evaluation, with SAMPLE_COLUMNS
    rejected: dict[str, str] = field(default_factory=dict)  # landing file: why it was not loaded


def seen(model_languages: pd.DataFrame) -> dict[str, dict[str, list[str]]]:
    """For each model: languages it was trained on (`pre_training`) and those its makers name.

    A model that is not in it is unknown, and so is a language that only lacks in `official`.
    """
    found: dict[str, dict[str, list[str]]] = {}
    for (model, relation), part in groups(model_languages, ["model_id", "relation"]):
        found.setdefault(str(model), {})[str(relation)] = sorted(part["language"])
    return found


def groups(frame: pd.DataFrame, by: list[str]) -> Iterator[tuple[Any, pd.DataFrame]]:
    """The parts of `frame` that share their values in `by`, in order, each with these values."""
    yield from frame.groupby(by, sort=True)


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows as objects for JSON: absent values are None, times ISO 8601."""
    plain = {name: plain_values(frame[name]) for name in frame.columns}
    return [dict(zip(plain, row, strict=True)) for row in zip(*plain.values(), strict=True)]


def plain_values(column: pd.Series) -> list[Any]:
    """A column's values as JSON has them."""
    if pd.api.types.is_datetime64_any_dtype(column):
        return [None if pd.isna(value) else value.isoformat() for value in column]
    if column.dtype == object:
        return [_plain(value) for value in column.tolist()]
    absent = column.isna()
    values = column.astype(object).where(~absent, None) if absent.any() else column
    return list(values.tolist())


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):  # a list column of the warehouse
        return value.tolist()
    if isinstance(value, list | dict):
        return value
    if isinstance(value, datetime):
        return value.isoformat()
    return None if pd.isna(value) else value
