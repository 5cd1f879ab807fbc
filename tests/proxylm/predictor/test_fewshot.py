"""A few observed scores sharpen the rest of a language, and never say more than they know."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies

from proxylm.predictor.fewshot import ErrorModel, KnownErrors, effects


def made(seed: int = 0, n_languages: int = 30) -> tuple[pd.DataFrame, pd.Series, pd.Series]:
    """Settings to and from English, with errors of languages (SD 5), corpora (1) and a rest (2)."""
    random = np.random.default_rng(seed)
    rows, errors = [], []
    for number in range(n_languages):
        language, effect = f"l{number:02d}_Latn", random.normal(0, 5)
        for source, target in ((language, "eng_Latn"), ("eng_Latn", language)):
            for train in "ab":
                for test in "abc":
                    group = f"{train}|{source}|{target}"
                    rows.append((language, source, target, train, test, group))
                    errors.append(effect + random.normal(0, 2))
    names = ["language", "source_lang", "target_lang", "train_corpus", "test_corpus", "run_group"]
    keys = [f"k{i:04d}" for i in range(len(rows))]
    frame = pd.DataFrame(rows, columns=names, index=keys)
    return frame, pd.Series(errors, keys), pd.Series(0.5, keys)


def test_the_variances_are_found() -> None:
    frame, errors, noise = made(n_languages=150)
    found = ErrorModel.fit(effects(frame), errors, noise).variances
    assert found["language"] ** 0.5 == pytest.approx(5, rel=0.2)
    assert found["setting"] ** 0.5 == pytest.approx(2, rel=0.15)
    assert found["run group"] ** 0.5 < 0.6


def test_one_score_of_a_language_tells_about_the_others_and_five_tell_more() -> None:
    frame, errors, noise = made()
    model, labels = ErrorModel.fit(effects(frame), errors, noise), effects(frame)
    left = {}
    for k in (0, 1, 5):
        squares, shares, inside = [], [], []
        for language in frame["language"].unique():
            its = np.flatnonzero(frame["language"] == language)
            known = np.setdiff1d(np.arange(len(frame)), its[k:])
            fitted = KnownErrors(model, labels.iloc[known], errors.iloc[known], noise.iloc[known])
            rest = fitted.about(frame.iloc[its[5:]])
            off = errors.iloc[its[5:]] - rest.mean
            squares.append((off**2).mean())
            shares.append(rest.variance.mean())
            inside.append((off.abs() <= 1.645 * np.sqrt(rest.variance)).mean())
        left[k] = np.mean(squares) ** 0.5
        assert left[k] == pytest.approx(np.mean(shares) ** 0.5, rel=0.2)  # as sure as it should be
        assert 0.82 < np.mean(inside) < 0.97
    assert left[1] < 0.65 * left[0]
    assert left[5] < left[1]


def test_a_language_without_any_score_stays_as_it_was() -> None:
    frame, errors, noise = made()
    new = frame["language"] == "l00_Latn"
    known = KnownErrors.fit(frame[~new], errors[~new], noise[~new])
    said = pd.DataFrame(
        {"value": 50.0, "lower": 40.0, "upper": np.nan, "status": "predicted"}, frame.index[new]
    )
    pd.testing.assert_frame_equal(known.sharpen(said, frame[new], "spBLEU"), said)


@settings(max_examples=20, deadline=None)
@given(strategies.data())
def test_more_known_scores_never_make_it_less_sure(data: strategies.DataObject) -> None:
    frame, errors, noise = made(n_languages=4)
    labels = effects(frame)
    model = ErrorModel({"language": 9.0, "side": 1.0, "test corpus": 1.0, "run group": 2.0,
                        "setting": 3.0})  # fmt: skip
    picked = data.draw(strategies.permutations(range(len(frame))))[:20]
    before = None
    for k in (5, 20):
        rows = picked[:k]
        found = model.posterior(labels.iloc[rows], errors.iloc[rows], noise.iloc[rows], labels)
        assert (found.variance <= found.prior_variance + 1e-9).all()
        if before is not None:
            assert (found.variance <= before + 1e-9).all()
        before = found.variance


def test_the_order_of_rows_and_a_round_trip_change_nothing(tmp_path: Path) -> None:
    frame, errors, noise = made()
    noise[::7] = np.nan
    order = np.random.default_rng(1).permutation(len(frame))
    known = KnownErrors.fit(frame, errors, noise)
    shuffled = KnownErrors.fit(frame.iloc[order], errors.iloc[order], noise.iloc[order])
    again = KnownErrors.of_state(json.loads(json.dumps(known.get_state())))
    for other in (shuffled, again):
        for one, two in zip(known.about(frame), other.about(frame), strict=True):
            np.testing.assert_allclose(one, two, atol=1e-9)


def test_covariances_agree_with_the_variances() -> None:
    frame, errors, noise = made(n_languages=6)
    seen = frame.index.isin(frame.index[::3])
    known = KnownErrors.fit(frame[seen], errors[seen], noise[seen])
    rest = frame[~seen]
    variance = np.full(len(rest), np.nan)
    for rows, table in known.covariances(rest):
        variance[rows] = np.diag(table)
        assert np.linalg.eigvalsh(table).min() > 0
    np.testing.assert_allclose(variance, known.about(rest).variance)
