"""Text in: labelled lines, their split into train, dev and test, and the file they travel in.

A line is a text and a label: utterance and intent, or for translation source and target. The
split depends on the corpus fingerprint and the lines alone. This module knows no languages and
no models; where generated utterances come from is in `home_assistant.py`.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from proxylm.errors import InputError
from proxylm.landing import write_atomically

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


def read_labelled(path: Path, aligned: Path | None = None) -> Labelled:
    """Lines of one TSV file (`text<TAB>label`), or of two files aligned line by line.

    Surrounding white space is removed. Raises InputError naming the file and the line for a
    missing or empty file, bytes that are not UTF-8, a line without exactly one tab, a blank text
    or label, and for aligned files of different length.
    """
    lines = _lines(path)
    if aligned is None:
        rows = []
        for number, line in enumerate(lines, start=1):
            fields = line.split("\t")
            if len(fields) != 2:
                raise InputError(
                    f"{path}, line {number}: {len(fields) - 1} tabs; "
                    "a line is a text, one tab and a label"
                )
            rows.append((fields[0].strip(), fields[1].strip()))
        places = [path, path]
    else:
        others = _lines(aligned)
        if len(lines) != len(others):
            raise InputError(
                f"{path} has {len(lines)} lines and {aligned} has {len(others)}; "
                "files that belong together have one line for each line of the other"
            )
        rows = [(a.strip(), b.strip()) for a, b in zip(lines, others, strict=True)]
        places = [path, aligned]
    for number, row in enumerate(rows, start=1):
        for what, value, place in zip(("text", "label"), row, places, strict=True):
            if not value:
                raise InputError(f"{place}, line {number}: the {what} is blank")
    return _labelled(rows)


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
    try:
        table = pq.read_table(path)
    except FileNotFoundError as error:
        raise InputError(f"{path}: there is no such corpus file") from error
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(f"{path}: not a readable Parquet file ({error})") from error
    metadata = table.schema.metadata or {}
    if b"plm_corpus" not in metadata or table.column_names != _SCHEMA.names:
        raise InputError(f"{path}: not a corpus file of this program")
    rows: dict[str, list[tuple[str, str]]] = {name: [] for name in _PARTS}
    for row in table.to_pylist():
        rows[row["split"]].append((row["text"], row["label"]))
    parts = {name: _labelled(rows[name]) for name in _PARTS}
    return StoredCorpus(
        CorpusSplit(**parts, fingerprint=metadata[b"fingerprint"].decode()),
        json.loads(metadata[b"provenance"]),
    )


def _lines(path: Path) -> list[str]:
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise InputError(f"{path}: there is no such file") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = data[: error.start].count(b"\n") + 1
        raise InputError(f"{path}, line {number}: not UTF-8; convert the file first") from error
    # Only \n ends a line: str.splitlines would also break at U+2028 and misalign two files.
    lines = text.removesuffix("\n").split("\n") if text.strip() else []
    if not lines:
        raise InputError(f"{path}: the file is empty")
    return [line.removesuffix("\r") for line in lines]


def _labelled(rows: Sequence[tuple[str, str]]) -> Labelled:
    return Labelled(tuple(text for text, _ in rows), tuple(label for _, label in rows))


def _rank(fingerprint: str, text: str) -> str:
    return hashlib.sha256(f"{fingerprint}\n{text}".encode()).hexdigest()


def _without_texts_of(
    rows: Sequence[tuple[str, str]], others: Sequence[tuple[str, str]]
) -> list[tuple[str, str]]:
    taken = {text for text, _ in others}
    return [row for row in rows if row[0] not in taken]
