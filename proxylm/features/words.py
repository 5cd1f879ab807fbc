"""Words: where they begin and end, in any script.

Boundaries are ICU's (Unicode Standard Annex 29): with ICU's dictionaries for Thai, Lao, Khmer,
Burmese, Chinese and Japanese, which are written without spaces; Tibetan and Dzongkha are parted
at the tsheg, so that a word is a syllable there. A segment with a letter or a digit is a word.
Words are compared in NFC and case-folded. This module knows no languages and counts nothing.
"""

import unicodedata
from collections.abc import Sequence

from icu4py import icu_version
from icu4py.breakers import WordBreaker

VERSION = f"icu-{icu_version}"
"""What could change where words begin: ICU with its dictionaries. Part of a set's signature."""

LINE_END = "\n"
"""The segment that ends a line among those of `segments`."""


def folded(lines: Sequence[str]) -> str:
    """The lines as one text, NFC and case-folded, each ended by `LINE_END`."""
    text = LINE_END.join(lines) + LINE_END
    if text.count(LINE_END) != len(lines) or "\r" in text:  # ends within lines are no ends here
        text = "".join(" ".join(line.splitlines()) + LINE_END for line in lines)
    return _normalised(_normalised(text).casefold())  # folding may take a text out of NFC


def _normalised(text: str) -> str:
    if unicodedata.is_normalized("NFC", text):
        return text
    # By lines: most are in the form already, and to see that is ten times as fast as to make it.
    return "".join(
        line if unicodedata.is_normalized("NFC", line) else unicodedata.normalize("NFC", line)
        for line in text.splitlines(keepends=True)
    )


def segments(text: str) -> list[str]:
    """All segments of a text that `folded` made, words and what is between them, in order."""
    return list(WordBreaker(text, "root"))


def is_word(segment: str) -> bool:
    """Whether a segment has a letter or a digit in it."""
    return any(character.isalnum() for character in segment)


def words(line: str) -> list[str]:
    """The words of a line, in their order."""
    return [segment for segment in segments(folded([line])) if is_word(segment)]
