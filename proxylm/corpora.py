"""Labelled lines: their split into train, dev and test, and the file they travel in.

A line is a text and a label: utterance and intent, or for translation source and target. The
split depends on the corpus fingerprint and the lines alone. This module knows no languages and
no models; where lines come from is in `readers/` and `home_assistant.py`.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from proxylm.errors import InputError
from proxylm.identity import corpus_fingerprint, digest
from proxylm.landing import write_atomically
from proxylm.readers import Row

FORMAT_VERSION = "1"

_PARTS = ("train", "dev", "test")
_SCHEMA = pa.schema([(name, pa.string()) for name in ("split", "text", "label")])


@dataclass(frozen=True)
class Labelled:
    """Texts with their labels, line by line."""

    texts: tuple[str, ...]
    labels: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.texts)


@dataclass(frozen=True)
class CorpusSplit:
    """One language (or pair) of a corpus, ready for training and testing. Parts may be empty."""

    train: Labelled
    dev: Labelled
    test: Labelled
    fingerprint: str  # of the whole corpus, see `identity.corpus_fingerprint`


class StoredCorpus(NamedTuple):
    """What `read_corpus` returns."""

    split: CorpusSplit
    provenance: dict[str, str]


class Sizes(NamedTuple):
    """Lines of each part."""

    train: int
    dev: int
    test: int


def natural_sizes(rows: Sequence[Row]) -> Sizes:
    """The sizes that use all rows: those of their own partition, else a third for testing, at
    most 1,000, and the rest for training."""
    texts: dict[str | None, set[str]] = {}
    for row in rows:
        texts.setdefault(row.part, set()).add(row.text)
    train, dev, test = (texts.get(part, set()) for part in _PARTS)
    if not (train or dev or test):
        n = len(texts.get(None, ()))
        n_test = max(1, min(1000, n // 3))
        return Sizes(max(1, n - n_test), 0, n_test)
    return Sizes(max(1, len(train - test)), len(dev - test - train), max(1, len(test)))


def split_rows(
    rows: Sequence[Row], train_size: int, test_size: int, dev_size: int = 0
) -> CorpusSplit:
    """The split of rows, with its fingerprint: their own partition if they bring one, else ours."""
    parts = [row.part for row in rows]
    # The test size decides which lines are tested on, so it is part of what the text is. The
    # training size is not: it is in the key of a training, and the test lines stay the same.
    identity: dict[str, Any] = {
        "lines": corpus_fingerprint([(row.text, row.label) for row in rows]),
        "test_size": test_size,
    }
    if dev_size:  # the dev lines decide when a training ends
        identity["dev_size"] = dev_size
    if any(parts):
        identity["parts"] = parts
    fingerprint = digest(identity)
    if not any(parts):
        return split(
            _labelled([(row.text, row.label) for row in rows]),
            fingerprint,
            train_size,
            test_size,
            dev_size,
        )
    return _given_split(rows, fingerprint, train_size, test_size, dev_size)


def split(
    rows: Labelled, fingerprint: str, train_size: int, test_size: int, dev_size: int = 0
) -> CorpusSplit:
    """Train, dev and test lines, the same whatever the order of `rows`.

    Equal lines count once. Lines are ordered by SHA-256 of fingerprint and text; the test part
    comes first, so that asking for more training lines leaves it as it is and only appends to the
    training lines. A text that is in one part is in no other (with other labels, it is left out
    there). With fewer than `train_size + test_size` usable lines the language is only tested on:
    train and dev are empty and every line is a test line. dev gets at most `dev_size` of what is
    left over.
    """
    distinct = set(zip(rows.texts, rows.labels, strict=True))
    ordered = sorted(distinct, key=lambda row: (_rank(fingerprint, row[0]), row))
    test = ordered[:test_size]
    rest = _without_texts_of(ordered[test_size:], test)
    train = rest[:train_size]
    if len(test) < test_size or len(train) < train_size:
        return CorpusSplit(_labelled([]), _labelled([]), _labelled(ordered), fingerprint)
    dev = _without_texts_of(rest[train_size:], train)[:dev_size]
    return CorpusSplit(_labelled(train), _labelled(dev), _labelled(test), fingerprint)


def _given_split(
    rows: Sequence[Row], fingerprint: str, train_size: int, test_size: int, dev_size: int
) -> CorpusSplit:
    """As `split`, from the rows' own parts. Test lines are only ever taken from the test part."""
    ordered: dict[str, list[tuple[str, str]]] = {name: [] for name in _PARTS}
    for name in _PARTS:
        distinct = {(row.text, row.label) for row in rows if row.part == name}
        ordered[name] = sorted(distinct, key=lambda row: (_rank(fingerprint, row[0]), row))
    test = ordered["test"][:test_size]
    train = _without_texts_of(ordered["train"], ordered["test"])[:train_size]
    if len(test) < test_size or len(train) < train_size:
        empty = _labelled([])
        return CorpusSplit(empty, empty, _labelled(ordered["test"]), fingerprint)
    dev = _without_texts_of(ordered["dev"], [*ordered["test"], *train])[:dev_size]
    return CorpusSplit(_labelled(train), _labelled(dev), _labelled(test), fingerprint)


def write_corpus(corpus: CorpusSplit, path: Path, provenance: Mapping[str, str]) -> None:
    """Write `split, text, label` as Parquet, whole or not at all.

    Fingerprint and `provenance` (where the lines come from, and under which licence) are in the
    schema's metadata.
    """
    columns: dict[str, list[str]] = {name: [] for name in _SCHEMA.names}
    for name in _PARTS:
        part: Labelled = getattr(corpus, name)
        columns["split"] += [name] * len(part)
        columns["text"] += part.texts
        columns["label"] += part.labels
    metadata = {
        "plm_corpus": FORMAT_VERSION,
        "fingerprint": corpus.fingerprint,
        "provenance": json.dumps(dict(provenance), ensure_ascii=False, sort_keys=True),
    }
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns, _SCHEMA.with_metadata(metadata)), sink, compression="zstd")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, memoryview(sink.getvalue()))


def read_corpus(path: Path) -> StoredCorpus:
    """The split and the provenance that `write_corpus` wrote; InputError if it is no such file."""
    table = _read(path)
    metadata = table.schema.metadata
    rows: dict[str, list[tuple[str, str]]] = {name: [] for name in _PARTS}
    for row in table.to_pylist():
        rows[row["split"]].append((row["text"], row["label"]))
    parts = {name: _labelled(rows[name]) for name in _PARTS}
    return StoredCorpus(
        CorpusSplit(**parts, fingerprint=metadata[b"fingerprint"].decode()),
        json.loads(metadata[b"provenance"]),
    )


def _read(path: Path, columns: list[str] | None = None) -> pa.Table:
    try:
        with pq.ParquetFile(path) as file:
            schema = file.schema_arrow
            if b"plm_corpus" not in (schema.metadata or {}) or schema.names != _SCHEMA.names:
                raise InputError(f"{path}: not a corpus file of this program")
            return file.read(columns)
    except FileNotFoundError as error:
        raise InputError(
            f"{path}: there is no such corpus file; copy it from the home that has it, or let "
            "`plm-admin refresh` fetch it from its source"
        ) from error
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(f"{path}: not a readable Parquet file ({error})") from error


class CorpusSizes(NamedTuple):
    """A corpus without its lines."""

    fingerprint: str
    n_train: int
    n_test: int


def read_sizes(path: Path) -> CorpusSizes:
    """What a plan needs of a corpus, without reading its texts; errors as of `read_corpus`."""
    table = _read(path, columns=["split"])
    counts = Counter(table["split"].to_pylist())
    fingerprint = table.schema.metadata[b"fingerprint"].decode()
    return CorpusSizes(fingerprint, counts["train"], counts["test"])


def _labelled(rows: Sequence[tuple[str, str]]) -> Labelled:
    return Labelled(tuple(text for text, _ in rows), tuple(label for _, label in rows))


def _rank(fingerprint: str, text: str) -> str:
    return hashlib.sha256(f"{fingerprint}\n{text}".encode()).hexdigest()


def _without_texts_of(
    rows: Sequence[tuple[str, str]], others: Sequence[tuple[str, str]]
) -> list[tuple[str, str]]:
    taken = {text for text, _ in others}
    return [row for row in rows if row[0] not in taken]
