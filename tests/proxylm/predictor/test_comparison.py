"""Comparisons: the release's files whole, the paper's rows, halves, ratios and their intervals."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from proxylm.errors import InputError, UsageError
from proxylm.predictor.bootstrap import ratio_interval
from proxylm.predictor.comparison import (
    Cell,
    Compared,
    Experiment,
    cell_of,
    choose,
    compare,
    experiments_of,
    protocols_of,
)
from proxylm.predictor.frames import Records, read_release
from proxylm.predictor.protocols import Fold, Split
from tests.release import write_release


@pytest.fixture(scope="module")
def experiments(tmp_path_factory: pytest.TempPathFactory) -> list[Experiment]:
    return experiments_of(read_release(write_release(tmp_path_factory.mktemp("release"))))


def one(experiments: list[Experiment], name: str, **wanted: str) -> Cell:
    chosen = [experiment for experiment in experiments if experiment.name == name]
    ((experiment, target),) = choose(chosen, **wanted)
    return cell_of(experiment, target)


def test_each_file_has_its_cells(experiments: list[Experiment]) -> None:
    cells = {(one.name, t.metric, t.model_id) for one, t in choose(experiments)}
    assert {name for name, _, _ in cells} == {"mt560", "nusa", "intent", "slot", "mt560+nusa"}
    assert ("slot", "f1", "aya-23-8b") in cells
    assert ("mt560+nusa", "comet", "nllb-1.3b") in cells


def test_a_model_is_found_by_the_papers_name_and_nothing_is_refused(
    experiments: list[Experiment],
) -> None:
    chosen = choose(experiments, task="intent", model="llama3")
    assert [target.model_id for _, target in chosen] == ["llama-3-8b"]
    with pytest.raises(InputError, match=r"there are: mt560 comet m2m100-1\.2b"):
        choose(experiments, model="gpt")


def test_rows_are_in_the_order_of_the_file_and_comet_has_the_papers_languages(
    experiments: list[Experiment],
) -> None:
    mt560 = experiments[0]
    bleu = one(experiments, "mt560", metric="spBLEU", model="nllb").inputs
    comet = one(experiments, "mt560", metric="comet", model="nllb").inputs
    assert bleu.X.index.tolist() == list(mt560.order)
    sides = {*comet.settings["source_lang"], *comet.settings["target_lang"]}
    assert sides == {
        "eng_Latn", "deu_Latn", "fra_Latn", "rus_Cyrl", "khm_Khmr", "kir_Cyrl", "amh_Ethi",
        "vie_Latn",
    }  # fmt: skip


def test_another_experiment_is_predicted_from_the_first(experiments: list[Experiment]) -> None:
    cell = one(experiments, "mt560+nusa", metric="spBLEU", model="nllb")
    rows = compare(cell, "cross_dataset", ["ridge", "copy-best-proxy"], "train-mean")
    assert [row.regressor for row in rows] == ["ridge", "copy-best-proxy", "train-mean"]
    ours = rows[0]
    assert (ours.n_folds, ours.n_rows) == (1, 20)
    assert ours.shared_run_group == 0
    assert ours.ratio < 1
    with pytest.raises(InputError, match="two experiments"):
        compare(one(experiments, "nusa", metric="spBLEU", model="nllb"), "cross_dataset", [], "mf")


def test_a_comparison_says_how_far_and_how_sure(experiments: list[Experiment]) -> None:
    cell = one(experiments, "mt560", metric="spBLEU", model="m2m100")
    ridge, mean = compare(cell, "lolo", ["ridge"], "train-mean")
    assert isinstance(ridge, Compared)
    assert (ridge.published, ridge.published_by) == (3.7369, "xgb")
    assert ridge.ratio_published == pytest.approx(ridge.rmse / 3.7369)
    assert ridge.ratio_low < ridge.ratio < ridge.ratio_high < 1
    assert ridge.ratio == pytest.approx(ridge.rmse / mean.rmse)
    assert (mean.ratio, mean.ratio_low, mean.ratio_high) == (1, 1, 1)
    assert min(ridge.rmse_development, ridge.rmse_reserved) < ridge.rmse
    assert max(ridge.rmse_development, ridge.rmse_reserved) > ridge.rmse
    assert ridge.spearman > 0.7
    assert np.isnan(mean.kendall) or mean.kendall < ridge.kendall
    assert len(ridge.worst) == 5
    assert ridge.intervals is not None
    assert 0.8 < ridge.intervals.coverage <= 1
    assert mean.as_json()["spearman"] == (None if np.isnan(mean.spearman) else mean.spearman)
    unseen = compare(cell, "unseen", ["ridge"], "train-mean")[0]
    assert unseen.n_folds == 5
    nllb = one(experiments, "mt560", metric="spBLEU", model="nllb")
    with pytest.raises(InputError, match="no such list"):
        compare(nllb, "unseen", ["ridge"], "train-mean")


def test_what_nothing_can_be_fitted_on_is_refused_with_the_place(
    experiments: list[Experiment],
) -> None:
    intent = next(experiment for experiment in experiments if experiment.name == "intent")
    ((_, target),) = choose([intent], model="aya")
    frames = intent.frames
    own = frames.setting_scores["model_id"].eq("aya-23-8b")
    key = frames.setting_scores.loc[own, "setting_key"].iloc[0]
    first = own & frames.setting_scores["setting_key"].eq(key)
    scores = frames.setting_scores
    broken = {
        f"the score in accuracy of setting {key} is infinite": scores.assign(
            value=scores["value"].mask(first, np.inf)
        ),
        "observed scores are equal": scores.assign(value=scores["value"].mask(own, 50.0)),
        "no proxy score is present": scores.assign(value=scores["value"].where(own)),
        "Two scores for one setting": pd.concat([scores, scores[first]]),
    }
    for words, setting_scores in broken.items():
        changed = replace(frames, setting_scores=setting_scores)
        with pytest.raises(InputError, match=words):
            cell_of(replace(intent, frames=changed), target)
    few = frames.settings["source_lang"].eq(frames.settings["source_lang"].iloc[0])
    for rows in (few, few & ~few.shift(fill_value=False)):  # a few languages, and one row
        changed = replace(frames, settings=frames.settings[rows])
        with pytest.raises(InputError, match="cannot be fitted"):
            cell_of(replace(intent, frames=changed), target)


def test_names_of_protocols() -> None:
    assert protocols_of(["lolo", "incremental"])[:2] == ["lolo", "incremental_5"]
    with pytest.raises(UsageError, match="'loco'"):
        protocols_of(["loco"])


def test_the_interval_of_a_ratio_holds_the_ratio_as_often_as_it_says() -> None:
    """Errors of languages are drawn; the true ratio of the mean errors is one half."""
    random = np.random.default_rng(0)
    names = [f"l{i}" for i in range(30)]
    split = Split("lolo", (Fold("l0", np.arange(1), {"all": np.arange(1)}),))
    held = 0
    for _ in range(40):
        scale = random.gamma(4, 1, len(names))
        table = pd.DataFrame({"group": names, "part": "all", "observed": 0.0})
        table["theirs"] = scale
        table["ours"] = scale * random.uniform(0.2, 0.8, len(names))
        low, high = ratio_interval(table, table["group"], split, "ours", "theirs", n_draws=400)
        held += low <= 0.5 <= high
    assert 33 <= held <= 40
    assert np.isnan(ratio_interval(table[:1], table["group"][:1], split, "ours", 1.0).low)


def test_a_folder_without_records_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"mt560_experiments\.csv"):
        read_release(tmp_path)


def test_the_published_rows_are_complete(release: list[Records]) -> None:
    counts = {read.name: (len(read.order), read.n_rejected) for read in release}
    assert counts == {"mt560": (1954, 0), "intent": (2601, 0)}
