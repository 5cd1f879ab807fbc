"""Stage `catalogue`: fetch the text of the catalogue's corpora and register what it names."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefect import task

from proxylm import home_assistant
from proxylm.catalogue import Catalogue, CorpusEntry, PartEntry, read_catalogue
from proxylm.checks import Declared, Side, check_corpus, sides
from proxylm.corpora import CorpusSplit, Labelled, read_corpus, split_rows, write_corpus
from proxylm.errors import InputError
from proxylm.languages import resolve
from proxylm.readers import Row, Wanted, read_rows
from proxylm.records import Corpus, CorpusFinding, Language, Model
from tasks.facts import update_facts
from tasks.settings import LOCK_RETRIES, busy
from warehouse.findings import checked, record_findings
from warehouse.home import Home
from warehouse.loader import register

_GENERATORS = {
    "home-assistant-intents": (home_assistant.generate, home_assistant.provenance),
    "home-assistant-slots": (home_assistant.generate_slots, home_assistant.provenance_of_slots),
}
"""Readers that make text, and what it depends on; both are called with language, lines, seed."""


@dataclass(frozen=True)
class Fetched:
    """What the catalogue names, and what of it was new."""

    corpora: int
    parts: int
    models: int
    fetched: int  # parts whose text was made or read just now
    registered: int  # rows of languages, models and corpora that changed
    waiting: dict[str, str]  # corpus to what of its text is not there


def part_path(home: Home, corpus_id: str, part: PartEntry) -> Path:
    """Where the text of a part lies once it is fetched."""
    languages = "-".join(filter(None, (part.language, part.with_language)))
    return home.corpora / corpus_id / f"{languages}.parquet"


def text_path(home: Home, corpus_id: str, part: PartEntry) -> Path:
    """Where the text of a part of the reader `file` is, or is expected: JSONL or else TSV."""
    if part.path is not None:
        return home.path / part.path
    made = part_path(home, corpus_id, part)
    lines = made.with_suffix(".jsonl")
    return lines if lines.exists() else made.with_suffix(".tsv")


def without_text(home: Home, corpus: CorpusEntry) -> tuple[list[PartEntry], str]:
    """The parts whose text is neither there nor can be made, and that in words."""
    absent = [
        part
        for part in corpus.parts
        if part.reader not in _GENERATORS and not text_path(home, corpus.id, part).exists()
    ]
    if not absent:
        return [], ""
    first = text_path(home, corpus.id, absent[0])
    others = f", and so on for {len(absent) - 1} more" if len(absent) > 1 else ""
    return absent, f"{len(absent)} of {len(corpus.parts)} texts are absent: put {first}{others}"


def fetch_catalogue(home: str) -> Fetched:
    """Fetch the texts that are not there yet, and register languages, models and corpora.

    A part whose text is absent waits and stops no other.
    """
    here = Home.find(home)
    catalogue = read_catalogue(here.catalogue)
    splits: dict[tuple[str, PartEntry], CorpusSplit] = {}
    waiting: dict[str, str] = {}
    fetched = 0
    for corpus in catalogue.corpora:
        absent, reason = without_text(here, corpus)
        if absent:
            waiting[corpus.id] = reason
        for part in corpus.parts:
            if part in absent:
                continue
            splits[corpus.id, part], new = _fetch_part(here, corpus, part)
            fetched += new
    registered = register(
        here, _languages(catalogue), models_of(catalogue), _corpora(catalogue, splits)
    )
    update_facts(home)
    _check(here, catalogue, splits)
    return Fetched(
        len(catalogue.corpora),
        len(splits),
        len(catalogue.models),
        fetched,
        registered,
        waiting,
    )


def _fetch_part(home: Home, corpus: CorpusEntry, part: PartEntry) -> tuple[CorpusSplit, bool]:
    """The split text of a part, and whether it had to be made."""
    path = part_path(home, corpus.id, part)
    wanted = {"train_size": str(corpus.train_size), "test_size": str(corpus.test_size)}
    if corpus.dev_size:
        wanted["dev_size"] = str(corpus.dev_size)
    n_lines = corpus.train_size + corpus.dev_size + corpus.test_size
    generated = _GENERATORS.get(part.reader)
    if generated:
        wanted |= generated[1](part.language, n_lines, corpus.seed)
    else:
        wanted |= {"sha256": _file_digest(text_path(home, corpus.id, part))}
    if path.exists():
        present = read_corpus(path)
        if present.provenance == wanted:
            return present.split, False
    if generated:
        rows = rows_of(generated[0](part.language, n_lines, corpus.seed), "line")
    else:
        reading = Wanted(corpus.task, part.language, part.with_language)
        rows = read_rows(text_path(home, corpus.id, part), reading).rows
    made = split_rows(rows, corpus.train_size, corpus.test_size, corpus.dev_size)
    write_corpus(made, path, wanted)
    return made, True


def rows_of(lines: Labelled, what: str) -> list[Row]:
    """Lines as rows, with `what` and their number for a place."""
    pairs = zip(lines.texts, lines.labels, strict=True)
    return [Row(text, label, f"{what} {n}") for n, (text, label) in enumerate(pairs, start=1)]


def sides_of_others(
    home: Home, catalogue: Catalogue, corpus_id: str, part: PartEntry
) -> list[Side]:
    """The texts of all other corpora that are in a language of `part`."""
    wanted = {part.language, part.with_language} - {None}
    found = []
    for corpus in catalogue.corpora:
        for other in corpus.parts if corpus.id != corpus_id else ():
            path = part_path(home, corpus.id, other)
            target = other.with_language or other.language
            if path.exists() and wanted & {other.language, target}:
                name = f"{corpus.id} ({path.stem})"
                found += sides(name, read_corpus(path).split, other.language, target)
    return found


def _check(
    home: Home, catalogue: Catalogue, splits: dict[tuple[str, PartEntry], CorpusSplit]
) -> None:
    """Record what the checks find in the texts that were not checked yet.

    Nothing is refused here: what `add-corpus` would refuse may be in a file of the catalogue,
    and whoever reads its scores is to see it.
    """
    known = checked(home)
    found: list[CorpusFinding] = []
    for corpus in catalogue.corpora:
        for part in corpus.parts:
            if (corpus.id, part) not in splits:
                continue
            split = splits[corpus.id, part]
            key = (corpus.id, part.language, part.with_language or part.language, split.fingerprint)
            if key in known:
                continue
            rows = [
                row
                for name in ("train", "dev", "test")
                for row in rows_of(getattr(split, name), name)
            ]
            declared = Declared(
                corpus.task,
                part.language,
                part.with_language,
                part.licence or corpus.licence,
                allowed=part.allowed,
            )
            others = sides_of_others(home, catalogue, corpus.id, part)
            found += [
                CorpusFinding(
                    *key,
                    each.level,
                    each.check,
                    each.message,
                    each.n_rows,
                    each.places,
                    each.examples,
                    each.way_on,
                )
                for each in check_corpus(rows, split, declared, others)
            ]
    if found:
        record_findings(home, found)


def _file_digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise InputError(
            f"{path}: {error.strerror}; put the text back, or take its part out of the catalogue"
        ) from None


def _languages(catalogue: Catalogue) -> list[Language]:
    codes = {
        code
        for corpus in catalogue.corpora
        for part in corpus.parts
        for code in (part.language, part.with_language)
        if code
    }
    found = [resolve(code) for code in sorted(codes)]
    return [
        Language(x.code, x.name, x.script, x.script_assumed, x.spelling, "catalogue") for x in found
    ]


def models_of(catalogue: Catalogue) -> list[Model]:
    """The models that a catalogue names, as the warehouse has them."""
    return [
        Model(
            entry.id,
            entry.revision,
            entry.kind,
            entry.n_parameters,
            (entry.mode,) if entry.role == "proxy" else (),
            (entry.mode,) if entry.role == "estimated" else (),
            "catalogue",
        )
        for entry in catalogue.models
    ]


def _corpora(
    catalogue: Catalogue, splits: dict[tuple[str, PartEntry], CorpusSplit]
) -> list[Corpus]:
    found = []
    for corpus in catalogue.corpora:
        for part in corpus.parts:
            if (corpus.id, part) not in splits:
                continue
            text = splits[corpus.id, part]
            sizes = (len(text.train.texts), len(text.dev.texts), len(text.test.texts))
            found.append(
                Corpus(
                    corpus.id,
                    part.language,
                    part.with_language or part.language,
                    text.fingerprint,
                    corpus.task,
                    *sizes,
                    part.licence or corpus.licence,
                    part.path or part.reader,
                )
            )
    return found


catalogue_task: Any = task(name="catalogue", retry_condition_fn=busy, **LOCK_RETRIES)(
    fetch_catalogue
)
