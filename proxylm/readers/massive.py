"""MASSIVE's layout: JSON lines with `locale`, `partition`, `intent`, `utt` and `annot_utt`.

Slots are written into the sentence: `wake me at [time : nine am]`. MASSIVE writes Chinese and
Japanese without spaces, so their tokens are characters, as in MASSIVE's own preparation.
"""

import re
from pathlib import Path

from proxylm.errors import InputError, UsageError
from proxylm.readers.contract import Reading, Row, Wanted, is_language, part_name
from proxylm.readers.jsonl import objects

_PIECE = re.compile(r"\[\s*([^:\[\]]+?)\s*:\s*([^\[\]]*?)\s*\]|([^\[\]]+)|(.)", re.DOTALL)
_UNSPACED = {"Hans", "Hant", "Jpan"}


def read(path: Path, wanted: Wanted) -> Reading:
    """Rows of the wanted locale with their own partition: intents, or for slot BIO tags."""
    if wanted.task not in ("intent", "slot"):
        raise UsageError(f"{path}: MASSIVE holds intents and slots; use --task intent or slot")
    locales = set()
    rows = 0
    for place, record in objects(path):
        try:
            fields = [record[name] for name in ("locale", "partition", "intent", "utt")]
            annotated = record["annot_utt"]
        except KeyError as error:
            raise InputError(f"{path}, {place}: no field {error.args[0]}; is it MASSIVE?") from None
        if not all(isinstance(value, str) for value in (*fields, annotated)):
            raise InputError(f"{path}, {place}: a field is no text")
        locale, partition, intent, text = fields
        locales.add(locale)
        if not is_language(locale, wanted.language):
            continue
        part = part_name(partition, path, place)
        rows += 1
        if wanted.task == "intent":
            yield Row(text, intent, place, part)
        else:
            words, tags = tagged(annotated, wanted.language, f"{path}, {place}")
            yield Row(words, tags, place, part)
    if not rows:
        has = ", ".join(sorted(x[:20] for x in locales)[:12])
        raise InputError(f"{path}: no line is in {wanted.language}; its locales: {has}")


def tagged(annotated: str, language: str, place: str) -> tuple[str, str]:
    """Words and BIO tags, one for each word, of a sentence with its slots written in."""
    words: list[str] = []
    tags: list[str] = []
    unspaced = language.rpartition("_")[2] in _UNSPACED
    for slot, value, plain, stray in _PIECE.findall(annotated):
        if stray:
            raise InputError(f"{place}: a bracket of annot_utt is not closed")
        piece = value if slot else plain
        found = [c for c in piece if not c.isspace()] if unspaced else piece.split()
        words += found
        name = slot.replace(" ", "_")
        tags += [f"{'I' if i else 'B'}-{name}" if slot else "O" for i in range(len(found))]
    return " ".join(words), " ".join(tags)
