"""The search looks at the training rows alone and is worth its time where defaults are bad."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from proxylm.errors import InputError
from proxylm.predictor import Frames, Inputs, build_inputs, targets
from proxylm.predictor.protocols import lolo
from proxylm.predictor.quality import held_out, rmse
from proxylm.predictor.regressors import REGRESSORS, make
from proxylm.predictor.tuning import SPACES, tuned

MakeFrames = Callable[..., Frames]


@pytest.fixture(scope="module")
def rows(make_frames: MakeFrames) -> Inputs:
    frames = make_frames(task="mt", n_languages=8)
    return build_inputs(frames, targets(frames)[0]).training()


def test_every_range_is_of_a_parameter_and_holds_its_default(rows: Inputs) -> None:
    for name, space in SPACES.items():
        defaults = make(name, rows.line_columns).get_params()
        for parameter, (low, high, _) in space.items():
            assert low <= defaults[parameter] <= high, (name, parameter)
    assert set(SPACES) <= set(REGRESSORS)


def test_a_search_is_deterministic_and_blind_to_the_language_held_out(rows: Inputs) -> None:
    pytest.importorskip("optuna")
    held = "l02_Latn"
    has_it = (rows.settings[["source_lang", "target_lang"]] == held).any(axis=1)
    garbage = replace(rows, y=rows.y.where(~has_it, 99.0))

    whole = lolo(rows.settings)
    fold = next(fold for fold in whole.folds if fold.group == held)
    only = replace(whole, folds=(fold,))
    one, two = (held_out(of, only, "ridge", n_trials=4)["ridge"] for of in (rows, garbage))
    np.testing.assert_array_equal(one, two)


def test_it_finds_what_the_rows_ask_for(rows: Inputs) -> None:
    pytest.importorskip("optuna")
    found = tuned("ridge", rows, 8)
    assert set(found) == {"alpha"}
    assert tuned("train-mean", rows, 8) == {}
    whole = lolo(rows.settings)
    two = replace(whole, folds=whole.folds[::4])
    plain, searched = (held_out(rows, two, "ridge", n_trials=n) for n in (0, 5))
    assert rmse(searched, "ridge") <= 1.02 * rmse(plain, "ridge")


def test_one_language_cannot_be_tuned_on(rows: Inputs) -> None:
    pytest.importorskip("optuna")
    one = rows.take((rows.settings["language"] == "l01_Latn").to_numpy())
    with pytest.raises(InputError, match="have one"):
        tuned("ridge", one, 2)
