"""The features of a setting as records: both sets, and what is in them with which measures."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from proxylm.features import SETS, Measures, setting_features, signature
from proxylm.features.embeddings import StoredEncoder
from proxylm.features.fertility import Bytes
from proxylm.features.paper import ENCODER
from proxylm.features.words import VERSION
from proxylm.records import Setting

TRAIN, TEST = ["the cat sat", "a cat"], ["a dög ran"]


class Lengths:
    """Encodes a sentence as its characters, words, and 1."""

    def __init__(self, signature: str = "lengths", sample_lines: int = 2) -> None:
        self.signature, self.sample_lines = signature, sample_lines

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        return np.array([[len(text), len(text.split()), 1] for text in texts], dtype=np.float32)


def setting(target: str, task: str = "intent") -> Setting:
    return Setting("k", task, "eng_Latn", target, "c", 2, "c", "c:eng_Latn")


def found(feature_set: str, measures: Measures, task: str = "intent") -> dict[str, float]:
    texts = {"train": measures.of(TRAIN), "test": measures.of(TEST)}
    features = setting_features(feature_set, setting("nob_Latn", task), texts)
    assert {feature.feature_set for feature in features} == {feature_set}
    assert len({feature.name for feature in features}) == len(features)
    return {feature.name: feature.value for feature in features}


def test_without_anything_to_measure_with_there_are_words_and_distances() -> None:
    assert len(found("plm-2", Measures())) == 6 + 12
    assert setting_features("plm-2", setting("qqq_Latn"), {}) == []
    features = setting_features("plm-2", setting("nob_Latn"), {"train": Measures().of(TRAIN)})
    assert len(features) == 6 + 3
    assert {feature.name for feature in features if feature.imputed} == {"genetic"}


def test_embeddings_and_tokenisers_add_to_it(tmp_path: Path) -> None:
    measures = Measures(StoredEncoder(Lengths(), tmp_path), [Bytes()])
    values = found("plm-2", measures)
    one, other = np.array([8, 2.5, 1]), np.array([9, 3, 1])  # means over the lines
    cosine = one @ other / np.sqrt((one @ one) * (other @ other))
    assert values["train_test_embedding_distance"] == pytest.approx(1 - cosine, abs=1e-6)
    assert values["train_fertility:bytes"] == pytest.approx(16 / 5)
    assert values["test_fertility:bytes"] == pytest.approx(10 / 3)  # ö has two bytes
    assert len(values) == 6 + 12 + 1 + 2


def test_the_published_columns_are_there_as_far_as_they_are_the_same(tmp_path: Path) -> None:
    assert found("proxylm-2024", Measures()) == {"geographic": 0.1}
    assert found("proxylm-2024", Measures(), "mt") == {
        "geographic": 0.1,
        "test_size": 1,
        "eng_target": 0,
    }
    with_pieces = found("proxylm-2024", Measures(pieces=list))
    assert with_pieces["train_word_vocab_size"] == len(set("thecatsata"))
    assert with_pieces["ttr_test"] == pytest.approx(len(set("adogran")) / len("adogran"))
    assert "train_test_st_similarity" not in with_pieces

    another = StoredEncoder(Lengths(), tmp_path)
    assert "train_test_st_similarity" not in found("proxylm-2024", Measures(another))
    same = StoredEncoder(Lengths(f"{ENCODER}@c"), tmp_path)
    assert "train_test_st_similarity" in found("proxylm-2024", Measures(same))
    sampled = StoredEncoder(Lengths(f"{ENCODER}@c", sample_lines=1), tmp_path)
    assert "train_test_st_similarity" not in found("proxylm-2024", Measures(sampled))


def test_the_signature_names_what_could_change_a_number(tmp_path: Path) -> None:
    bare = Measures()
    variants = [
        bare,
        replace(bare, encoder=StoredEncoder(Lengths(), tmp_path)),
        replace(bare, encoder=StoredEncoder(Lengths(sample_lines=3), tmp_path)),
        replace(bare, tokenizers=[Bytes()]),
    ]
    assert len({signature("plm-2", measures) for measures in variants}) == len(variants)
    paper = [
        bare,
        replace(bare, encoder=StoredEncoder(Lengths(f"{ENCODER}@c"), tmp_path)),
        replace(bare, pieces=list),
    ]
    assert len({signature("proxylm-2024", measures) for measures in paper}) == len(paper)
    # What leaves the published columns as they are does not have them computed again.
    assert len({signature("proxylm-2024", measures) for measures in variants}) == 1
    assert VERSION in signature("plm-2", bare)
    assert all("lang2vec 1.1.2" in signature(name, bare) for name in SETS)
