"""The published columns: as the release computes them, and what the published files say of it."""

import io
import math
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sentencepiece
from scipy.spatial.distance import cosine, jensenshannon
from sklearn.feature_extraction.text import TfidfVectorizer

from proxylm.features.paper import PaperStatistics, normalised, paper_features
from proxylm.published import SOURCE
from tests.django_text import pairs

LOCALES = ("de", "ru", "th", "zh_Hans", "hi", "ko", "ar", "ja", "el", "ka")


@pytest.fixture(scope="module")
def model() -> sentencepiece.SentencePieceProcessor:
    """A small unigram model with the traits of FLORES-200's: NFKC, unknown characters."""
    text = [line for locale in LOCALES[:-1] for line in pairs(locale).labels]
    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(text),
        model_writer=written,
        vocab_size=2500,
        character_coverage=0.99,
        minloglevel=2,
    )
    return sentencepiece.SentencePieceProcessor(model_proto=written.getvalue())


def parted(model: sentencepiece.SentencePieceProcessor, text: str) -> list[str]:
    """A whole line at once, blanks between its characters."""
    return list(model.encode(" ".join(normalised(text)), out_type=str))


def test_a_text_is_stripped_to_letters_digits_and_blanks() -> None:
    assert normalised("Ça va, 3.5 km/h?") == "ca va 35 kmh"
    assert normalised("नमस्ते") == "नमसत"  # vowel signs and virama go
    assert normalised("한") == "\u1112\u1161\u11ab"


@pytest.mark.parametrize("locale", LOCALES)
def test_pieces_of_characters_are_those_of_the_line(
    locale: str, model: sentencepiece.SentencePieceProcessor
) -> None:
    lines = pairs(locale, 60).labels
    found = PaperStatistics.of(lines, lambda text: model.encode(text, out_type=str))
    expected = Counter(piece for line in lines for piece in parted(model, line))
    assert dict(zip(found.pieces, found.totals, strict=True)) == dict(expected)


@pytest.mark.parametrize(("n_train", "n_test"), [(100, 30), (90, 30), (20, 50)])
def test_the_columns_are_those_of_scipy_and_scikit_learn(
    n_train: int, n_test: int, model: sentencepiece.SentencePieceProcessor
) -> None:
    lines = list(pairs("ru", n_train + n_test).labels)
    train, test = lines[:n_train], lines[n_train:]
    pieces: Callable[[str], list[str]] = lambda text: model.encode(text, out_type=str)  # noqa: E731
    found = paper_features(
        {name: PaperStatistics.of(x, pieces) for name, x in (("train", train), ("test", test))}
    )
    one, other = (Counter(p for line in x for p in parted(model, line)) for x in (train, test))
    both = sorted({*one, *other})
    p, q = ([counter[piece] / counter.total() for piece in both] for counter in (one, other))
    assert found["train_test_jsd"] == pytest.approx(jensenshannon(p, q))
    assert found["train_test_word_overlap"] == len({*one} & {*other}) / (len(one) + len(other))
    assert found["ttr_train"] == pytest.approx(len(one) / one.total())
    distances = []
    for start in range(0, n_train, n_test):
        cut = train[start : start + n_test]
        vectors = TfidfVectorizer(tokenizer=lambda text: parted(model, text), token_pattern=None)
        rows = vectors.fit_transform([" ".join(cut), " ".join(test[: len(cut)])]).toarray()
        distances.append(cosine(rows[0], rows[1]))
    assert found["train_test_tf_idf"] == pytest.approx(np.mean(distances))


def test_of_dev_and_test_the_longer_is_cut() -> None:
    short, long = (PaperStatistics.of(x, list) for x in (["ab", "bc"], ["ab", "bcd", "ef", "abc"]))
    one = paper_features({"dev": short, "test": long})["dev_test_tf_idf"]
    other = paper_features({"dev": long, "test": short})["dev_test_tf_idf"]
    assert one == pytest.approx(other)


def test_a_text_without_pieces_has_no_columns() -> None:
    nothing, something = PaperStatistics.of(["?!", ""], list), PaperStatistics.of(["ab"], list)
    assert paper_features({"dev": nothing, "test": nothing}) == {}
    assert set(paper_features({"train": something, "test": nothing})) == {
        "train_word_vocab_size",
        "avg_train_sentence_length",
        "ttr_train",
    }


@pytest.mark.parametrize("name", ["mt560", "intent"])
def test_the_published_columns_follow_from_each_other(name: str, records: Path) -> None:
    """In every row: TTR distance from the TTRs, whole numbers behind overlaps and TTRs."""
    rows = pd.read_csv(records / f"{name}_experiments.csv")
    parts = ("train", "dev", "test") if name == "mt560" else ("train", "test")
    for i, one in enumerate(parts):
        tokens = rows[f"{one}_word_vocab_size"] / rows[f"ttr_{one}"]
        assert (tokens - tokens.round()).abs().max() < 1e-4, SOURCE
        if name == "mt560" and one != "train":
            lengths = tokens / rows[f"{one}_size"]
            assert (lengths - rows[f"avg_{one}_sentence_length"]).abs().max() < 1e-6
        for other in parts[i + 1 :]:
            expected = (1 - rows[f"ttr_{one}"] / rows[f"ttr_{other}"]) ** 2
            assert (expected - rows[f"{one}_{other}_ttr_distance"]).abs().max() < 1e-8
            sizes = rows[f"{one}_word_vocab_size"], rows[f"{other}_word_vocab_size"]
            shared = rows[f"{one}_{other}_word_overlap"] * (sizes[0] + sizes[1])
            assert (shared - shared.round()).abs().max() < 1e-6
            assert (shared.round() <= np.minimum(*sizes)).all()
            # Beyond ln 2 a divergence in nats cannot go; its square root can.
            assert rows[f"{one}_{other}_jsd"].max() <= math.sqrt(math.log(2))
    highest = rows["train_test_jsd" if name == "intent" else "dev_test_jsd"].max()
    assert highest > (math.log(2) if name == "intent" else 0.69)
