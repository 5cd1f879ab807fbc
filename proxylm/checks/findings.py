"""What a check found in a text: how bad, what, where, how many, and what to do about it.

Texts come from outside, so what is shown of them is short and escaped. This module knows no check.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

Level = Literal["error", "warning", "note"]

SHOWN_PLACES = 5
SHOWN_EXAMPLES = 3
SHOWN_LETTERS = 80


class Finding(NamedTuple):
    """One kind of thing, wherever it was found."""

    level: Level  # error: the text is not admitted
    check: str  # name of the check
    message: str  # for a reader, with the numbers
    n_rows: int  # that it concerns
    places: tuple[str, ...]  # the first of them
    examples: tuple[str, ...]  # of these, escaped and cut
    way_on: str  # what to do; may be empty for a note


class Hit(NamedTuple):
    """A row that a check is about."""

    place: str
    text: str = ""


def finding(
    level: Level, check: str, message: str, hits: Sequence[Hit] = (), way_on: str = ""
) -> Finding:
    """A finding about `hits`, of which the first few are shown."""
    return Finding(
        level,
        check,
        message,
        len(hits),
        tuple(hit.place for hit in hits[:SHOWN_PLACES]),
        tuple(shown(hit.text) for hit in hits[:SHOWN_EXAMPLES] if hit.text),
        way_on,
    )


def shown(text: str) -> str:
    """The beginning of a text, with whatever is not printable as its escape."""
    cut = text[:SHOWN_LETTERS]
    escaped = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in cut)
    return "".join(escaped) + ("..." if len(text) > SHOWN_LETTERS else "")
