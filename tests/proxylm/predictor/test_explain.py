"""An explanation adds up to the number it explains, and names settings that are really near."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from proxylm.errors import InputError
from proxylm.predictor import Frames, Inputs, build_inputs, fit, targets
from proxylm.predictor.explain import explain
from proxylm.predictor.quality import fit_rows
from proxylm.predictor.regressors import REGRESSORS, Explaining, make

MakeFrames = Callable[..., Frames]


@pytest.fixture(scope="module")
def inputs(make_frames: MakeFrames) -> Inputs:
    frames = make_frames(n_observed_sources=8, missing=0.2)
    return build_inputs(frames, targets(frames)[0])


EXPLAINING = [name for name in sorted(REGRESSORS) if isinstance(make(name, ()), Explaining)]


@pytest.mark.parametrize("name", EXPLAINING)
def test_contributions_add_up_to_the_prediction(inputs: Inputs, name: str) -> None:
    regressor = fit_rows(inputs.training(), make(name, inputs.line_columns))
    assert isinstance(regressor, Explaining)
    rows = inputs.unobserved()
    parts = regressor.contributions(rows.X, rows.settings)
    assert set(rows.X.columns) | {"base"} <= set(parts.columns)
    predicted = regressor.predict(rows.X, rows.settings)
    np.testing.assert_allclose(parts.sum(axis=1), predicted, rtol=1e-6)


def test_they_add_up_too_where_a_new_corpus_calls_for_the_plain_proxy(
    make_frames: MakeFrames,
) -> None:
    frames = make_frames(task="mt", n_languages=8)
    inputs = build_inputs(frames, targets(frames)[0])
    regressor = fit_rows(inputs.training(), make("lightgbm-shift-aware", inputs.line_columns))
    assert isinstance(regressor, Explaining)
    elsewhere = inputs.settings.assign(train_corpus="new", test_corpus="new")
    parts = regressor.contributions(inputs.X, elsewhere)
    predicted = regressor.predict(inputs.X, elsewhere)
    np.testing.assert_allclose(parts.sum(axis=1), predicted, rtol=1e-6)
    assert not np.allclose(predicted, regressor.predict(inputs.X, inputs.settings))


def test_an_explanation_adds_up_to_the_board(inputs: Inputs) -> None:
    predictor = fit(inputs, protocols=["by_run"]).predictor
    key = str(inputs.unobserved().X.index[inputs.unobserved().has_proxy][0])
    told = explain(predictor, inputs, key)
    total = told.base + told.contributions["contribution"].sum() + told.sharpened + told.cut
    assert total == pytest.approx(told.prediction["value"])
    assert told.cut == pytest.approx(0, abs=1e-6)
    assert told.contributions["contribution"].abs().is_monotonic_decreasing
    assert set(told.missing) == {
        name for name in predictor.columns if np.isnan(inputs.X.loc[key, name])
    }


def test_the_nearest_settings_are_those_with_like_inputs(inputs: Inputs) -> None:
    rows = inputs.observed().take(inputs.observed().has_proxy)
    twin, key = str(rows.X.index[0]), str(inputs.unobserved().X.index[0])
    X = inputs.X.copy()
    X.loc[key] = X.loc[twin]
    changed = Inputs(
        inputs.target, inputs.feature_set, X, inputs.y, inputs.half_width, inputs.settings
    )
    predictor = fit(inputs, "one-proxy-line", protocols=["lolo"]).predictor
    near = explain(predictor, changed, key).nearest
    assert near["setting_key"][0] == twin
    assert near["distance"][0] == 0
    assert near["observed"].notna().all()
    assert near["distance"].is_monotonic_increasing


def test_an_abstention_is_said_with_its_reason(inputs: Inputs) -> None:
    predictor = fit(inputs, "train-mean", protocols=["lolo"]).predictor
    bare = inputs.unobserved().take(~inputs.unobserved().has_proxy).X.index
    if not len(bare):
        key = str(inputs.unobserved().X.index[0])
        X = inputs.X.copy()
        X.loc[key, inputs.proxy_columns] = np.nan
        inputs = Inputs(
            inputs.target, inputs.feature_set, X, inputs.y, inputs.half_width, inputs.settings
        )
        bare = pd.Index([key])
    with pytest.raises(InputError, match="no prediction to explain: no proxy score"):
        explain(predictor, inputs, str(bare[0]))
