"""The store of sentence vectors: encoded once, kept, bounded, and never trusted when damaged."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from proxylm.features import embeddings
from proxylm.features.embeddings import StoredEncoder, distance


class Counting:
    """Encodes and remembers what it was asked for."""

    sample_lines = 3

    def __init__(self, signature: str = "one") -> None:
        self.signature = signature
        self.asked: list[str] = []

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        self.asked += texts
        return np.array([[len(text), text.count("a")] for text in texts], dtype=np.float32)


def test_a_sentence_is_encoded_once_and_survives(tmp_path: Path) -> None:
    first = Counting()
    store = StoredEncoder(first, tmp_path)
    mean = store.mean(["a", "  ", "bb", "a", "beyond the sample"])
    assert mean is not None
    assert mean.tolist() == pytest.approx([4 / 3, 2 / 3])  # a bb a
    assert first.asked == ["a", "bb"]
    store.save()

    again = Counting()
    mean = StoredEncoder(again, tmp_path).mean(["bb", "a", "new"])
    assert mean is not None
    assert mean.tolist() == [2, pytest.approx(1 / 3)]
    assert again.asked == ["new"]

    other = Counting("another encoder")
    StoredEncoder(other, tmp_path).mean(["a"])
    assert other.asked == ["a"]
    assert store.mean(["", " "]) is None


def test_the_newest_vectors_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embeddings, "STORE_BYTES", 2 * 4 * 2)
    store = StoredEncoder(Counting(), tmp_path)
    store.mean(["a", "b", "c"])
    store.save()
    again = Counting()
    StoredEncoder(again, tmp_path).mean(["a", "b", "c"])
    assert again.asked == ["a"]


def test_a_damaged_store_is_made_again(tmp_path: Path) -> None:
    store = StoredEncoder(Counting(), tmp_path)
    store.mean(["a"])
    store.save()
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-20])
    again = Counting()
    damaged = StoredEncoder(again, tmp_path)
    damaged.mean(["a"])
    damaged.save()
    assert again.asked == ["a"]
    last = Counting()
    StoredEncoder(last, tmp_path).mean(["a"])
    assert last.asked == []


def test_distance_is_that_of_directions() -> None:
    one, other = (np.array(x, np.float32) for x in ([1, 0], [0, 3]))
    assert distance(one, one * 5) == pytest.approx(0)
    assert distance(one, other) == pytest.approx(1)
