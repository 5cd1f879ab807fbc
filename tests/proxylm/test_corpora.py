"""Reading labelled text, splitting it and keeping it in a file."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxylm.corpora import (
    CorpusSplit,
    Labelled,
    read_corpus,
    read_labelled,
    split,
    write_corpus,
)
from proxylm.errors import InputError


def rows(n: int) -> Labelled:
    return Labelled(tuple(f"text {i}" for i in range(n)), tuple(f"label {i % 3}" for i in range(n)))


def texts_of(corpus: CorpusSplit) -> tuple[set[str], set[str], set[str]]:
    return set(corpus.train.texts), set(corpus.dev.texts), set(corpus.test.texts)


def test_a_tsv_file_is_read_line_by_line(tmp_path: Path) -> None:
    path = tmp_path / "sw.tsv"
    path.write_bytes("\ufeffwasha taa\tTurnOn\r\nzima taa \tTurnOff".encode())
    assert read_labelled(path) == Labelled(("washa taa", "zima taa"), ("TurnOn", "TurnOff"))


def test_aligned_files_are_read_line_by_line(tmp_path: Path) -> None:
    source, target = tmp_path / "train.en", tmp_path / "train.sw"
    source.write_text("good\u2028day\nbye\n", encoding="utf-8")
    target.write_text("habari\nkwaheri\n", encoding="utf-8")
    assert read_labelled(source, target).texts == ("good\u2028day", "bye")
    assert read_labelled(source, target).labels == ("habari", "kwaheri")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"\n \n", "the file is empty"),
        (b"fine\tA\nno tab here\n", "line 2: 0 tabs"),
        (b"a\tb\tc\n", "line 1: 2 tabs"),
        (b"a\tA\n\nb\tB\n", "line 2: 0 tabs"),
        (b"fine\tA\n  \tB\n", "line 2: the text is blank"),
        (b"fine\tA\nalso fine\t \n", "line 2: the label is blank"),
        (b"fine\tA\n\xff\xfe\tB\n", "line 2: not UTF-8"),
    ],
)
def test_a_bad_line_is_refused_with_file_and_line(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "bad.tsv"
    path.write_bytes(content)
    with pytest.raises(InputError) as error:
        read_labelled(path)
    assert str(path) in str(error.value)
    assert message in str(error.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent\.tsv: there is no such file"):
        read_labelled(tmp_path / "absent.tsv")


def test_unequal_line_counts_name_both_files_and_counts(tmp_path: Path) -> None:
    (tmp_path / "a.en").write_text("one\ntwo\n")
    (tmp_path / "a.sw").write_text("moja\n")
    with pytest.raises(InputError, match=r"a\.en has 2 lines and .*a\.sw has 1"):
        read_labelled(tmp_path / "a.en", tmp_path / "a.sw")


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
