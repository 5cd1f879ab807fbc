"""Whether a text is written in the script that its language code says."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import regex

from proxylm.errors import InputError

SAMPLE = 200
"""Texts that are looked at."""

LEAST_SHARE = 0.5
"""Of the letters. Names and loan words are often in Latin letters, whole texts seldom are."""

_UNICODE = {  # scripts of ISO 15924 that Unicode sees as several, or under another name
    "Hans": ("Han",),
    "Hant": ("Han",),
    "Jpan": ("Han", "Hiragana", "Katakana"),
    "Kore": ("Hang", "Han"),
}


def check_script(texts: Sequence[str], language: str, place: str) -> None:
    """Raises InputError, naming `place`, where fewer than half of the letters are in the script.

    `language` is a FLORES-200 style code. A text without letters passes.
    """
    share = script_share("".join(texts[:SAMPLE]), language)
    if share is not None and share < LEAST_SHARE:
        raise InputError(
            f"{place}: {share:.0%} of the letters are in the script of {language} "
            f"({language.partition('_')[2]}); is it the right text, or another language?"
        )


def script_share(text: str, language: str) -> float | None:
    """Share of the letters of `text` that are in the language's script; None without letters."""
    letters = len(_letters().findall(text))
    fitting = len(_letters_of(language.partition("_")[2]).findall(text))
    return fitting / letters if letters else None


@cache
def _letters() -> Any:
    return regex.compile(r"\p{L}")


@cache
def _letters_of(script: str) -> Any:
    names = _UNICODE.get(script, (script,))
    return regex.compile(
        "[" + "".join(rf"\p{{Script={name}}}" for name in names) + r"&&\p{L}]", regex.V1
    )
