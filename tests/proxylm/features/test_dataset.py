"""Dataset features against values worked out by hand and against scipy and scikit-learn."""

import math
import time
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cosine, jensenshannon
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

from proxylm.features import dataset
from proxylm.features.dataset import TextStatistics, text_features
from proxylm.features.words import folded, words
from tests.django_text import pairs

TRAIN = ["The cat sat", "the cat ran"]
DEV = ["the ran the"]
TEST = ["A dog ran", "the dog"]
SCRIPTS = ("am", "ar", "bn", "el", "he", "hi", "ja", "ka", "km", "ko", "ru", "ta", "th", "zh_Hans")


def features_of(train: list[str], test: list[str]) -> dict[str, float]:
    return text_features({"train": TextStatistics.of(train), "test": TextStatistics.of(test)})


def test_by_hand() -> None:
    parts = zip(("train", "dev", "test"), (TRAIN, DEV, TEST), strict=True)
    found = text_features({name: TextStatistics.of(lines) for name, lines in parts})
    # train: the 2, cat 2, sat 1, ran 1; dev: the 2, ran 1; test: dog 2, a 1, ran 1, the 1
    assert found["train_word_vocab_size"] == found["test_word_vocab_size"] == 4
    assert (found["dev_size"], found["test_size"]) == (1, 2)
    assert found["avg_train_sentence_length"] == 3
    assert found["avg_test_sentence_length"] == 2.5
    assert found["train_test_word_overlap"] == pytest.approx(2 / 8)
    assert found["train_dev_word_overlap"] == pytest.approx(2 / 6)
    assert found["ttr_train"] == pytest.approx(4 / 6)
    assert found["ttr_test"] == pytest.approx(4 / 5)
    assert found["train_test_ttr_distance"] == pytest.approx((1 - (4 / 6) / (4 / 5)) ** 2)
    assert found["dev_test_ttr_distance"] == pytest.approx((1 - (2 / 3) / (4 / 5)) ** 2)
    p = np.array([2, 2, 1, 1, 0, 0]) / 6  # the cat sat ran dog a
    q = np.array([1, 0, 0, 1, 2, 1]) / 5
    assert found["train_test_jsd"] == pytest.approx(jensenshannon(p, q, base=2) ** 2)
    assert len(found) == 2 + 3 * 3 + 3 * 5


@pytest.mark.parametrize("locale", SCRIPTS)
def test_real_text_as_scipy_and_scikit_learn_have_it(locale: str) -> None:
    lines = [" ".join(line.split()) for line in pairs(locale).labels]
    if locale == "am" and not lines:
        pytest.fail("Django has no Amharic any more: choose another script")
    train, test = lines[::2], lines[1::2]
    found = features_of(train, test)

    one, other = (Counter(word for line in text for word in words(line)) for text in (train, test))
    assert found["train_word_vocab_size"] == len(one)
    assert found["avg_test_sentence_length"] == pytest.approx(other.total() / len(test))
    both = sorted(one.keys() | other.keys())
    p, q = ([counter[word] for word in both] for counter in (one, other))
    assert found["train_test_jsd"] == pytest.approx(jensenshannon(p, q, base=2) ** 2)

    tf_idf = TfidfVectorizer(analyzer=words, norm=None).fit(train + test)
    sums = [np.asarray(tf_idf.transform(text).sum(axis=0)).ravel() for text in (train, test)]
    assert found["train_test_tf_idf_distance"] == pytest.approx(cosine(*sums))

    padded = [[f" {line[:-1]} " for line in (folded([x]) for x in text)] for text in (train, test)]
    grams = CountVectorizer(analyzer="char", ngram_range=(3, 3), lowercase=False)
    grams.fit(padded[0] + padded[1])
    p, q = (np.asarray(grams.transform(text).sum(axis=0)).ravel() for text in padded)
    assert found["train_test_char_jsd"] == pytest.approx(jensenshannon(p, q, base=2) ** 2)


def test_spelling_is_seen_where_no_word_is_shared() -> None:
    finnish = ["sytytä keittiön valot"]
    near = features_of(finnish, ["sytytän keittiössä valoja"])
    far = features_of(finnish, ["kubwa sana mwanga"])
    assert near["train_test_jsd"] == pytest.approx(far["train_test_jsd"]) == 1
    assert near["train_test_char_jsd"] < far["train_test_char_jsd"]


@given(st.lists(st.text(alphabet="abc ", min_size=1, max_size=12), min_size=1, max_size=6))
def test_a_text_beside_itself(lines: list[str]) -> None:
    text = [*lines, "a"]
    for found in (features_of(text, text), features_of(text, text * 3)):
        assert all(math.isfinite(value) for value in found.values())
        for name in ("train_test_jsd", "train_test_char_jsd", "train_test_tf_idf_distance"):
            assert found[name] == pytest.approx(0, abs=1e-9)
        assert found["train_test_word_overlap"] == 0.5


@given(
    st.lists(st.text(alphabet="aéß ꙋ\u0301\n\u2028ไทย", max_size=12), max_size=9),
    st.integers(1, 40),
)
def test_a_text_is_counted_alike_in_chunks_of_any_size(lines: list[str], chunk: int) -> None:
    whole = TextStatistics.of(lines)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dataset, "_CHUNK", chunk)
        parts = TextStatistics.of(iter(lines))
    assert whole.n_lines == parts.n_lines == len(lines)
    for one, other in ((whole.words, parts.words), (whole.trigrams, parts.trigrams)):
        for name in ("keys", "totals", "lines"):
            assert np.array_equal(getattr(one, name), getattr(other, name))


def test_lines_without_words_count_as_lines() -> None:
    assert TextStatistics.of(["one two", "..."]).mean_line_length == 1


@pytest.mark.parametrize("lines", [[], ["", "..."]])
def test_a_text_without_words_has_a_size_alone(lines: list[str]) -> None:
    found = features_of(TRAIN, lines)
    assert found["test_size"] == len(lines)
    assert {name for name in found if "test" in name} == {"test_size"}


def test_twenty_languages_in_all_pairs_are_quick() -> None:
    rng = np.random.default_rng(0)
    vocabulary = np.array([f"word{i}" for i in range(2000)])
    texts = [[" ".join(rng.choice(vocabulary, 8)) for _ in range(300)] for _ in range(20)]
    start = time.process_time()
    train = [TextStatistics.of(lines) for lines in texts]
    test = [TextStatistics.of(lines[:150]) for lines in texts]
    found = [text_features({"train": one, "test": other}) for one in train for other in test]
    assert len(found) == 20 * 20
    assert time.process_time() - start < 5
