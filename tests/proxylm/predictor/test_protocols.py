"""Protocols: what is held out is held out, and every row is tested as often as it should be."""

from collections.abc import Callable

import numpy as np
import pytest

from proxylm.errors import InputError
from proxylm.predictor import Frames
from proxylm.predictor.protocols import (
    PROTOCOLS,
    PUBLISHED_COMET_LANGUAGES,
    by_run,
    by_run_pair,
    cross_dataset,
    development_half,
    incremental,
    lolo,
    random,
    shared_with_training,
    unseen,
)

MakeFrames = Callable[..., Frames]
NEED_MORE = {"unseen", "unseen_reverse", "cross_dataset", "incremental_5"}
OF_ANY_SETTINGS = [name for name in PROTOCOLS if name not in NEED_MORE]


@pytest.mark.parametrize("task", ["mt", "intent"])
@pytest.mark.parametrize("protocol", OF_ANY_SETTINGS)
def test_training_and_test_rows_are_apart(
    make_frames: MakeFrames, task: str, protocol: str
) -> None:
    settings = make_frames(task=task).settings
    for fold in PROTOCOLS[protocol](settings).folds:
        for rows in fold.tests.values():
            assert not set(rows) & set(fold.train)
            assert len(rows) == len(set(rows)) > 0


@pytest.mark.parametrize("task", ["mt", "intent"])
def test_lolo_trains_on_nothing_of_the_language(make_frames: MakeFrames, task: str) -> None:
    settings = make_frames(task=task).settings
    split = lolo(settings)
    languages = set(settings["source_lang"]) | set(settings["target_lang"])
    assert {fold.group for fold in split.folds} == languages - {"eng_Latn"}
    assert split.notes == (("never held out: eng_Latn",) if task == "mt" else ())
    for fold in split.folds:
        train = settings.iloc[fold.train]
        assert not (train[["source_lang", "target_lang"]] == fold.group).any(axis=None)
        for part, rows in fold.tests.items():
            tested = settings[f"{part}_lang"] == fold.group
            assert rows.tolist() == np.flatnonzero(tested).tolist()
        tested = set(np.concatenate(list(fold.tests.values())))
        assert tested | set(fold.train) == set(range(len(settings)))


def test_lolo_of_chosen_languages_uses_only_rows_with_them(make_frames: MakeFrames) -> None:
    settings = make_frames(task="mt").settings
    chosen = ["l01_Latn", "l02_Latn", "l03_Latn"]
    split = lolo(settings, chosen)
    assert [fold.group for fold in split.folds] == chosen
    used = settings.iloc[split.folds[0].train]
    assert set(used["source_lang"]) | set(used["target_lang"]) == {*chosen[1:], "eng_Latn"}
    assert len(set(PUBLISHED_COMET_LANGUAGES)) == 29


@pytest.mark.parametrize("task", ["mt", "intent"])
def test_runs_are_whole_and_each_row_is_tested_once_a_seed(
    make_frames: MakeFrames, task: str
) -> None:
    settings = make_frames(task=task).settings
    for split in (by_run(settings), by_run_pair(settings)):
        assert len(split.folds) == 10
        assert shared_with_training(settings, split)["shared_run_group"] == 0
        for seed in {fold.group for fold in split.folds}:
            rows = [fold.tests["all"] for fold in split.folds if fold.group == seed]
            assert sorted(np.concatenate(rows)) == list(range(len(settings)))


def test_both_directions_are_held_out_together(make_frames: MakeFrames) -> None:
    settings = make_frames(task="mt").settings
    pairs = settings[["source_lang", "target_lang"]].apply(
        lambda row: "-".join(sorted(row)), axis=1
    )
    run = settings["train_corpus"] + pairs
    for fold in by_run_pair(settings).folds:
        assert not set(run.iloc[fold.train]) & set(run.iloc[fold.tests["all"]])


def test_random_keeps_strata_in_proportion_and_says_when_it_cannot(
    make_frames: MakeFrames,
) -> None:
    settings = make_frames(task="mt").settings
    same = (settings["train_corpus"] == settings["test_corpus"]).to_numpy()
    split = random(settings)
    assert [fold.group for fold in split.folds] == [f"seed {seed}" for seed in range(42, 47)]
    for fold in split.folds:
        assert len(fold.tests["all"]) == np.ceil(0.3 * len(settings))
        assert same[fold.tests["all"]].mean() == pytest.approx(same.mean(), abs=0.01)
    intent = make_frames().settings
    alone = intent[(intent["source_lang"] != "l00_Latn") | (intent["target_lang"] == "l00_Latn")]
    assert random(alone).notes == ("not stratified: a stratum has too few rows",)


def test_the_leak_alarm_counts_what_is_shared(make_frames: MakeFrames) -> None:
    settings = make_frames().settings
    leaky = shared_with_training(settings, random(settings))
    assert leaky == {"shared_run_group": 1.0, "shared_languages": 1.0}
    assert shared_with_training(settings, lolo(settings))["shared_languages"] == 0
    assert shared_with_training(settings, by_run(settings))["shared_languages"] == 1


def test_too_few_runs_are_refused(make_frames: MakeFrames) -> None:
    with pytest.raises(InputError, match="5 run groups"):
        by_run(make_frames(n_languages=4).settings)


def test_unseen_both_ways_share_one_fit_and_no_language(make_frames: MakeFrames) -> None:
    settings = make_frames(task="mt", n_languages=6).settings
    chosen = ["l01_Latn", "l04_Latn"]
    there, back = unseen(settings, chosen), unseen(settings, chosen, reverse=True)
    assert [fold.group for fold in there.folds] == chosen
    assert {fold.group for fold in back.folds} == {"l00_Latn", "l02_Latn", "l03_Latn", "l05_Latn"}
    for split in (there, back):
        assert len({id(fold.train) for fold in split.folds}) == 1
        assert shared_with_training(settings, split)["shared_languages"] == 0
        assert set(split.folds[0].tests) == {"source", "target"}
    tested = {row for fold in there.folds for rows in fold.tests.values() for row in rows}
    assert tested == set(back.folds[0].train)
    with pytest.raises(InputError, match="unseen needs settings with and without"):
        unseen(settings)


def test_one_file_is_trained_on_and_the_other_tested(make_frames: MakeFrames) -> None:
    settings = make_frames(task="mt", n_languages=4).settings
    with pytest.raises(InputError, match="two experiments"):
        cross_dataset(settings)
    first = settings["train_corpus"] == "a"
    (fold,) = cross_dataset(settings.assign(records=np.where(first, "mt560", "nusa"))).folds
    assert fold.train.tolist() == np.flatnonzero(first).tolist()
    assert fold.tests["all"].tolist() == np.flatnonzero(~first).tolist()


def test_incremental_keeps_the_test_rows_and_fewer_to_train_on(make_frames: MakeFrames) -> None:
    settings = make_frames(task="mt").settings
    for part, whole in zip(incremental(settings, 20).folds, random(settings).folds, strict=True):
        assert part.tests["all"].tolist() == whole.tests["all"].tolist()
        assert set(part.train) < set(whole.train)
        assert len(part.train) == np.ceil(0.2 * len(whole.train))
    with pytest.raises(InputError, match="Take a larger portion"):
        incremental(settings, 5)


def test_the_halves_of_languages_are_fixed() -> None:
    halves = {name: development_half(name) for name in PUBLISHED_COMET_LANGUAGES}
    assert 8 <= sum(halves.values()) <= 21
    assert halves["deu_Latn"]
    assert not halves["fra_Latn"]
