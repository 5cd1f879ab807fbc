"""Comparing scores of which some are predicted: probabilities that come true."""

import numpy as np
import pytest

from proxylm.predictor.compare import Field, compare

RNG = np.random.default_rng


def field(n_languages: int = 40, each: int = 12, shared: float = 0.0, seed: int = 0) -> Field:
    """Three competitors; errors have a part of their own and a `shared` one, by language."""
    random = RNG(seed)
    n = n_languages * each
    language = np.repeat([f"l{i}" for i in range(n_languages)], each).astype(object)
    predicted = 50 + random.normal(0, 4, (n, 3))
    common = np.repeat(random.normal(0, 1, n_languages), each)[:, None]
    own = random.standard_t(4, (n, 3))
    observed = predicted + 5 * (shared * common + (1 - shared) * own)
    return Field(predicted, np.full((n, 3), 5.0), observed, np.full((n, 3), 0.3), language)


def hide(whole: Field, rows: np.ndarray, columns: list[int]) -> Field:
    observed = whole.observed.copy()
    observed[np.ix_(rows, columns)] = np.nan
    return whole._replace(observed=observed)


@pytest.mark.parametrize("columns", [[0, 1, 2], [0, 2]])
def test_what_is_said_to_be_best_is_best_as_often(columns: list[int]) -> None:
    said, true, lost, expected = [], [], [], []
    for seed in range(4):
        whole = field(seed=seed)
        rows = np.flatnonzero(np.isin(whole.language, [f"l{i}" for i in range(10)]))
        outlook = compare(hide(whole, rows, columns))
        truth = whole.observed[rows]
        said.append(outlook.probability_best[rows])
        true.append(truth == truth.max(axis=1, keepdims=True))
        expected.append(outlook.expected_regret[rows])
        lost.append(truth.max(axis=1, keepdims=True) - truth)
    p, hit = np.concatenate(said).ravel(), np.concatenate(true).ravel()
    np.testing.assert_allclose(np.concatenate(said).sum(axis=1), 1)
    for low in (0.0, 0.25, 0.5, 0.75):
        bin_ = (p >= low) & (p < low + 0.25)
        assert abs(hit[bin_].mean() - p[bin_].mean()) < 0.08
    assert np.concatenate(expected).mean() == pytest.approx(np.concatenate(lost).mean(), rel=0.15)


def test_models_that_err_together_are_told_apart_more_surely() -> None:
    shares = []
    for shared in (0.0, 0.95):
        whole = field(shared=shared)
        outlook = compare(hide(whole, np.arange(60), [0, 1, 2]))
        shares.append(outlook.probability_best[:60].max(axis=1).mean())
    assert shares[1] > shares[0] + 0.15


def test_observed_scores_differ_by_their_noise_alone() -> None:
    whole = field(each=1, n_languages=2)
    observed = np.array([[50.0, 50.3, 10.0], [50.0, 50.0, np.nan]])
    outlook = compare(whole._replace(observed=observed, predicted=np.full((2, 3), np.nan)))
    near, far = outlook.probability_best[0, 1], outlook.probability_best[0, 2]
    assert 0.65 < near < 0.85  # 0.3 apart, each known to 0.3
    assert far < 0.01
    assert outlook.probability_best[1, :2] == pytest.approx([0.5, 0.5], abs=0.05)
    assert np.isnan(outlook.probability_best[1, 2])
    assert outlook.expected_regret[0, 2] == pytest.approx(40.3, abs=0.3)


def test_a_model_that_was_never_graded_gets_no_claim() -> None:
    whole = field(n_languages=12)
    rows = np.arange(len(whole.language))
    outlook = compare(hide(whole, rows, [1]))
    assert np.isnan(outlook.expected_regret).all()
    alone = compare(whole._replace(predicted=np.full_like(whole.predicted, np.nan)))
    assert np.isfinite(alone.expected_regret).all()  # all observed: nothing is predicted


def test_a_single_competitor_is_the_best() -> None:
    whole = field(n_languages=3)
    only = compare(Field(*(a[:, :1] for a in whole[:4]), language=whole.language))
    assert (only.probability_best == 1).all()
    assert (only.expected_regret == 0).all()
