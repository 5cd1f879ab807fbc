"""Regressors: each learns, survives absent scores and storage; the paper's give its figures."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from proxylm.errors import UsageError
from proxylm.predictor import Frames, Inputs, build_inputs, fit, forecast, targets
from proxylm.predictor.comparison import Experiment, cell_of, choose
from proxylm.predictor.frames import Records
from proxylm.predictor.protocols import PROTOCOLS, lolo
from proxylm.predictor.quality import fit_rows, held_out, rmse
from proxylm.predictor.regressors import REGRESSORS, WithSpread, make
from proxylm.predictor.store import Predictor

MakeFrames = Callable[..., Frames]
NAIVE = {"train-mean", "copy-best-proxy", "language-effects", "one-proxy-line"}
SLOW = {"lightgbm-paper"}
FAST = [name for name in REGRESSORS if name not in SLOW]


@pytest.fixture(scope="module")
def rows(make_frames: MakeFrames) -> Inputs:
    frames = make_frames(task="mt", n_languages=10, missing=0.1)
    return build_inputs(frames, targets(frames)[0]).training()


@pytest.mark.parametrize("name", FAST)
def test_what_is_stored_predicts_the_same(rows: Inputs, name: str) -> None:
    fitted = fit_rows(rows, make(name, rows.line_columns))
    state = json.loads(json.dumps(fitted.get_state()))
    again = make(name, ()).set_params(**json.loads(json.dumps(fitted.get_params())))
    said = again.set_state(state).predict(rows.X, rows.settings)
    np.testing.assert_allclose(said, fitted.predict(rows.X, rows.settings), rtol=0, atol=1e-9)
    assert said.shape == (len(rows.y),)
    assert np.isfinite(said).all()


@pytest.mark.parametrize("name", [name for name in FAST if name not in NAIVE])
def test_a_language_held_out_is_predicted_better_than_by_the_mean(rows: Inputs, name: str) -> None:
    split = lolo(rows.settings)
    table = held_out(rows, replace(split, folds=split.folds[2::3]), name)
    assert rmse(table, name) < 0.75 * rmse(table, "train-mean")


@pytest.mark.parametrize("name", FAST)
def test_one_proxy_is_enough_to_predict(rows: Inputs, name: str) -> None:
    fitted = fit_rows(rows, make(name, rows.line_columns))
    X = rows.X.head(2).copy()
    X[rows.line_columns[1:]] = np.nan
    assert np.isfinite(fitted.predict(X, rows.settings.head(2))).all()


def test_a_predictor_that_uses_settings_is_kept_and_forecasts(
    make_frames: MakeFrames, tmp_path: Path
) -> None:
    frames = make_frames(n_observed_sources=8)
    inputs = build_inputs(frames, targets(frames)[0])
    predictor = fit(inputs, "mf", protocols=["lolo"]).predictor
    predictor.save(tmp_path / "it")
    loaded = Predictor.load(tmp_path / "it")
    pd.testing.assert_frame_equal(forecast(loaded, inputs), forecast(predictor, inputs))
    with pytest.raises(UsageError, match="uses the settings"):
        loaded.predict(inputs.X)


def test_the_best_proxy_is_copied_and_the_next_stands_in_for_it(rows: Inputs) -> None:
    fitted = fit_rows(rows, make("copy-best-proxy", rows.line_columns))
    own = "own:big/zero_shot/spBLEU"  # 0.8 of the truth, the nearest
    said = fitted.predict(rows.X)
    present = rows.X[own].notna().to_numpy()
    assert (said[present] == rows.X[own][present]).all()
    assert np.isfinite(said).all()


def test_language_effects_add_up() -> None:
    names = ["a", "b", "c"]
    settings = pd.DataFrame(
        [(s, t) for s in names for t in names], columns=["source_lang", "target_lang"]
    )
    value = {"a": 0.0, "b": 10.0, "c": 20.0}
    y = settings["source_lang"].map(value) + 2 * settings["target_lang"].map(value)
    fitted = make("language-effects", (), alpha=1e-6).fit(settings[[]], y, settings)
    np.testing.assert_allclose(fitted.predict(settings[[]], settings), y, atol=1e-3)
    new = pd.DataFrame({"source_lang": ["x"], "target_lang": ["c"]})
    assert fitted.predict(new[[]], new)[0] == pytest.approx(y.mean() + 20, abs=1e-3)


def test_the_bayesian_spread_covers_what_it_says(rows: Inputs) -> None:
    random = np.random.default_rng(0)
    X = pd.DataFrame(random.normal(size=(400, 5))).rename(columns=str)
    y = X @ np.arange(5.0) + random.normal(0, 2, 400)
    fitted = make("bayes", ()).fit(X[:200], y[:200])
    assert isinstance(fitted, WithSpread)
    errors = (y[200:] - fitted.predict(X[200:])).abs()
    assert 0.9 < (errors < 1.96 * fitted.predict_std(X[200:])).mean() < 0.99


def test_an_unknown_regressor_is_refused_with_those_there_are() -> None:
    with pytest.raises(UsageError, match=r"'xgb'.*lightgbm, .*train-mean"):
        make("xgb", ())


# The paper's own figures (data/published_errors.csv) and how near the same settings come. The
# polynomials are nearer to the scores than published, for they are held to the metric's range.
REPRODUCED = [
    ("m2m100", "random", "poly2", 5.2168, 0.02),
    ("m2m100", "random", "xgboost", 3.2052, 0.03),
    ("m2m100", "lolo", "poly2", 4.8894, 0.03),
    ("m2m100", "lolo", "lightgbm-paper-fixed", 3.8906, 0.03),
    ("nllb", "lolo", "lightgbm-paper-fixed", 5.1005, 0.03),
    ("m2m100", "random", "lightgbm-paper", 3.4579, 0.01),
]


@pytest.mark.parametrize(
    ("model", "protocol", "name", "published", "within"),
    [REPRODUCED[0], *(pytest.param(*case, marks=pytest.mark.slow) for case in REPRODUCED[1:])],
)
def test_the_papers_settings_give_its_figures(
    release: list[Records], model: str, protocol: str, name: str, published: float, within: float
) -> None:
    (mt560,) = (read for read in release if read.name == "mt560")
    experiment = Experiment(mt560.name, mt560.frames, mt560.order)
    ((_, target),) = choose([experiment], metric="spBLEU", model=model)
    rows = cell_of(experiment, target).inputs
    table = held_out(rows, PROTOCOLS[protocol](rows.settings), name)
    assert rmse(table, name) == pytest.approx(published, rel=within)
