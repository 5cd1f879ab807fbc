"""Reading labelled text, splitting it and keeping it in a file."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxylm.corpora import (
    CorpusSplit,
    Labelled,
    read_corpus,
    split,
    write_corpus,
)
from proxylm.errors import InputError


def rows(n: int) -> Labelled:
    return Labelled(tuple(f"text {i}" for i in range(n)), tuple(f"label {i % 3}" for i in range(n)))


def texts_of(corpus: CorpusSplit) -> tuple[set[str], set[str], set[str]]:
    return set(corpus.train.texts), set(corpus.dev.texts), set(corpus.test.texts)


@settings(max_examples=25, deadline=None)
@given(st.permutations(range(40)))
def test_the_split_does_not_depend_on_the_order_of_the_lines(order: list[int]) -> None:
    given_rows = rows(40)
    shuffled = Labelled(
        tuple(given_rows.texts[i] for i in order), tuple(given_rows.labels[i] for i in order)
    )
    assert split(shuffled, "f", 20, 10) == split(given_rows, "f", 20, 10)


def test_the_split_depends_on_the_fingerprint() -> None:
    assert split(rows(40), "f", 20, 10).test != split(rows(40), "g", 20, 10).test


@pytest.mark.parametrize("fingerprint", list("abcdefgh"))
def test_no_text_is_in_two_parts_and_equal_lines_count_once(fingerprint: str) -> None:
    extra = Labelled(("text 0",) * 5, ("label 0",) * 3 + ("other label",) * 2)
    doubled = Labelled(extra.texts + rows(62).texts, extra.labels + rows(62).labels)
    corpus = split(doubled, fingerprint, 30, 20, dev_size=10)
    train, dev, test = texts_of(corpus)
    assert not (train & test) | (train & dev) | (dev & test)
    for part, size in ((corpus.train, 30), (corpus.dev, 10), (corpus.test, 20)):
        pairs = set(zip(part.texts, part.labels, strict=True))
        assert len(pairs) == len(part) == size


def test_more_training_lines_leave_the_test_part_and_append() -> None:
    small, large = split(rows(60), "f", 10, 20), split(rows(60), "f", 30, 20)
    assert small.test == large.test
    assert large.train.texts[:10] == small.train.texts


def test_a_language_with_too_few_lines_is_only_tested_on() -> None:
    corpus = split(rows(29), "f", 20, 10)
    assert len(corpus.train) == len(corpus.dev) == 0
    assert set(corpus.test.texts) == set(rows(29).texts)


def test_a_corpus_file_keeps_lines_fingerprint_and_provenance(tmp_path: Path) -> None:
    corpus = split(rows(40), "f", 20, 10, dev_size=5)
    path = tmp_path / "corpora" / "sw.parquet"
    write_corpus(corpus, path, {"licence": "Apache-2.0", "source": "größer"})
    assert read_corpus(path) == (corpus, {"licence": "Apache-2.0", "source": "größer"})
    assert [p.name for p in path.parent.iterdir()] == ["sw.parquet"]


def test_another_file_is_no_corpus_file(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    path.write_bytes(b"no parquet")
    with pytest.raises(InputError, match="not a readable Parquet file"):
        read_corpus(path)
    with pytest.raises(InputError, match="no such corpus file"):
        read_corpus(tmp_path / "absent.parquet")
