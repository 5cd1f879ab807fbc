"""Reading labelled text, splitting it and keeping it in a file."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxylm.corpora import (
    CorpusSplit,
    Labelled,
    natural_sizes,
    read_corpus,
    split,
    split_rows,
    write_corpus,
)
from proxylm.errors import InputError
from proxylm.readers import Row


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


def as_rows(lines: Labelled, parts: Sequence[str | None] = ()) -> list[Row]:
    parts = parts or [None] * len(lines)
    return [
        Row(text, label, "", part)
        for text, label, part in zip(lines.texts, lines.labels, parts, strict=True)
    ]


def test_rows_without_a_partition_keep_the_fingerprint_they_always_had() -> None:
    # Scores in every warehouse rest on it: it must never change.
    made = split_rows(as_rows(rows(40)), 20, 10)
    assert made.fingerprint == "3a2eb87cb28f0cbcfe4e85752cb157c41329310c2f9ec6fedd4ee8021b076a01"
    assert made == split(rows(40), made.fingerprint, 20, 10)
    assert split_rows(as_rows(rows(40)), 25, 10).fingerprint == made.fingerprint
    assert split_rows(as_rows(rows(40)), 20, 11).fingerprint != made.fingerprint


def test_a_given_partition_is_kept_and_shared_texts_stay_in_test() -> None:
    parts = ["train"] * 25 + ["dev"] * 5 + ["test"] * 10
    lines = rows(40)
    made = split_rows(
        [*as_rows(lines, parts), Row("text 39", "label 0", "", "train")], 20, 10, dev_size=5
    )
    train, dev, test = texts_of(made)
    assert test == set(lines.texts[30:])
    assert dev == set(lines.texts[25:30])
    assert train < set(lines.texts[:25])
    assert made.fingerprint != split_rows(as_rows(lines), 20, 10, dev_size=5).fingerprint
    few = split_rows(as_rows(lines, parts), 26, 10)
    assert len(few.train) == 0
    assert texts_of(few)[2] == set(lines.texts[30:])  # never training lines


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30), st.sampled_from(["train", "dev", "test"]))))
def test_the_natural_sizes_of_a_given_partition_use_all_of_it(
    lines: list[tuple[int, str]],
) -> None:
    given_rows = [Row(f"text {i}", "x", "", part) for i, part in [(99, "test"), *lines]]
    sizes = natural_sizes(given_rows)
    made = split_rows(given_rows, sizes.train, sizes.test, sizes.dev)
    if len(made.train):  # else every training text is a test text as well
        assert tuple(map(len, (made.train, made.dev, made.test))) == sizes
    assert texts_of(made)[2] == {row.text for row in given_rows if row.part == "test"}
