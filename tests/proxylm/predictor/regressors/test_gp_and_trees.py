"""The default blend and its Gaussian process: honest, repeatable, stored, better than naive."""

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from proxylm.predictor import Frames, Inputs, build_inputs, targets
from proxylm.predictor.protocols import PROTOCOLS, Split
from proxylm.predictor.quality import fit_rows, held_out, rmse
from proxylm.predictor.regressors import Regressor, make
from proxylm.predictor.regressors.gp import GaussianProcess
from proxylm.predictor.regressors.gp_and_trees import GaussianProcessAndTrees

MakeFrames = Callable[..., Frames]
NAMES = ("gp", "gp-and-trees")


def _inputs(frames: Frames) -> Inputs:
    return build_inputs(frames, targets(frames)[0]).training()


def _fitted(rows: Inputs, name: str) -> Regressor:
    return fit_rows(rows, make(name, rows.line_columns))


@pytest.mark.parametrize("name", NAMES)
def test_held_out_scores_change_no_prediction(make_frames: MakeFrames, name: str) -> None:
    rows = _inputs(make_frames(task="mt", n_languages=5))
    fold = PROTOCOLS["lolo"](rows.settings).folds[2]
    test = np.concatenate(list(fold.tests.values()))
    garbage = rows.y.copy()
    garbage.iloc[test] = np.random.default_rng(1).uniform(0, 1000, len(test))
    split = Split("lolo", (fold,))
    said = [held_out(replace(rows, y=y), split, name)[name] for y in (rows.y, garbage)]
    np.testing.assert_allclose(*said, rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_the_order_of_rows_changes_nothing(make_frames: MakeFrames, name: str) -> None:
    rows = _inputs(make_frames(n_languages=8))
    order = np.random.default_rng(3).permutation(len(rows.y))
    shuffled = replace(
        rows,
        X=rows.X.iloc[order],
        y=rows.y.iloc[order],
        half_width=rows.half_width.iloc[order],
        settings=rows.settings.iloc[order],
    )
    said = [_fitted(x, name).predict(rows.X, rows.settings) for x in (rows, shuffled)]
    np.testing.assert_allclose(*said, rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_its_state_is_json_and_says_the_same(make_frames: MakeFrames, name: str) -> None:
    rows = _inputs(make_frames(n_languages=8, missing=0.3))
    fitted = _fitted(rows, name)
    again = make(name, rows.line_columns).set_state(json.loads(json.dumps(fitted.get_state())))
    for method in ("predict", "predict_std"):
        said = [getattr(x, method)(rows.X, rows.settings) for x in (fitted, again)]
        np.testing.assert_array_equal(*said)


@pytest.mark.parametrize("name", NAMES)
def test_one_proxy_and_an_unknown_language_are_enough(make_frames: MakeFrames, name: str) -> None:
    rows = _inputs(make_frames(n_languages=10))
    fitted = _fitted(rows, name)
    one = pd.DataFrame(np.nan, index=["low", "high"], columns=rows.X.columns)
    one["proxy:small/fine_tuned/accuracy"] = [15.0, 45.0]
    nowhere = rows.settings.iloc[:2].assign(source_lang="x", target_lang="y", language="y")
    low, high = fitted.predict(one, nowhere)
    assert 0 < low < high < 100


def test_many_rows_are_stood_for_by_some(make_frames: MakeFrames) -> None:
    rows = _inputs(make_frames(n_languages=15))
    exact, projected = (
        fit_rows(rows, GaussianProcess(n_exact=n, n_inducing=120)) for n in (1000, 200)
    )
    said = exact.predict(rows.X, rows.settings), projected.predict(rows.X, rows.settings)
    assert np.corrcoef(*said)[0, 1] > 0.98
    again = GaussianProcess().set_state(json.loads(json.dumps(projected.get_state())))
    np.testing.assert_array_equal(again.predict(rows.X, rows.settings), said[1])


def test_it_knows_where_it_knows_little(make_frames: MakeFrames) -> None:
    rows = _inputs(make_frames(n_languages=12))
    languages = rows.settings[["source_lang", "target_lang"]]
    seen = languages.ne("l03_Latn").all(axis=1).to_numpy()
    fitted = fit_rows(rows.take(seen), GaussianProcess())
    spread = fitted.predict_std(rows.X, rows.settings)
    assert spread[~seen].mean() > 1.2 * spread[seen].mean()


def test_the_process_counts_more_for_a_run_that_is_known(make_frames: MakeFrames) -> None:
    rows = _inputs(make_frames(n_languages=8))
    fitted = fit_rows(rows, GaussianProcessAndTrees(rows.line_columns))
    process = fitted.process_.predict(rows.X, rows.settings)
    trees = fitted.trees_.predict(rows.X)
    of_known = fitted.predict(rows.X, rows.settings)
    np.testing.assert_allclose(of_known, 0.7 * process + 0.3 * trees)
    new = rows.settings.assign(run_group="another")
    process = fitted.process_.predict(rows.X, new)
    np.testing.assert_allclose(fitted.predict(rows.X, new), 0.3 * process + 0.7 * trees)


def test_rows_alike_in_everything_and_a_constant_column_do_no_harm() -> None:
    X = pd.DataFrame({"proxy:a/x/m": [1.0, 2.0, 3.0, 4.0] * 6, "feature:c": 5.0})
    y = 2 * X["proxy:a/x/m"]
    for fitted in (make(name, ["proxy:a/x/m"]).fit(X, y) for name in NAMES):
        np.testing.assert_allclose(fitted.predict(X), y, atol=0.5)


@pytest.mark.slow
@pytest.mark.parametrize("metadata", [True, False])
def test_it_beats_trees_and_a_ridge_on_languages_held_out(
    published: dict[str, Frames], metadata: bool
) -> None:
    frames = published["intent"]
    rows = build_inputs(frames, targets(frames)[0], metadata=metadata).training()
    split = PROTOCOLS["lolo"](rows.settings)
    few = replace(split, folds=split.folds[::8])
    said = held_out(rows, few, ["proxylm-ops", "lightgbm", "ridge"])
    for other in ("lightgbm", "ridge"):
        assert rmse(said, "proxylm-ops") < rmse(said, other)
