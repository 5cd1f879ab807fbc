"""What single rows must look like, whatever the language."""

import re
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

from proxylm.catalogue import did_you_mean
from proxylm.checks.findings import Finding, Hit, Level, finding, shown
from proxylm.readers import Row


def empty(rows: Sequence[Row]) -> list[Finding]:
    """Blank texts and labels; in aligned files they mostly mean that lines have slipped."""
    found = []
    for what, name in (("text", "text"), ("label", "label")):
        hits = [Hit(row.place) for row in rows if not getattr(row, name)]
        if hits:
            message = f"{len(hits)} of {len(rows)} rows: the {what} is blank"
            found.append(finding("error", "empty", message, hits, "fill it in, or take them out"))
    return found


def labels(task: str, rows: Sequence[Row], known: Collection[str]) -> list[Finding]:
    """Labels that no other language of the corpus has (`known`; any, where it is empty)."""
    unknown = [
        Hit(row.place, label)
        for row in rows
        for label in (row.label.split() if task == "slot" else [row.label])
        if known and label and label not in known
    ]
    if not unknown:
        return []
    place, label = unknown[0]
    message = (
        f"{place}: label {shown(label)!r} is in no other language of the corpus"
        f"{did_you_mean(label[:60], known)}"
    )
    way_on = "use the same labels, or another corpus"
    return [finding("error", "labels", message, unknown, way_on)]


def tags(rows: Sequence[Row]) -> list[Finding]:
    """Slots: one BIO tag for each word."""
    hits = [Hit(row.place, row.label) for row in rows if row.text and not _fits(row)]
    if not hits:
        return []
    message = f"{len(hits)} of {len(rows)} rows have not one BIO tag for each word"
    way_on = "words and tags are parted by single spaces; tags are O, B-... and I-..."
    return [finding("error", "tags", message, hits, way_on)]


def _fits(row: Row) -> bool:
    found = row.label.split(" ")
    return len(row.text.split(" ")) == len(found) and all(
        tag == "O" or tag[:2] in ("B-", "I-") for tag in found
    )


def duplicates(task: str, rows: Sequence[Row]) -> list[Finding]:
    """Equal rows, and for labels equal texts with different ones."""
    seen: set[tuple[str, str]] = set()
    label_of: dict[str, str] = {}
    repeated, contradicting = [], []
    for row in rows:
        if (row.text, row.label) in seen:
            repeated.append(Hit(row.place, row.text))
        elif label_of.setdefault(row.text, row.label) != row.label and task != "mt":
            contradicting.append(Hit(row.place, row.text))
        seen.add((row.text, row.label))
    found = []
    if repeated:
        message = f"{len(repeated)} of {len(rows)} rows repeat an earlier one and count once"
        found.append(finding("note", "duplicates", message, repeated))
    if contradicting:
        message = f"{len(contradicting)} rows have the text of an earlier one and another label"
        way_on = "keep one label a text"
        found.append(finding("warning", "duplicates", message, contradicting, way_on))
    return found


def identical(rows: Sequence[Row]) -> list[Finding]:
    """Translations that are none."""
    hits = [Hit(r.place, r.text) for r in rows if r.text and r.text == r.label]
    if not hits:
        return []
    message = f"{len(hits)} of {len(rows)} rows have the same text in both languages"
    level: Level = "error" if len(hits) > 0.5 * len(rows) else "warning"
    return [finding(level, "identical", message, hits, "take untranslated rows out")]


class _Pattern(NamedTuple):
    """Something that no text should hold."""

    check: str
    what: str
    search: Callable[[str], object]
    error_share: float  # of the texts; above it the text is not admitted
    way_on: str


_HTML = re.compile(r"</?[A-Za-z][^<>]{0,300}>|&(?:[A-Za-z]{2,10}|#[0-9]{2,6}|#x[0-9a-f]{2,5});")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff]")
_LATER = "[\u0080-\u00bf\u0152-\u0178\u0192\u02c6\u02dc\u2013-\u203a\u20ac\u2122]"
_MISREAD = re.compile(f"[\u00c2-\u00df]{_LATER}|[\u00e0-\u00ef]{_LATER}{_LATER}")


def _misread(text: str) -> bool:
    """UTF-8 that somebody read as Windows-1252: `CafÃ©`."""
    for match in _MISREAD.finditer(text):
        try:
            match.group().encode("cp1252").decode("utf-8")
            return True
        except UnicodeError:
            continue
    return False


_PATTERNS = (
    _Pattern("encoding", "hold the replacement character U+FFFD", lambda t: "\ufffd" in t, 0.05,
             "the file was converted with a wrong encoding: convert it again"),
    _Pattern("encoding", "look like UTF-8 read as Windows-1252", _misread, 0.05,
             "the file was converted with a wrong encoding: convert it again"),
    _Pattern("control", "hold control characters", _CONTROL.search, 0.1, "remove them"),
    _Pattern("html", "hold HTML tags or entities", _HTML.search, 0.2, "convert it to plain text"),
    _Pattern("long", "have more than 20,000 letters", lambda t: len(t) > 20_000, 0.0,
             "a line is one sentence or one utterance: are line breaks missing?"),
    _Pattern("long", "have 2,000 to 20,000 letters", lambda t: 2_000 < len(t) <= 20_000, 1.0,
             "models cut them: part them into sentences"),
)  # fmt: skip


def patterns(what: str, texts: Sequence[str], places: Sequence[str]) -> list[Finding]:
    """What no text should hold: markup, control characters, traces of a wrong encoding, books."""
    found = []
    for pattern in _PATTERNS:
        hits = [
            Hit(place, text)
            for place, text in zip(places, texts, strict=True)
            if pattern.search(text)
        ]
        if hits:
            level: Level = "error" if len(hits) > pattern.error_share * len(texts) else "warning"
            message = f"{len(hits)} of {len(texts)} {what}s {pattern.what}"
            found.append(finding(level, pattern.check, message, hits, pattern.way_on))
    return found
