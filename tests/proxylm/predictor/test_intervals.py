"""Intervals: coverage is a statistic over many draws; too few languages give none."""

import math

import numpy as np
import pandas as pd
import pytest

from proxylm.errors import UsageError
from proxylm.predictor.intervals import bounds, half_width, half_widths_without, languages_needed


def _errors(random: np.random.Generator, n_languages: int) -> pd.Series:
    """Absolute errors; languages differ in how many rows and how large errors they have."""
    scale = random.gamma(2.0, 1.0, n_languages)
    sizes = random.integers(1, 30, n_languages)
    language = np.repeat(np.arange(n_languages), sizes)
    values = scale[language] * np.abs(random.normal(size=len(language)))
    return pd.Series(values, language.astype(str))


@pytest.mark.parametrize("level", [0.8, 0.9])
@pytest.mark.parametrize("n_languages", [10, 25])
def test_a_new_language_is_covered(level: float, n_languages: int) -> None:
    random = np.random.default_rng(7)
    covered = []
    for _ in range(400):
        errors = _errors(random, n_languages + 1)
        new = errors.index == "0"
        covered.append((errors[new] <= half_width(errors[~new], level)).mean())
    # three standard errors below the level, and not uselessly wide
    assert np.mean(covered) >= level - 3 * np.std(covered) / 20
    assert np.mean(covered) <= level + 0.1


def test_nine_languages_are_needed_for_ninety_percent() -> None:
    errors = pd.Series(np.ones(80), np.repeat([f"l{i}" for i in range(8)], 10))
    assert languages_needed(0.9) == 9
    assert languages_needed(0.8) == 4
    assert half_width(errors, 0.9) == math.inf
    assert half_width(errors, 0.8) == 1
    ninth = pd.concat([errors, pd.Series([1.0], ["l9"])])
    assert half_width(ninth, 0.9) == 1
    assert half_width(errors.head(0), 0.8) == math.inf


def test_a_language_has_no_part_in_its_own_interval() -> None:
    errors = _errors(np.random.default_rng(1), 15)
    changed = errors.where(errors.index != "3", 1000.0)
    before, after = half_widths_without(errors), half_widths_without(changed)
    assert before["3"] == after["3"]
    assert (before.drop("3") <= after.drop("3")).all()


@pytest.mark.parametrize(
    ("metric", "lower", "upper"),
    [("spBLEU", 0.0, 100.0), ("comet", 0.0, 1.0), ("TER", 0.0, 105.0)],
)
def test_bounds_stay_in_the_metrics_range(metric: str, lower: float, upper: float) -> None:
    low, high = bounds(np.array([0.5, 95.0]), np.array([10.0, 10.0]), metric)
    assert low[0] == lower
    assert high[1] == upper
    low, high = bounds(np.array([50.0]), np.array([math.inf]), metric)
    assert np.isnan([*low, *high]).all()


@pytest.mark.parametrize("level", [0, 1, 90])
def test_a_level_is_a_share(level: float) -> None:
    with pytest.raises(UsageError, match="between 0 and 1"):
        half_width(pd.Series([1.0], ["a"]), level)
