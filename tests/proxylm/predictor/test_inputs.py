"""Inputs: what is an input and what is not, and that the order of rows does not matter."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from proxylm.errors import InputError
from proxylm.predictor import Frames, build_inputs, targets

MakeFrames = Callable[..., Frames]


def test_targets_are_estimated_models_with_enough_scores(make_frames: MakeFrames) -> None:
    (intent,) = targets(make_frames())
    assert (intent.model_id, intent.mode, intent.metric) == ("big", "fine_tuned", "accuracy")
    assert intent.input_set == "proxies"
    (mt,) = targets(make_frames(task="mt"))
    assert (mt.metric, mt.input_set) == ("spBLEU", "proxies+zero_shot")
    assert targets(make_frames(n_languages=3)) == []


def test_columns_say_where_they_come_from(make_frames: MakeFrames) -> None:
    frames = make_frames(task="mt", n_observed_sources=8)
    inputs = build_inputs(frames, targets(frames)[0])
    assert inputs.X.columns.tolist() == [
        "difference:own:big/zero_shot/spBLEU - proxy:small/fine_tuned/spBLEU",
        "difference:own:big/zero_shot/spBLEU - proxy:tiny/from_scratch/spBLEU",
        "difference:proxy:small/fine_tuned/spBLEU - proxy:tiny/from_scratch/spBLEU",
        "feature:geographic",
        "mean:run:small/fine_tuned/spBLEU",
        "mean:run:tiny/from_scratch/spBLEU",
        "mean:test:small/fine_tuned/spBLEU",
        "mean:test:tiny/from_scratch/spBLEU",
        "own:big/zero_shot/chrF2",
        "own:big/zero_shot/spBLEU",
        "proxy:small/fine_tuned/chrF2",
        "proxy:small/fine_tuned/spBLEU",
        "proxy:tiny/from_scratch/chrF2",
        "proxy:tiny/from_scratch/spBLEU",
        "setting:into_english",
        "setting:same_corpus",
        "setting:train_size",
    ]
    assert inputs.y.isna().sum() == len(inputs.unobserved().y) > 0


def test_own_zero_shot_is_an_input_only_in_its_input_set(make_frames: MakeFrames) -> None:
    frames = make_frames(task="mt")
    inputs = build_inputs(frames, replace(targets(frames)[0], input_set="proxies"))
    assert not [column for column in inputs.X if str(column).startswith("own:")]


def test_estimated_scores_change_no_input(make_frames: MakeFrames) -> None:
    frames = make_frames(task="mt")
    target = targets(frames)[0]
    scores = frames.setting_scores
    big = (scores["model_id"] == "big") & (scores["mode"] == "fine_tuned")
    scores = pd.concat([scores, scores[big].assign(model_id="other")], ignore_index=True)
    garbage = scores.copy()
    estimated = garbage["model_id"].isin(["big", "other"]) & (garbage["mode"] == "fine_tuned")
    garbage.loc[estimated, "value"] = np.random.default_rng(1).uniform(0, 100, estimated.sum())
    before = build_inputs(replace(frames, setting_scores=scores), target)
    after = build_inputs(replace(frames, setting_scores=garbage), target)
    pd.testing.assert_frame_equal(before.X, after.X)
    assert not np.allclose(before.y, after.y)


def test_shuffled_rows_give_identical_inputs(make_frames: MakeFrames) -> None:
    frames = make_frames(n_observed_sources=6, missing=0.2)
    shuffled = Frames(
        *(
            frame.sample(frac=1, random_state=3)
            for frame in (frames.settings, frames.setting_scores, frames.features, frames.models)
        )
    )
    target = targets(frames)[0]
    assert targets(shuffled) == [target]
    before, after = build_inputs(frames, target), build_inputs(shuffled, target)
    pd.testing.assert_frame_equal(before.X, after.X)
    pd.testing.assert_frame_equal(before.settings, after.settings)
    assert before.content_digest() == after.content_digest()


def test_differences_are_of_two_scores_and_absent_where_one_is(make_frames: MakeFrames) -> None:
    frames = make_frames(missing=0.3)
    X = build_inputs(frames, targets(frames)[0]).X
    one, other = "proxy:small/fine_tuned/accuracy", "proxy:tiny/from_scratch/accuracy"
    pd.testing.assert_series_equal(
        X[f"difference:{one} - {other}"], X[one] - X[other], check_names=False
    )


def test_many_proxies_do_not_multiply_the_inputs(make_frames: MakeFrames) -> None:
    frames = make_frames()
    small = frames.setting_scores[frames.setting_scores["model_id"] == "small"]
    more = [small.assign(model_id=f"proxy-{number}") for number in range(9)]
    model = frames.models[frames.models["model_id"] == "small"]
    more_models = [model.assign(model_id=f"proxy-{number}") for number in range(9)]
    many = replace(
        frames,
        setting_scores=pd.concat([frames.setting_scores, *more], ignore_index=True),
        models=pd.concat([frames.models, *more_models], ignore_index=True),
    )
    inputs = build_inputs(many, targets(frames)[0])
    assert len(inputs.line_columns) == 11
    assert sum(str(column).startswith("difference:") for column in inputs.X) == 15


def test_rare_columns_are_left_out(make_frames: MakeFrames) -> None:
    frames = make_frames(n_observed_sources=6)
    scores = frames.setting_scores
    observed = set(scores.loc[scores["model_id"] == "big", "setting_key"])
    tiny = scores["model_id"] == "tiny"
    only_trained = scores[~tiny | scores["setting_key"].isin(observed)]
    target = targets(frames)[0]
    kept = build_inputs(replace(frames, setting_scores=only_trained), target).proxy_columns
    assert kept == ["proxy:small/fine_tuned/accuracy"]
    seldom = scores[~tiny | (np.arange(len(scores)) % 7 == 0)]
    kept = build_inputs(replace(frames, setting_scores=seldom), target).proxy_columns
    assert kept == ["proxy:small/fine_tuned/accuracy"]


def test_absent_scores_are_nan_and_rows_without_proxies_are_not_trained_on(
    make_frames: MakeFrames,
) -> None:
    frames = make_frames(missing=0.3)
    inputs = build_inputs(frames, targets(frames)[0])
    assert inputs.X[inputs.proxy_columns].isna().mean().between(0.2, 0.4).all()
    assert len(inputs.training().y) == inputs.has_proxy.sum() < len(inputs.observed().y)


def test_the_feature_set_of_most_training_rows_is_taken(make_frames: MakeFrames) -> None:
    frames = make_frames()
    more = frames.features.head(30).assign(feature_set="another", value=-1.0)
    both = replace(frames, features=pd.concat([frames.features, more]))
    target = targets(frames)[0]
    assert build_inputs(both, target).feature_set == "plm-1"
    chosen = build_inputs(both, target, feature_set="another")
    assert (chosen.X["feature:geographic"].dropna() == -1).all()
    none = build_inputs(replace(frames, features=frames.features.head(0)), target)
    assert none.feature_set == "none"


def test_two_scores_for_one_setting_are_refused(make_frames: MakeFrames) -> None:
    frames = make_frames()
    twice = pd.concat([frames.setting_scores, frames.setting_scores.head(1)])
    with pytest.raises(InputError, match=r"intent-0000, big, fine_tuned, accuracy"):
        build_inputs(replace(frames, setting_scores=twice), targets(frames)[0])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda s: s[(s["model_id"] != "big") | (s["setting_key"] < "intent-0010")], "20 are nee"),
        (lambda s: s[s["model_id"] == "big"], "no proxy score"),
        (lambda s: s.assign(value=s["value"].where(s["model_id"] != "big", 5.0)), "are equal"),
    ],
)
def test_what_cannot_be_fitted_says_why(
    make_frames: MakeFrames,
    change: Callable[[pd.DataFrame], pd.DataFrame],
    reason: str,
) -> None:
    frames = make_frames()
    fewer = replace(frames, setting_scores=change(frames.setting_scores))
    inputs = build_inputs(fewer, targets(frames)[0])
    with pytest.raises(InputError, match=reason):
        inputs.check_trainable()


def test_fewer_than_three_languages_are_refused(make_frames: MakeFrames) -> None:
    frames = make_frames()
    target = targets(frames)[0]
    two = frames.settings[frames.settings["target_lang"].isin(["l00_Latn", "l01_Latn"])]
    with pytest.raises(InputError, match="2 languages, 3 are needed"):
        build_inputs(replace(frames, settings=two), target).check_trainable()


def test_another_experiment_of_the_task_is_out_of_reach_and_changes_nothing(
    make_frames: MakeFrames,
) -> None:
    frames = make_frames()
    (target,) = targets(frames)
    before = build_inputs(frames, target)
    keys = ["x1", "x2", "x3"]
    settings = frames.settings.head(3).assign(
        setting_key=keys, train_corpus="another", test_corpus="another"
    )
    scores = frames.setting_scores.head(3).assign(
        setting_key=keys, model_id="another-proxy", mode="fine_tuned"
    )
    models = frames.models.head(1).assign(
        model_id="another-proxy", proxy_modes=[["fine_tuned"]], estimated_modes=[[]]
    )
    wider = Frames(
        pd.concat([frames.settings, settings]),
        pd.concat([frames.setting_scores, scores]),
        frames.features,
        pd.concat([frames.models, models]),
    )
    pd.testing.assert_frame_equal(before.X, build_inputs(wider, target).X)


def test_facts_are_never_the_feature_set(make_frames: MakeFrames) -> None:
    frames = make_frames()
    (target,) = targets(frames)
    before = build_inputs(frames, target)
    facts = frames.features.assign(feature_set="facts-1", name="same_script")
    beside = replace(frames, features=pd.concat([facts, frames.features.head(100)]))
    assert build_inputs(beside, target).feature_set == before.feature_set == "plm-1"
    alone = build_inputs(replace(frames, features=facts), target)
    assert alone.feature_set == "none"
    assert not [name for name in alone.X if name.startswith("feature:")]


def test_facts_are_inputs_that_can_be_left_out(make_frames: MakeFrames) -> None:
    frames = make_frames()
    said = frames.features.assign(feature_set="facts-1", name="target_latin_script", value=1.0)
    listed = pd.DataFrame(
        [("big", "l01_Latn"), ("tiny", "l01_Latn"), ("other", "l02_Latn")],
        columns=["model_id", "language"],
    )
    frames = replace(frames, features=pd.concat([frames.features, said]), model_languages=listed)
    target = targets(frames)[0]
    with_facts, without = (build_inputs(frames, target, metadata=m) for m in (True, False))
    columns = [column for column in with_facts.X if column not in without.X]
    assert columns == [  # `small` has no list and `other` is no proxy
        "fact:source_known:own",
        "fact:source_known:tiny",
        "fact:target_known:own",
        "fact:target_known:tiny",
        "fact:target_latin_script",
    ]
    known = with_facts.X["fact:target_known:own"] == 1
    assert set(with_facts.settings.loc[known, "target_lang"]) == {"l01_Latn"}
    assert with_facts.feature_set == without.feature_set == "plm-1"
