"""Everything that is looked at before a text is admitted, as findings.

Each check is a function of rows or of their split; `check_corpus` is the list of them. Nothing is
read or written here, and every check is linear in the length of the text.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from proxylm.checks import language, leaks, rows
from proxylm.checks.findings import Finding, Level, finding
from proxylm.checks.leaks import Side, sides
from proxylm.corpora import CorpusSplit
from proxylm.readers import Row

__all__ = ["Declared", "Finding", "Side", "check_corpus", "sides"]

UNKNOWN_LICENCE = "unknown"

CHECKS = (
    "licence", "empty", "tags", "labels", "duplicates", "identical", "control", "encoding", "html",
    "long", "script", "language", "near_duplicates", "contamination", "size",
)  # fmt: skip
NEVER_ALLOWED = ("empty", "tags", "labels", "licence")
"""Checks whose errors nobody can wave through: such a text cannot be used at all."""


class Declared(NamedTuple):
    """What is said about a text."""

    task: str
    language: str
    with_language: str | None = None  # of the target text, for mt
    licence: str | None = None
    known_labels: Collection[str] = ()  # of the corpus's other languages; empty: any will do
    allowed: Collection[str] = ()  # checks whose errors the user takes for warnings


def check_corpus(
    text: Sequence[Row], split: CorpusSplit, declared: Declared, others: Iterable[Side] = ()
) -> list[Finding]:
    """What there is to say about the rows and their split, errors first.

    `others` are the languages of the home's other corpora. An error of a check that is allowed
    is a warning. There is always a finding `size`.
    """
    target = declared.with_language or declared.language
    found = [
        *_licence(declared.licence),
        *rows.empty(text),
        *rows.labels(declared.task, text, set(declared.known_labels)),
        *rows.duplicates(declared.task, text),
    ]
    texts = [("text", declared.language, [row.text for row in text])]
    if declared.task == "mt":
        found += rows.identical(text)
        texts.append(("target text", target, [row.label for row in text]))
    if declared.task == "slot":
        found += rows.tags(text)
    places = [row.place for row in text]
    for what, code, lines in texts:
        found += rows.patterns(what, lines, places)
        found += language.script(what, code, lines, places)
        found += language.language(what, code, lines)
    found += leaks.between_parts(split)
    found += leaks.between_corpora(sides("", split, declared.language, target), others)
    found.append(_sizes(text, split))
    order: list[Level] = ["error", "warning", "note"]
    return sorted(
        (_allow(each, declared.allowed) for each in found), key=lambda x: order.index(x.level)
    )


def _allow(found: Finding, allowed: Collection[str]) -> Finding:
    if found.level != "error" or found.check in NEVER_ALLOWED:
        return found
    if found.check in allowed:
        return found._replace(level="warning", message=f"{found.message} (allowed)")
    return found._replace(way_on=f"{found.way_on}; if it is right, say --allow {found.check}")


def _licence(licence: str | None) -> list[Finding]:
    if not licence:
        way_on = f"name it with --licence, or say --licence {UNKNOWN_LICENCE}"
        return [finding("error", "licence", "the text has no licence", way_on=way_on)]
    if licence.casefold() == UNKNOWN_LICENCE:
        message = "the licence is unknown: scores on the text may be private"
        return [finding("warning", "licence", message, way_on="find out who owns the text")]
    return []


def _sizes(text: Sequence[Row], split: CorpusSplit) -> Finding:
    """Always there, so that a text without other findings is known to be checked."""
    message = (
        f"{len(text)} rows: {len(split.train)} train, {len(split.dev)} dev, {len(split.test)} test"
    )
    way_on = "" if len(split.train) else "too few for training: models are only tested on it"
    return finding("note", "size", message, way_on=way_on)._replace(n_rows=len(text))
