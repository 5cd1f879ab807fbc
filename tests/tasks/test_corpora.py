"""A text is admitted whole, or refused with nothing written; what was found stays on record."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from proxylm.catalogue import read_catalogue
from proxylm.corpora import Sizes, read_corpus
from proxylm.errors import InputError, UsageError
from proxylm.readers import Row
from tasks.catalogue import fetch_catalogue, part_path
from tasks.corpora import Admitted, Offer, RefusedText, admit_part
from tests.django_text import pairs
from warehouse.database import reading
from warehouse.home import Home


def rows(locale: str = "fi", start: int = 0, n: int = 60) -> list[Row]:
    both = pairs(locale)
    found = list(zip(both.labels, both.texts, strict=True))[start : start + n]
    return [Row(a, b, f"line {i}") for i, (a, b) in enumerate(found, 1)]


def admit(home: Home, text: Any = None, corpus: str = "ui", **options: Any) -> Admitted:
    options = {"with_language": "eng_Latn", "licence": "BSD-3-Clause", **options}
    return admit_part(home, "mt", "fi", rows() if text is None else text, corpus, **options)


def files(home: Home) -> dict[str, str]:
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for folder in (home.catalogue, home.corpora)
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_text_is_kept_named_in_the_catalogue_and_fetched_as_promised(home: Home) -> None:
    added = admit(home)
    assert added.sizes == Sizes(40, 0, 20)
    fetch_catalogue(str(home.path))
    (corpus,) = read_catalogue(home.catalogue).corpora
    (part,) = corpus.parts
    assert (corpus.id, part, corpus.licence) == ("ui", added.part, "BSD-3-Clause")
    split = read_corpus(part_path(home, "ui", part)).split
    assert split.fingerprint == added.fingerprint
    assert (len(split.train), len(split.test)) == (40, 20)


def test_a_dry_run_says_the_same_and_writes_nothing(home: Home) -> None:
    before = files(home)
    tried = admit(home, dry_run=True)
    assert files(home) == before
    assert admit(home) == tried


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        (lambda: [*rows(n=59), Row("", "x", "line 60")], {}, r"the text is blank \(line 60\)"),
        (rows, {"licence": None}, "no licence: name it with --licence, or say --licence unknown"),
        (lambda: [Row(x, y, "") for y, x, *_ in rows()], {}, "is not admitted, nothing was added"),
        (lambda: Path("absent.tmx"), {}, "no such file"),
        (rows, {"offer": Offer(allowed=("empty",))}, "--allow empty"),
        (rows, {"offer": Offer(test_size=60)}, "train_size"),
        (rows, {"corpus": "../ui"}, "corpus '../ui'"),
        (rows, {"with_language": None}, "--with names the other language"),
    ],
)
def test_a_refused_text_leaves_no_trace(
    home: Home, text: Callable[[], Any], options: dict[str, Any], message: str
) -> None:
    before = files(home)
    with pytest.raises((InputError, UsageError), match=message):
        admit(home, text(), **options)
    assert files(home) == before


def test_a_given_partition_is_honoured(home: Home, tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    parts = ["train"] * 45 + ["validation"] * 5 + ["test"] * 10
    records = [
        {"source": row.text, "target": row.label, "split": part}
        for row, part in zip(rows(), parts, strict=True)
    ]
    path.write_text("".join(json.dumps(x) + "\n" for x in records))
    added = admit(home, path)
    assert added.sizes == Sizes(45, 5, 10)
    fetch_catalogue(str(home.path))
    split = read_corpus(part_path(home, "ui", added.part)).split
    assert split.fingerprint == added.fingerprint
    assert set(split.test.texts) == {row.text for row in rows()[50:]}
    assert set(split.dev.texts) == {row.text for row in rows()[45:50]}


def test_sizes_are_the_corpus_s_own(home: Home) -> None:
    admit(home, offer=Offer(test_size=10, dev_size=5))
    (corpus,) = read_catalogue(home.catalogue).corpora
    assert (corpus.train_size, corpus.dev_size, corpus.test_size) == (45, 5, 10)
    with pytest.raises(UsageError, match="corpus ui has a test_size of 10"):
        admit_part(home, "mt", "sv", rows("sv"), "ui", "eng_Latn", offer=Offer(test_size=20))


def test_contamination_and_an_unknown_licence_stay_on_record(home: Home) -> None:
    admit(home, corpus="old")
    fetch_catalogue(str(home.path))
    added = admit(home, rows(start=30), corpus="new", licence="unknown")
    assert {x.check for x in added.findings if x.level == "warning"} >= {"licence", "contamination"}
    fetch_catalogue(str(home.path))
    query = "SELECT finding, message, places FROM corpus_findings WHERE corpus_id = 'new'"
    with reading(home) as connection:
        found = connection.execute(query).fetchall()
        licences = connection.execute("SELECT corpus_id, licence FROM corpora").fetchall()
    assert ("new", "unknown") in licences
    assert "licence" in {name for name, _, _ in found}
    contamination = [(text, places) for name, text, places in found if name == "contamination"]
    assert contamination
    assert any("old (fin_Latn-eng_Latn)" in text for text, _ in contamination)
    before = home.snapshot.resolve()
    fetch_catalogue(str(home.path))  # what is checked is not checked again
    assert home.snapshot.resolve() == before


def test_an_allowed_error_is_in_the_catalogue(home: Home) -> None:
    text = [Row(row.label, f"{row.label}.", row.place) for row in rows(n=150)]
    with pytest.raises(RefusedText, match=r"seems to be English .* say --allow language"):
        admit(home, text)
    admit(home, text, offer=Offer(allowed=("language",)))
    (corpus,) = read_catalogue(home.catalogue).corpora
    assert corpus.parts[0].allowed == ("language",)
