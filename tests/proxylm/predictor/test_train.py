"""Fitting as a whole: forecasts for what is not observed, out-of-fold values for what is."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from proxylm.errors import InputError, UsageError
from proxylm.predictor import Frames, build_inputs, fit, forecast, targets

MakeFrames = Callable[..., Frames]
COLUMNS = ["value", "lower", "upper", "level", "status", "reason"]


def test_every_setting_gets_one_prediction_or_a_reason(make_frames: MakeFrames) -> None:
    frames = make_frames(n_observed_sources=6, missing=0.3)
    inputs = build_inputs(frames, targets(frames)[0])
    predictor, _, out_of_fold = fit(inputs, protocols=["lolo"])
    forecasts = forecast(predictor, inputs)
    both = pd.concat([out_of_fold, forecasts])
    assert both.columns.tolist() == out_of_fold.columns.tolist() == COLUMNS
    assert sorted(both.index) == inputs.X.index.tolist()
    abstained = both["status"] == "abstained"
    assert 0 < abstained.sum() < len(both)
    assert both.loc[abstained, "reason"].str.startswith("no proxy score: evaluate one of").all()
    assert both.loc[~abstained, "value"].between(0, 100).all()
    assert both.loc[~abstained, "level"].eq(0.9).all()


@pytest.mark.slow
def test_forecasts_are_right_about_as_often_as_they_say(make_frames: MakeFrames) -> None:
    covered = []
    for seed in range(8):
        whole = make_frames(n_languages=14, seed=seed)
        part = make_frames(n_languages=14, n_observed_sources=7, seed=seed)
        target = targets(part)[0]
        inputs = build_inputs(part, target)
        said = forecast(fit(inputs, protocols=["lolo"]).predictor, inputs)
        truth = build_inputs(whole, target).y[said.index]
        covered.append(truth.between(said["lower"], said["upper"]).mean())
    assert np.mean(covered) >= 0.88


def test_shuffled_rows_give_identical_predictions(make_frames: MakeFrames) -> None:
    frames = make_frames(n_observed_sources=6, missing=0.1)
    scores = frames.setting_scores.sample(frac=1, random_state=5)
    shuffled = Frames(frames.settings.iloc[::-1], scores, frames.features, frames.models)
    first, second = (
        fit(build_inputs(f, targets(f)[0]), protocols=["random"]) for f in (frames, shuffled)
    )
    pd.testing.assert_frame_equal(first.out_of_fold, second.out_of_fold)
    pd.testing.assert_frame_equal(first.quality.table(), second.quality.table())
    assert first.predictor.predictor_id == second.predictor.predictor_id


def test_few_languages_give_values_without_intervals(make_frames: MakeFrames) -> None:
    frames = make_frames(n_languages=6, n_observed_sources=5)
    inputs = build_inputs(frames, targets(frames)[0])
    predictor, quality, out_of_fold = fit(inputs, protocols=["lolo"])
    for said in (out_of_fold, forecast(predictor, inputs)):
        assert said["value"].notna().all()
        assert said[["lower", "upper", "level"]].isna().all(axis=None)
        assert said["reason"].str.contains(r"no 90% interval: .* [56] languages, 9 needed").all()
    assert "coverage" not in set(quality.table()["statistic"])


def test_what_cannot_be_fitted_is_an_error_a_person_can_act_on(make_frames: MakeFrames) -> None:
    frames = make_frames(n_languages=4)
    target = targets(frames, minimum_rows=5)[0]
    with pytest.raises(InputError, match=r"16 observed settings .* more settings"):
        fit(build_inputs(frames, target))
    good = make_frames()
    with pytest.raises(UsageError, match="'xgb'"):
        fit(build_inputs(good, targets(good)[0]), regressor="xgb")
