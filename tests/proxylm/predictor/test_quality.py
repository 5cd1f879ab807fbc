"""Quality: errors as defined, no leak from the held-out language, and the published figures."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from proxylm.errors import UsageError
from proxylm.predictor import Frames, Inputs, assess, build_inputs, fit, targets
from proxylm.predictor.protocols import lolo
from proxylm.predictor.quality import BEST_LINE, held_out, rmse

MakeFrames = Callable[..., Frames]


def test_errors_are_means_over_sides_and_then_languages() -> None:
    table = pd.DataFrame(
        [
            ("a", "source", 0, 0.0, 3.0),
            ("a", "source", 1, 0.0, 3.0),
            ("a", "target", 2, 0.0, 1.0),
            ("b", "target", 3, 0.0, 6.0),
        ],
        columns=["group", "part", "row", "observed", "it"],
    )
    assert rmse(table, "it") == ((3 + 1) / 2 + 6) / 2


@pytest.mark.parametrize("task", ["mt", "intent"])
def test_scores_of_the_held_out_language_change_nothing_for_it(
    make_frames: MakeFrames, task: str
) -> None:
    frames = make_frames(task=task, missing=0.1)
    inputs = build_inputs(frames, targets(frames)[0]).training()
    held = "l03_Latn"
    has_it = (inputs.settings[["source_lang", "target_lang"]] == held).any(axis=1)
    noise = pd.Series(np.random.default_rng(0).uniform(0, 100, len(inputs.y)), inputs.y.index)
    garbage = replace(inputs, y=inputs.y.where(~has_it, noise))

    def values(of: Inputs) -> pd.Series:
        table = held_out(of, lolo(of.settings), "lightgbm")
        return table.loc[table["group"] == held, "lightgbm"]

    np.testing.assert_allclose(values(inputs), values(garbage), atol=1e-9)
    before = assess(inputs, protocols=["lolo"]).out_of_fold
    after = assess(garbage, protocols=["lolo"]).out_of_fold
    own = before["language"] == held
    np.testing.assert_allclose(before.loc[own, "value"], after.loc[own, "value"], atol=1e-9)
    assert not np.allclose(before.loc[~own, "value"], after.loc[~own, "value"])


def test_quality_beside_its_baselines(make_frames: MakeFrames) -> None:
    frames = make_frames(task="mt", n_languages=14)
    quality, out_of_fold, _ = assess(build_inputs(frames, targets(frames)[0]), jobs=2)
    assert [q.protocol for q in quality.protocols] == ["random", "by_run", "lolo"]
    judged = quality.protocols[-1]
    assert judged.n_folds == 14
    assert len(judged.worst) == 5
    assert list(judged.worst.values()) == sorted(judged.worst.values(), reverse=True)
    lines = [error for name, error in judged.rmse.items() if name.startswith("line:")]
    assert judged.rmse[BEST_LINE] == min(lines)
    assert judged.rmse["lightgbm"] < judged.rmse["train-mean"]
    assert quality.noise_floor == pytest.approx(0.5)
    assert 0.8 < quality.intervals[0.9].coverage <= 1
    assert out_of_fold["value"].notna().all()
    table = quality.table()
    assert table.columns.tolist() == [
        "protocol",
        "regressor",
        "statistic",
        "value",
        "n_rows",
        "n_folds",
    ]
    assert not table.duplicated(["protocol", "regressor", "statistic"]).any()
    assert {"rmse", "rmse_pooled", "coverage", "noise_floor"} <= set(table["statistic"])


def test_results_do_not_depend_on_the_number_of_jobs(make_frames: MakeFrames) -> None:
    frames = make_frames(n_observed_sources=5)
    inputs = build_inputs(frames, targets(frames)[0])
    one, two = (assess(inputs, protocols=["lolo"], jobs=jobs).out_of_fold for jobs in (1, 2))
    pd.testing.assert_frame_equal(one, two)


def test_a_small_matrix_with_half_of_the_sources_observed(make_frames: MakeFrames) -> None:
    frames = make_frames(n_languages=18, n_observed_sources=9)
    quality, out_of_fold, _ = assess(build_inputs(frames, targets(frames)[0]), protocols=["lolo"])
    errors = quality.protocols[0].rmse
    assert errors["lightgbm"] <= 0.80 * errors["train-mean"]
    assert errors["lightgbm"] <= 1.05 * errors[BEST_LINE]
    assert len(out_of_fold) == 162
    assert out_of_fold["lower"].notna().all()


def test_a_protocol_that_the_rows_do_not_allow_is_noted(make_frames: MakeFrames) -> None:
    frames = make_frames(n_languages=6, n_observed_sources=4)
    quality = assess(build_inputs(frames, targets(frames)[0])).quality
    assert [q.protocol for q in quality.protocols] == ["random", "lolo"]
    assert any("by_run needs 5 run groups" in note for note in quality.notes)


def test_an_unknown_protocol_is_refused(make_frames: MakeFrames) -> None:
    frames = make_frames()
    with pytest.raises(UsageError, match="'loco'"):
        assess(build_inputs(frames, targets(frames)[0]), protocols=["loco"])


# LOLO error of the peer, and what the fixed settings have to reach
PUBLISHED = [
    ("mt560", "m2m100-1.2b", "spBLEU", 50, 3.6),
    ("intent", "aya-23-8b", "accuracy", 51, 9.8),
    ("mt560", "nllb-1.3b", "spBLEU", 50, 4.8),
    ("mt560", "m2m100-1.2b", "comet", 50, 0.049),
    ("mt560", "nllb-1.3b", "comet", 50, 0.045),
    ("intent", "llama-3-8b", "accuracy", 51, 4.5),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "model_id", "metric", "n_languages", "most"), PUBLISHED)
def test_published_records(
    published: dict[str, Frames],
    name: str,
    model_id: str,
    metric: str,
    n_languages: int,
    most: float,
) -> None:
    """As good as the peer's best published regressor (LightGBM 3.89 spBLEU, XGB 11.12 accuracy)."""
    frames = published[name]
    (target,) = (t for t in targets(frames) if (t.model_id, t.metric) == (model_id, metric))
    predictor, quality, out_of_fold = fit(build_inputs(frames, target), protocols=["lolo"])
    (judged,) = quality.protocols
    assert judged.n_folds == n_languages
    assert judged.rmse["lightgbm"] <= most
    at_90 = quality.intervals[0.9]
    assert at_90.coverage >= 0.9
    assert at_90.languages_covered >= 0.88
    assert at_90.width_ratio <= 1.1
    assert at_90.abstained <= 0.05
    assert (out_of_fold["status"] == "predicted").all()
    assert predictor.signature["n_rows"] == {"mt560": 1954, "intent": 2601}[name]
