"""Dataset features against values worked out by hand and against scipy and scikit-learn."""

import math
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from sklearn.feature_extraction.text import TfidfVectorizer

from proxylm.errors import InputError
from proxylm.features import FEATURE_SET, setting_features
from proxylm.features.dataset import TextStatistics, pair_features, words
from proxylm.records import Setting

TRAIN = ["The cat sat", "the cat ran"]
TEST = ["A dog ran", "the dog"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Turn OFF the light, please!", ["turn", "off", "the", "light", "please"]),
        ("don't stop-me 3.5", ["don't", "stop", "me", "3", "5"]),
        ("नमस्ते दुनिया", ["नमस्ते", "दुनिया"]),  # marks belong to their word
        ("می‌خواهم بروم", ["می‌خواهم", "بروم"]),
        ("東京へ行く。", ["東", "京", "へ", "行", "く"]),
        ("ភាសា abc", ["ភា", "សា", "abc"]),
        ("... !?", []),
    ],
)
def test_words(line: str, expected: list[str]) -> None:
    assert words(line) == expected


def test_by_hand() -> None:
    found = pair_features(TextStatistics.of(TRAIN), TextStatistics.of(TEST))
    # train: the 2, cat 2, sat 1, ran 1; test: dog 2, a 1, ran 1, the 1
    assert found["train_word_vocab_size"] == 4
    assert found["test_word_vocab_size"] == 4
    assert found["avg_train_sentence_length"] == 3
    assert found["avg_test_sentence_length"] == 2.5
    assert found["train_test_word_overlap"] == pytest.approx(2 / 8)
    assert found["ttr_train"] == pytest.approx(4 / 6)
    assert found["ttr_test"] == pytest.approx(4 / 5)
    assert found["train_test_ttr_distance"] == pytest.approx((1 - (4 / 6) / (4 / 5)) ** 2)
    p = np.array([2, 2, 1, 1, 0, 0]) / 6  # the cat sat ran dog a
    q = np.array([1, 0, 0, 1, 2, 1]) / 5
    assert found["train_test_jsd"] == pytest.approx(jensenshannon(p, q, base=2) ** 2)


def test_tf_idf_is_that_of_scikit_learn() -> None:
    found = pair_features(TextStatistics.of(TRAIN), TextStatistics.of(TEST))
    weights = TfidfVectorizer(analyzer=words).fit_transform(TRAIN + TEST).toarray()
    one, other = weights[:2].mean(axis=0), weights[2:].mean(axis=0)
    similarity = one @ other / math.sqrt((one @ one) * (other @ other))
    assert found["train_test_tf_idf"] == pytest.approx(1 - similarity)


def test_spelling_is_seen_where_no_word_is_shared() -> None:
    finnish = TextStatistics.of(["sytytä keittiön valot"])
    near = pair_features(finnish, TextStatistics.of(["sytytän keittiössä valoja"]))
    far = pair_features(finnish, TextStatistics.of(["kubwa sana mwanga"]))
    assert near["train_test_jsd"] == pytest.approx(far["train_test_jsd"]) == 1
    assert near["train_test_char_jsd"] < far["train_test_char_jsd"]


@given(st.lists(st.text(alphabet="abc ", min_size=1, max_size=12), min_size=1, max_size=6))
def test_a_text_beside_itself(lines: list[str]) -> None:
    text = TextStatistics.of([*lines, "a"])
    tripled = TextStatistics.of([*lines, "a"] * 3)
    for found in (pair_features(text, text), pair_features(text, tripled)):
        assert all(math.isfinite(value) for value in found.values())
        for name in ("train_test_jsd", "train_test_char_jsd", "train_test_tf_idf"):
            assert found[name] == pytest.approx(0, abs=1e-9)
        assert found["train_test_word_overlap"] == 0.5


def test_lines_without_words_count_as_lines() -> None:
    assert TextStatistics.of(["one two", "..."]).mean_line_length == 1


@pytest.mark.parametrize("lines", [[], ["", "..."]])
def test_a_text_without_words_is_refused(lines: list[str]) -> None:
    with pytest.raises(InputError, match="no word"):
        TextStatistics.of(lines)


def test_eighteen_languages_in_all_pairs_are_quick() -> None:
    rng = np.random.default_rng(0)
    vocabulary = np.array([f"word{i}" for i in range(2000)])
    texts = [[" ".join(rng.choice(vocabulary, 8)) for _ in range(300)] for _ in range(18)]
    start = time.perf_counter()
    train = [TextStatistics.of(lines) for lines in texts]
    test = [TextStatistics.of(lines[:150]) for lines in texts]
    found = [pair_features(one, other) for one in train for other in test]
    assert len(found) == 18 * 18
    assert time.perf_counter() - start < 10


def test_setting_features_are_records_of_one_feature_set() -> None:
    setting = Setting("k", "intent", "eng_Latn", "nob_Latn", "c", 2, "c", "c:eng_Latn")
    text = TextStatistics.of(TRAIN)
    features = setting_features(setting, text, TextStatistics.of(TEST))
    assert {feature.feature_set for feature in features} == {FEATURE_SET} == {"plm-1"}
    assert len({feature.name for feature in features}) == len(features) == 6 + 11
    assert {feature.name for feature in features if feature.imputed} == {"genetic"}
    assert len(setting_features(setting, text, None)) == 6
    unknown = Setting("k", "intent", "eng_Latn", "qqq_Latn", "c", 2, "c", "c:eng_Latn")
    assert setting_features(unknown, None, None) == []
