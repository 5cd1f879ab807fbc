"""Stored predictors: the same after reloading, refused when damaged, silent where blind."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from proxylm.errors import InputError, UsageError
from proxylm.predictor import (
    Frames,
    Inputs,
    Predictor,
    build_inputs,
    fingerprint,
    fit,
    forecast,
    store,
    targets,
)

MakeFrames = Callable[..., Frames]


@pytest.fixture(scope="module")
def inputs(make_frames: MakeFrames) -> Inputs:
    frames = make_frames(n_observed_sources=6, missing=0.1)
    return build_inputs(frames, targets(frames)[0])


@pytest.fixture(scope="module")
def predictor(inputs: Inputs) -> Predictor:
    return fit(inputs, protocols=["lolo"]).predictor


@pytest.mark.parametrize("regressor", ["lightgbm", "one-proxy-line", "train-mean"])
def test_a_reloaded_predictor_says_the_same(inputs: Inputs, regressor: str, tmp_path: Path) -> None:
    predictor = fit(inputs, regressor, protocols=["lolo"]).predictor
    predictor.save(tmp_path / "predictors" / "it")
    loaded = Predictor.load(tmp_path / "predictors" / "it")
    assert loaded.predictor_id == predictor.predictor_id
    pd.testing.assert_frame_equal(forecast(loaded, inputs), forecast(predictor, inputs))
    assert [p.name for p in (tmp_path / "predictors").iterdir()] == ["it"]
    predictor.save(tmp_path / "predictors" / "it")  # again: left alone


def test_the_id_is_known_before_fitting(inputs: Inputs, predictor: Predictor) -> None:
    assert fingerprint(inputs) == predictor.predictor_id
    assert fingerprint(inputs, "train-mean") != predictor.predictor_id
    better = replace(inputs, y=inputs.y + 0.001)
    assert fingerprint(better) != predictor.predictor_id
    again = fit(inputs, protocols=["lolo"]).predictor
    assert again.regressor.get_state() == predictor.regressor.get_state()


def test_a_changed_file_is_refused_by_name(predictor: Predictor, tmp_path: Path) -> None:
    folder, name = tmp_path / "it", "predictor.json"
    predictor.save(folder)
    file = folder / name
    file.write_text(file.read_text().replace("1", "2", 1))
    with pytest.raises(InputError, match=rf"{name} is not as it was written.*retrain"):
        Predictor.load(folder)
    file.unlink()
    with pytest.raises(InputError, match=rf"{name} is missing.*retrain"):
        Predictor.load(folder)
    with pytest.raises(InputError, match=r"other is missing: backups.*no predictors.*retrain"):
        Predictor.load(tmp_path / "other")


def test_another_format_is_refused(
    predictor: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "FORMAT", 5)
    predictor.save(tmp_path / "it")
    monkeypatch.undo()
    with pytest.raises(InputError, match=r"format 5 and this program reads format 4"):
        Predictor.load(tmp_path / "it")


def test_the_signature_says_what_could_change_the_numbers(predictor: Predictor) -> None:
    written = json.loads(json.dumps(predictor.signature))
    assert written["regressor"] == "lightgbm"
    assert written["parameters"]["seed"] == 42
    assert {"columns", "rows", "code", "packages", "feature_set", "input_set"} <= set(written)


def test_a_row_without_proxies_is_an_abstention(inputs: Inputs, predictor: Predictor) -> None:
    X = inputs.X.head(3).copy()
    X.loc[X.index[0], inputs.proxy_columns] = np.nan
    X.loc[X.index[1], inputs.proxy_columns[0]] = np.nan
    X.loc[X.index[1], inputs.proxy_columns[1]] = 20.0
    said = predictor.predict(X)
    assert said["status"].tolist()[:2] == ["abstained", "predicted"]
    assert said.iloc[0][["value", "lower", "upper", "level"]].isna().all()
    assert said["reason"].iloc[0] == (
        "no proxy score: evaluate one of small/fine_tuned, tiny/from_scratch"
    )
    assert np.isfinite(said["value"].iloc[1])
    assert said["reason"].iloc[1] is None


def test_columns_are_found_by_name(inputs: Inputs, predictor: Predictor) -> None:
    turned = inputs.X[inputs.X.columns[::-1]].assign(more=1.0)
    pd.testing.assert_frame_equal(predictor.predict(turned), predictor.predict(inputs.X))
    assert predictor.predict(inputs.X.head(0)).empty


def test_a_higher_level_is_wider_until_there_is_none(inputs: Inputs, predictor: Predictor) -> None:
    X = inputs.X[inputs.has_proxy]
    narrow, wide = predictor.predict(X, 0.5), predictor.predict(X, 0.9)
    assert (wide["upper"] - wide["lower"] >= narrow["upper"] - narrow["lower"]).all()
    none = predictor.predict(X, 0.99)
    assert none[["lower", "upper", "level"]].isna().all(axis=None)
    assert (none["status"] == "predicted").all()
    assert "99% interval" in none["reason"].iloc[0]
    with pytest.raises(UsageError):
        predictor.predict(X, 90)
