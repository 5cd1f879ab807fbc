"""What to evaluate next: what tells most per hour, within a budget, at prices as known."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from proxylm.predictor import Frames, build_inputs, fit, targets
from proxylm.predictor.recommend import Prices, recommend, within

MakeFrames = Callable[..., Frames]


def prices(**other: float) -> Prices:
    """`big` trained in 100 s and tested in 10 s; `small` ten times as fast."""
    rows = [("big", "fine_tuned", 1.0), ("small", "fine_tuned", 0.1)]
    return Prices(
        pd.DataFrame(
            [
                (name, mode, "intent", 1, 100 * x, np.nan, 1, 10 * x, np.nan)
                for name, mode, x in rows
                if other.get(name, 1.0)
            ],
            columns=[
                "model_id", "mode", "task", "trainings", "train_seconds", "seconds_per_train_line",
                "evaluations", "test_seconds", "seconds_per_test_line",
            ],
        ),
        {"big": 1000.0, "small": 100.0},
        {},
    )  # fmt: skip


@pytest.fixture(scope="module")
def table(make_frames: MakeFrames) -> pd.DataFrame:
    return recommended(make_frames, prices())


def recommended(make_frames: MakeFrames, at: Prices) -> pd.DataFrame:
    frames = make_frames(n_observed_sources=8, missing=0.05)
    inputs = build_inputs(frames, targets(frames)[0])
    return recommend(fit(inputs, protocols=["by_run"]).predictor, inputs, at)


def test_a_training_and_its_tests_are_one_unit(table: pd.DataFrame) -> None:
    units = table[table["role"] == "estimated"]
    assert set(units["source_lang"]) == {f"l{i:02d}_Latn" for i in range(8, 12)}
    assert (units["target_lang"] == "*").all()
    assert units["device_seconds"].between(100, 100 + 12 * 10).all()
    assert (units["expected_error_drop"] > 0).all()
    assert table["drop_per_hour"].is_monotonic_decreasing


def test_a_budget_is_kept_and_unknown_costs_do_not_fit(table: pd.DataFrame) -> None:
    kept = within(table, 500)
    assert 0 < len(kept) < len(table)
    assert kept["device_seconds"].sum() <= 500
    unknown = table.assign(device_seconds=np.nan)
    assert within(unknown, 1e9).empty


def test_the_cost_of_a_model_that_never_ran_is_scaled_by_parameters(
    make_frames: MakeFrames,
) -> None:
    scaled = recommended(make_frames, prices(big=0))
    units = scaled[scaled["role"] == "estimated"]
    assert (units["cost_basis"] == "scaled").all()
    assert units["device_seconds"].between(100, 100 + 12 * 10).all()  # 10 s and 1 s, ten times
    unknown = recommended(make_frames, Prices(prices().throughput.iloc[:0], {}, {}))
    assert unknown[["device_seconds", "drop_per_hour"]].isna().all(axis=None)
    assert unknown["expected_error_drop"].is_monotonic_decreasing


def test_a_setting_without_a_proxy_score_asks_for_the_cheapest_proxy(
    make_frames: MakeFrames,
) -> None:
    frames = make_frames(n_observed_sources=8)
    bare = frames.settings.loc[frames.settings["source_lang"] == "l11_Latn", "setting_key"]
    scores = frames.setting_scores
    scores = scores[~scores["setting_key"].isin(bare)]
    frames = Frames(frames.settings, scores, frames.features, frames.models)
    inputs = build_inputs(frames, targets(frames)[0])
    table = recommend(fit(inputs, protocols=["by_run"]).predictor, inputs, prices())
    asked = table[table["role"] == "proxy"]
    assert asked[["model_id", "source_lang", "settings"]].to_numpy().tolist() == [
        ["small", "l11_Latn", 12]
    ]
    assert asked["device_seconds"].tolist() == pytest.approx([22.0])  # 10 s + 12 tests of 1 s


def test_of_too_many_settings_some_whole_units_are_weighed(
    make_frames: MakeFrames, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxylm.predictor.recommend.MAXIMUM_SETTINGS", 30)
    units = recommended(make_frames, prices())
    units = units[units["role"] == "estimated"]
    assert 1 <= len(units) <= 2  # of four with up to twelve settings each
    assert (units["settings"] >= 9).all()
