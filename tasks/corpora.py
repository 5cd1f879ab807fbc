"""A text becomes part of a corpus: read, checked, kept in the home and named in the catalogue.

No stage of the refresh; `plm-admin add-corpus` and `add-language` call it. The text is split and
registered by the stage `catalogue`, so nothing here opens the warehouse.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from proxylm.catalogue import (
    Catalogue,
    CorpusEntry,
    PartEntry,
    add_part,
    did_you_mean,
    read_catalogue,
    refuse_double,
)
from proxylm.checks import CHECKS, NEVER_ALLOWED, Declared, Finding, check_corpus
from proxylm.checks.findings import Hit, finding
from proxylm.corpora import Sizes, natural_sizes, read_corpus, split_rows
from proxylm.errors import InputError, UsageError
from proxylm.evaluation.texts import label_set
from proxylm.landing import write_atomically
from proxylm.languages import resolve
from proxylm.readers import Read, Row, Wanted, read_rows
from tasks.catalogue import sides_of_others, without_text
from warehouse.home import Home


class RefusedText(InputError):
    """A text with errors; `findings` has all that was found."""

    def __init__(self, name: str, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        errors = [x for x in findings if x.level == "error"]
        lines = []
        for error in errors:
            where = f" ({', '.join(error.places)})" if error.places else ""
            lines.append(f"{error.message}{where}: {error.way_on}")
        super().__init__(f"{name} is not admitted, nothing was added; {'; '.join(lines)}")


class Offer(NamedTuple):
    """How a file is to be read, beside its languages."""

    format_name: str | None = None  # one of `readers.FORMATS`; None: by the file's name
    aligned: Path | None = None  # file of the second column
    columns: Mapping[str, str] = {}  # text, label, split -> name in the file
    train_size: int | None = None  # of a new corpus; None: see `corpora.natural_sizes`
    dev_size: int | None = None
    test_size: int | None = None
    allowed: tuple[str, ...] = ()  # checks whose errors are only warned of


PLAIN = Offer()


class Admitted(NamedTuple):
    """What was, or with a dry run would be, added."""

    corpus_id: str
    part: PartEntry
    findings: tuple[Finding, ...]
    sizes: Sizes
    fingerprint: str


def admit_part(
    home: Home,
    task: str,
    language: str,
    text: Path | Sequence[Row],
    corpus: str | None = None,
    with_language: str | None = None,
    licence: str | None = None,
    offer: Offer = PLAIN,
    dry_run: bool = False,
) -> Admitted:
    """Check a text and make it a part of a corpus: the named one, or the only one of the task.

    A name that the catalogue lacks is a new corpus. For mt the text is from `language` into
    `with_language`. Raises UsageError for what cannot be, InputError for a file that cannot be
    read or a language that the corpus has, and RefusedText where a check finds an error; then
    nothing is written.
    """
    code = resolve(language).code
    other = resolve(with_language).code if with_language else None
    if (other is not None) != (task == "mt"):
        raise UsageError("--with names the other language of mt; give it for mt and only there")
    _check_allowed(offer.allowed)
    if isinstance(text, Path):
        wanted = Wanted(task, code, other, offer.aligned, offer.columns)
        read = read_rows(text, wanted, offer.format_name)
        name = str(text)
    else:
        read, name = Read(list(text), [], "rows"), "the text"
    catalogue = read_catalogue(home.catalogue)
    entry = _corpus(catalogue, task, corpus, licence, read.rows, offer)
    part = _part(home, entry, code, other, read.rows, licence, offer)
    _refuse_double(home, name, entry, part)
    made = split_rows(read.rows, entry.train_size, entry.test_size, entry.dev_size)
    declared = Declared(
        task,
        code,
        other,
        licence or entry.licence,
        _known_labels(home, entry),
        offer.allowed,
    )
    others = sides_of_others(home, catalogue, entry.id, part)
    findings = (*check_corpus(read.rows, made, declared, others), *_left_out(read))
    if any(x.level == "error" for x in findings):
        raise RefusedText(name, findings)
    if not dry_run:
        _keep(home.path / str(part.path), read.rows)
        add_part(home.catalogue, entry, part)
    sizes = Sizes(len(made.train), len(made.dev), len(made.test))
    return Admitted(entry.id, part, findings, sizes, made.fingerprint)


def _check_allowed(allowed: Sequence[str]) -> None:
    may_be = [name for name in CHECKS if name not in NEVER_ALLOWED]
    for name in allowed:
        if name not in may_be:
            raise UsageError(
                f"--allow {name}{did_you_mean(name, may_be) or ';'} there are {', '.join(may_be)}"
            )


def _corpus(
    catalogue: Catalogue,
    task: str,
    name: str | None,
    licence: str | None,
    rows: Sequence[Row],
    offer: Offer,
) -> CorpusEntry:
    """The corpus to add to: the named one, the only one of the task, or a new one."""
    of_task = [corpus for corpus in catalogue.corpora if corpus.task == task]
    if name is None:
        if len(of_task) != 1:
            has = ", ".join(corpus.id for corpus in of_task) or "none"
            raise UsageError(f"name the corpus with --corpus; the catalogue's for {task}: {has}")
        name = of_task[0].id
    given = {
        "train_size": offer.train_size,
        "dev_size": offer.dev_size,
        "test_size": offer.test_size,
    }
    for known in catalogue.corpora:
        if known.id != name:
            continue
        if known.task != task:
            raise UsageError(f"corpus {name} is for {known.task}, not {task}")
        for size, value in given.items():
            if value not in (None, getattr(known, size)):
                option = f"--{size.replace('_', '-')}"
                raise UsageError(
                    f"corpus {name} has a {size} of {getattr(known, size)}, the same for all its "
                    f"languages; leave {option} out, or name another corpus"
                )
        return known
    natural = natural_sizes(rows)
    test_size = natural.test if offer.test_size is None else offer.test_size
    dev_size = natural.dev if offer.dev_size is None else offer.dev_size
    left = natural.train if any(row.part for row in rows) else sum(natural) - test_size - dev_size
    sizes = {
        "train_size": left if offer.train_size is None else offer.train_size,
        "dev_size": dev_size,
        "test_size": test_size,
    }
    try:
        return CorpusEntry.model_validate({"id": name, "task": task, "licence": licence, **sizes})
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise UsageError(f"corpus {name!r}: {place}: {first['msg']}") from None


def _part(
    home: Home,
    entry: CorpusEntry,
    language: str,
    with_language: str | None,
    rows: Sequence[Row],
    licence: str | None,
    offer: Offer,
) -> PartEntry:
    """The part, and where its text will lie: JSONL where it brings its own partition."""
    suffix = "jsonl" if any(row.part for row in rows) else "tsv"
    name = "-".join(filter(None, (language, with_language)))
    return PartEntry(
        language=language,
        with_language=with_language,
        reader="file",
        path=str((home.corpora / entry.id / f"{name}.{suffix}").relative_to(home.path)),
        licence=licence if licence != entry.licence else None,
        allowed=offer.allowed,
    )


def _refuse_double(home: Home, name: str, entry: CorpusEntry, part: PartEntry) -> None:
    """Raises InputError where the corpus has the language, unless its text is still awaited."""
    absent, _ = without_text(home, entry)
    there = [known for known in entry.parts if known not in absent]
    refuse_double(Path(name), entry.model_copy(update={"parts": (*there, part)}))


def _known_labels(home: Home, entry: CorpusEntry) -> set[str]:
    """Labels (of slots: tags) that the corpus's other languages have; none for mt."""
    known: set[str] = set()
    for path in sorted((home.corpora / entry.id).glob("*.parquet")):
        made = read_corpus(path).split
        for lines in (made.train, made.test):
            known |= set(label_set(entry.task, lines))
    return known


def _left_out(read: Read) -> list[Finding]:
    places: dict[str, list[Hit]] = {}
    for left in read.left_out:
        places.setdefault(left.reason, []).append(Hit(left.place))
    counts = Counter(left.reason for left in read.left_out)
    return [
        finding("note", "left_out", f"{counts[reason]} entries {reason} and are left out", hits)
        for reason, hits in places.items()
    ]


def _keep(path: Path, rows: Sequence[Row]) -> None:
    if path.suffix == ".jsonl":
        lines = [
            json.dumps({"text": r.text, "label": r.label, "split": r.part}, ensure_ascii=False)
            for r in rows
        ]
    else:
        lines = [f"{row.text}\t{row.label}" for row in rows]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, "".join(f"{line}\n" for line in lines).encode())
