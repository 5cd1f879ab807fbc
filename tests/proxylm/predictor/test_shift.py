"""Shift: nothing changes near the training settings; far from them wider, then silent."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from proxylm.predictor import Frames, Inputs, Predictor, build_inputs, fit, targets
from proxylm.predictor.regressors import make
from proxylm.predictor.regressors.shift_aware import ShiftAware
from proxylm.predictor.shift import LIMIT, Shift

MakeFrames = Callable[..., Frames]


@pytest.fixture(scope="module")
def inputs(make_frames: MakeFrames) -> Inputs:
    frames = make_frames(task="mt", n_languages=10)
    return build_inputs(frames, targets(frames)[0]).training()


@pytest.fixture(scope="module")
def shift(inputs: Inputs) -> Shift:
    return Shift().fit(inputs.X, pd.Index(inputs.settings["language"]))


@pytest.fixture(scope="module")
def predictor(inputs: Inputs) -> Predictor:
    return fit(inputs, protocols=["lolo"]).predictor


def test_training_settings_are_near(inputs: Inputs, shift: Shift) -> None:
    assert shift.distance(inputs.X).max() <= 1
    assert (shift.widening(inputs.X) == 1).all()
    assert shift.reasons(inputs.X) == [None] * len(inputs.X)


def test_distance_grows_with_each_input_and_knows_how_inputs_go_together() -> None:
    random = np.random.default_rng(0)
    one = random.normal(size=400)
    X = pd.DataFrame({"one": one, "two": one + 0.1 * random.normal(size=400)})
    shift = Shift().fit(X, pd.Index(np.repeat([f"l{i}" for i in range(8)], 50)))
    rows = pd.DataFrame({"one": [0.0, 2, 2, 9], "two": [0.0, 2, -2, 9]})
    at_home, along, against, far = shift.distance(rows)
    assert at_home < along < against
    assert along < far
    assert shift.distance(rows.assign(two=np.nan))[0] == pytest.approx(at_home, abs=0.05)


def test_the_order_of_the_rows_makes_no_difference(inputs: Inputs, shift: Shift) -> None:
    order = np.random.default_rng(0).permutation(len(inputs.X))
    languages = pd.Index(inputs.settings["language"])[order]
    other = Shift().fit(inputs.X.iloc[order], languages)
    np.testing.assert_allclose(other.distance(inputs.X), shift.distance(inputs.X), atol=1e-9)
    again = Shift().set_state(shift.get_state())
    np.testing.assert_array_equal(again.distance(inputs.X), shift.distance(inputs.X))


def test_farther_settings_get_wider_intervals_and_then_none(
    inputs: Inputs, shift: Shift, predictor: Predictor
) -> None:
    X = inputs.X.head(1)
    off = (inputs.X.max() - inputs.X.mean()).to_numpy()
    rows = pd.concat([X, *(X + steps * off for steps in (0.5, 1, 2, 4, 8, 16))])
    distance = shift.distance(rows)
    assert distance[-1] > LIMIT
    said = predictor.predict(rows.set_axis(range(len(rows))))
    silent = distance > LIMIT
    assert (said["status"] == np.where(silent, "abstained", "predicted")).all()
    assert said.loc[silent, ["value", "lower", "upper", "level"]].isna().all(axis=None)
    reason = said["reason"].iloc[-1]
    assert reason.startswith("too unlike the training settings: ")
    assert any(reason.endswith(f"most unusual is {column}") for column in rows)
    far = np.flatnonzero((distance > 1) & ~silent)
    unmoved = replace(predictor, shift=Shift().set_state(shift.get_state() | {"unit": 1e9}))
    without = unmoved.predict(rows.set_axis(range(len(rows))))
    for row in far:
        wide = said.loc[row, "upper"] - said.loc[row, "lower"]
        assert wide >= without.loc[row, "upper"] - without.loc[row, "lower"]


def test_a_known_corpus_is_left_to_the_base_and_a_new_one_leans_on_the_proxy(
    inputs: Inputs,
) -> None:
    base = make("lightgbm", inputs.line_columns).fit(inputs.X, inputs.y)
    aware = ShiftAware(inputs.line_columns, base="lightgbm").fit(
        inputs.X, inputs.y, inputs.settings
    )
    np.testing.assert_array_equal(aware.predict(inputs.X, inputs.settings), base.predict(inputs.X))
    half_new = inputs.settings.assign(train_corpus="other")
    np.testing.assert_array_equal(aware.predict(inputs.X, half_new), base.predict(inputs.X))
    new = half_new.assign(test_corpus="other")
    weight = aware.weight(inputs.X, new)
    assert (weight <= aware.trust).all()
    assert weight.max() == pytest.approx(aware.trust)
    np.testing.assert_allclose(
        aware.predict(inputs.X, new),
        weight * base.predict(inputs.X) + (1 - weight) * aware.plain_.predict(inputs.X),
    )
    assert (aware.weight(inputs.X * 100, new) < 0.1).all()
    again = ShiftAware(inputs.line_columns, base="lightgbm").set_state(aware.get_state())
    np.testing.assert_array_equal(again.predict(inputs.X, new), aware.predict(inputs.X, new))


def test_an_input_that_never_varied_has_no_measure(inputs: Inputs) -> None:
    X = inputs.X.assign(constant=200.0)
    shift = Shift().fit(X, pd.Index(inputs.settings["language"]))
    near = shift.distance(X)
    np.testing.assert_allclose(shift.distance(X.assign(constant=180.0)), near)
    assert shift.reasons(X.assign(constant=0.0)) == shift.reasons(X)


def test_a_proxy_on_another_scale_is_not_copied(inputs: Inputs) -> None:
    def plain_name(y: pd.Series) -> str:
        fitted = ShiftAware(inputs.line_columns, base="ridge").fit(inputs.X, y, inputs.settings)
        return fitted.plain_name_

    (first, *_) = inputs.line_columns
    assert plain_name(inputs.X[first]) == "copy"
    assert plain_name(2 * inputs.X[first] + 30) == "line"


@pytest.mark.slow
@pytest.mark.parametrize("metric", ["spBLEU", "comet"])
def test_on_new_corpora_nllb_is_hardly_worse_than_the_copied_proxy(
    published: dict[str, Frames], metric: str
) -> None:
    """Groups of mt560's training corpora as one dataset, the rest as another."""
    frames = published["mt560"]
    (target,) = (t for t in targets(frames) if (t.model_id, t.metric) == ("nllb-1.3b", metric))
    rows = build_inputs(frames, target).training()
    first = rows.settings["train_corpus"].str.startswith("MT560").to_numpy()
    for known in (first, ~first):
        train, test = rows.take(known), rows.take(~known)
        errors = {}
        for name in ("lightgbm-shift-aware", "copy-best-proxy"):
            fitted = make(name, rows.line_columns).fit(train.X, train.y, train.settings)
            errors[name] = ((fitted.predict(test.X, test.settings) - test.y) ** 2).mean() ** 0.5
        assert errors["lightgbm-shift-aware"] <= 1.05 * errors["copy-best-proxy"]
