"""Rows with named columns, as CSV, JSONL, Parquet and Hugging Face datasets have them.

The columns are found by their usual names, or by the names that the user gives.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from proxylm.errors import InputError, UsageError
from proxylm.readers.contract import Reading, Row, Wanted, is_language, part_name

_TEXT = ("text", "utterance", "utt", "sentence", "tokens")
_USUAL = {
    "mt": {"text": ("source", "src", *_TEXT), "label": ("target", "tgt", "label")},
    "slot": {"text": ("tokens", *_TEXT), "label": ("tags", "slots", "ner_tags", "label")},
}
_SPLIT = ("split", "partition")


def rows(
    path: Path | str,
    wanted: Wanted,
    records: Iterable[tuple[str, Mapping[str, Any]]],
    part: str | None = None,
) -> Reading:
    """Rows of `(place, record)`; `part` is that of all of them, unless a column says otherwise.

    A list of words becomes one text with spaces between. Raises InputError where a column is
    missing or a value is no text.
    """
    for name in wanted.columns:
        if name not in ("text", "label", "split"):
            raise UsageError(f"--column {name}=...: there are text, label and split")
    for place, given in records:
        pair = given.get("translation")
        record = {**given, **pair} if isinstance(pair, Mapping) else given
        text, label = _columns(path, wanted, record, place)
        split = _split_of(path, wanted, record, place)
        yield Row(
            _text(path, record, text, place),
            _text(path, record, label, place),
            place,
            part_name(split, Path(path), place) or part,
        )


def _columns(
    path: Path | str, wanted: Wanted, record: Mapping[str, Any], place: str
) -> tuple[str, str]:
    """Names of the columns of text and label."""
    found = {}
    for what in ("text", "label"):
        usual = _USUAL.get(wanted.task, {"text": _TEXT, "label": (wanted.task, "label")})[what]
        candidates = (wanted.columns[what],) if what in wanted.columns else usual
        found[what] = next((name for name in candidates if name in record), None)
    if wanted.task == "mt" and not wanted.columns and None in found.values():
        # Only both together: a column `id` alone is seldom Indonesian.
        codes = {"text": wanted.language, "label": wanted.with_language}
        found = {
            what: next((name for name in record if is_language(name, code)), None)
            for what, code in codes.items()
        }
    text, label = found["text"], found["label"]
    if text is None or label is None:
        missing = "text" if text is None else "label"
        has = ", ".join(str(name)[:40] for name in list(record)[:12]) or "none"
        raise InputError(
            f"{path}, {place}: no column for the {missing} of task {wanted.task} among {has}; "
            f"name it with --column {missing}=NAME"
        )
    return text, label


def _split_of(path: Path | str, wanted: Wanted, record: Mapping[str, Any], place: str) -> str:
    if "split" in wanted.columns:
        name = wanted.columns["split"]
        if name not in record:
            raise InputError(f"{path}, {place}: no column {name!r}, which --column split names")
    else:
        name = next((name for name in _SPLIT if name in record), "")
    return str(record.get(name) or "")


def _text(path: Path | str, record: Mapping[str, Any], name: str, place: str) -> str:
    value = record[name]
    if value is None:
        return ""
    if isinstance(value, list) and all(isinstance(word, str) for word in value):
        return " ".join(value)
    if not isinstance(value, str):
        raise InputError(
            f"{path}, {place}: column {name[:40]!r} holds {type(value).__name__}, not text"
        )
    return value
