"""Intervals: coverage is a statistic over many draws; too few languages give none."""

import math
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

from proxylm.errors import UsageError
from proxylm.predictor.error_scale import ErrorScale, cross_fit, fold_of_languages
from proxylm.predictor.interval_quality import judge_intervals
from proxylm.predictor.intervals import (
    Calibration,
    bounds,
    by_language_alone,
    calibrate,
    languages_needed,
    multipliers,
    of_a_new_language,
)


class Drawn(NamedTuple):
    """Errors whose size depends on an input and on the language."""

    described: pd.DataFrame
    errors: pd.Series


def _draw(random: np.random.Generator, n_languages: int, least: int = 1) -> Drawn:
    """Languages differ in how many rows and how large errors they have."""
    sizes = random.integers(least, 30, n_languages)
    language = np.repeat(np.arange(n_languages), sizes)
    known = np.exp(random.normal(size=len(language)))
    scale = random.gamma(9.0, 1 / 9, n_languages)[language] * known
    names = pd.Index([f"l{i:02d}" for i in language])
    described = pd.DataFrame({"known": known, "unrelated": random.normal(size=len(language))})
    return Drawn(described, pd.Series(scale * np.abs(random.normal(size=len(language))), names))


@pytest.mark.parametrize("level", [0.8, 0.9])
@pytest.mark.parametrize("n_languages", [10, 30])
def test_of_new_languages_the_promised_share_is_covered(level: float, n_languages: int) -> None:
    random = np.random.default_rng(7)
    held = []
    for _ in range(300):
        errors = _draw(random, n_languages + 1, least=10).errors
        new = errors.index == "l00"
        multiplier = of_a_new_language(multipliers(errors[~new], level), level)
        held.append((errors[new] <= multiplier).mean() >= level)
    # binomial bounds, three standard errors: not below the level, and not uselessly above it
    assert np.mean(held) >= level - 3 * math.sqrt(level * (1 - level) / 300)
    assert np.mean(held) <= level + 1 / (n_languages + 1) + 3 * math.sqrt(level * (1 - level) / 300)


def test_cross_fitted_intervals_hold_and_follow_the_errors() -> None:
    random = np.random.default_rng(3)
    covered, ratios, marginal = [], [], []
    for _ in range(3):
        drawn = _draw(random, 30, least=10)
        half_widths = calibrate(*drawn, (0.9,)).half_widths[0.9]
        inside = drawn.errors <= half_widths
        covered.append((inside.groupby(level=0).mean() >= 0.9).mean())
        marginal.append(inside.mean())
        ratios.append(half_widths.mean() / by_language_alone(drawn.errors).mean())
    assert np.mean(covered) >= 0.9 - 3 * math.sqrt(0.09 / 90)
    assert np.mean(marginal) >= 0.9
    assert np.mean(ratios) <= 0.9


def test_nine_languages_are_needed_for_ninety_percent() -> None:
    errors = pd.Series(np.ones(80), np.repeat([f"l{i}" for i in range(8)], 10))
    assert languages_needed(0.9) == 9
    assert languages_needed(0.8) == 4
    assert of_a_new_language(multipliers(errors, 0.9), 0.9) == math.inf
    assert of_a_new_language(multipliers(errors, 0.8), 0.8) == 1
    ninth = pd.concat([errors, pd.Series([1.0], ["l9"])])
    assert of_a_new_language(multipliers(ninth, 0.9), 0.9) == 1
    described = pd.DataFrame({"input": np.arange(80.0)})
    assert np.isinf(calibrate(described, errors).calibration.half_widths(described, 0.9)).all()


def test_languages_of_few_settings_count_only_where_others_are_too_few() -> None:
    errors = pd.Series(np.ones(100), np.repeat([f"l{i}" for i in range(10)], 10))
    one_hard = pd.concat([errors, pd.Series([50.0], ["hard"])])
    assert "hard" not in multipliers(one_hard, 0.9)
    assert multipliers(one_hard[10:20].rename({"l1": "l0"}), 0.9).tolist() == [1.0]
    assert multipliers(one_hard[:50:5], 0.8).tolist() == [1.0] * 5


def test_the_finite_sample_rank() -> None:
    """Of 10 values the 9th is exceeded by one; of 20 new ones ceil(0.9 * 21) = 19."""
    ten = pd.Series(np.arange(1.0, 11), ["a"] * 10)
    assert multipliers(ten, 0.9)["a"] == 9
    assert of_a_new_language(pd.Series(np.arange(1.0, 21)), 0.9) == 19
    assert of_a_new_language(pd.Series(np.arange(1.0, 9)), 0.9) == math.inf


def test_a_language_has_no_part_in_its_own_interval() -> None:
    drawn = _draw(np.random.default_rng(1), 15)
    own = drawn.errors.index == "l03"
    garbage = drawn.errors.where(~own, np.random.default_rng(2).uniform(0, 1000, len(own)))
    before = calibrate(*drawn).half_widths[0.9]
    after = calibrate(drawn.described, garbage).half_widths[0.9]
    np.testing.assert_array_equal(before[own], after[own])
    assert (before[~own] != after[~own]).any()


def test_the_order_of_the_rows_makes_no_difference() -> None:
    drawn = _draw(np.random.default_rng(1), 12)
    order = np.random.default_rng(0).permutation(len(drawn.errors))
    one = calibrate(*drawn)
    other = calibrate(drawn.described.iloc[order], drawn.errors.iloc[order])
    np.testing.assert_allclose(one.half_widths[0.9][order], other.half_widths[0.9], atol=1e-9)
    np.testing.assert_allclose(
        one.calibration.half_widths(drawn.described),
        other.calibration.half_widths(drawn.described),
        atol=1e-9,
    )


def test_a_calibration_comes_back_from_its_state() -> None:
    drawn = _draw(np.random.default_rng(1), 12)
    calibration = calibrate(*drawn).calibration
    again = Calibration.from_state(calibration.get_state())
    assert again.n_languages == 12
    np.testing.assert_array_equal(
        again.half_widths(drawn.described), calibration.half_widths(drawn.described)
    )


@pytest.mark.parametrize("n_languages", [3, 5])
def test_few_rows_and_perfect_predictions_are_no_errors(n_languages: int) -> None:
    names = np.repeat([f"l{i}" for i in range(n_languages)], 2)
    errors = pd.Series(np.zeros(len(names)), names)
    described = pd.DataFrame({"input": np.arange(float(len(names)))})
    half_widths = calibrate(described, errors, (0.5,)).half_widths[0.5]
    np.testing.assert_array_equal(half_widths, 0.0)
    assert len(ErrorScale().fit(described, errors).predict(described.head(0))) == 0


def test_folds_are_of_languages_and_disjoint() -> None:
    drawn = _draw(np.random.default_rng(1), 12)
    folds = fold_of_languages(drawn.errors.index)
    assert sorted(folds.value_counts()) == [1] * 8 + [2] * 2
    fitted = cross_fit(*drawn)
    for fold, expected in enumerate(fitted.without):
        own = fitted.fold == fold
        np.testing.assert_array_equal(expected[own], fitted.own[own])


def test_the_baseline_is_a_quantile_of_quantiles_of_the_others() -> None:
    errors = pd.Series(np.arange(1.0, 13), np.repeat(["a", "b", "c"], 4))
    each = {name: float(np.quantile(errors[name], 0.9)) for name in "abc"}
    widths = pd.Series(by_language_alone(errors, 0.9), errors.index)
    assert widths["a"].unique().tolist() == pytest.approx(
        [np.quantile([each["b"], each["c"]], 0.9)]
    )


def test_a_row_without_interval_is_not_covered() -> None:
    rows = pd.DataFrame(
        {"group": ["a"] * 10 + ["b"] * 10, "observed": 1.0, "lower": 0.5, "upper": 1.5}
    ).assign(baseline_width=2.0)
    assert judge_intervals(rows, 0.9) == (1.0, 1.0, 1.0, 0.5, 0.0)
    rows.loc[:1, ["lower", "upper"]] = np.nan
    judged = judge_intervals(rows, 0.9)
    assert judged.languages_covered == 0.5
    assert judged.coverage == 1.0
    assert judged.abstained == pytest.approx(0.1)
    assert math.isnan(judge_intervals(rows.assign(lower=np.nan), 0.9).languages_covered)


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
    drawn = _draw(np.random.default_rng(1), 4)
    with pytest.raises(UsageError, match="between 0 and 1"):
        calibrate(*drawn, (level,))
