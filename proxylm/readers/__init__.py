"""Text files of many formats as rows: which reader reads what.

Archives are not unpacked. This module does not judge the text; see `proxylm.checks`.
"""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from proxylm.errors import InputError, UsageError
from proxylm.readers.contract import LeftOut, Reading, Row, Wanted, one_line

__all__ = ["FORMATS", "LeftOut", "Read", "Row", "Wanted", "format_of", "read_rows"]


class Format(NamedTuple):
    """A file format: where its reader is, the suffixes that mean it, and what it is."""

    reader: str  # module below `proxylm.readers`, and its function
    suffixes: tuple[str, ...]
    what: str


FORMATS = {
    "tsv": Format("tsv.read", (".tsv", ".tab", ".txt", ""), "text<TAB>label, no header"),
    "aligned": Format("aligned.read", (), "two plain-text files, line by line"),
    "csv": Format("comma.read", (".csv",), "columns named in the first line"),
    "jsonl": Format("jsonl.read", (".jsonl", ".ndjson"), "one JSON object a line"),
    "parquet": Format("parquet.read", (".parquet",), "named columns"),
    "tmx": Format("tmx.read", (".tmx",), "translation memory"),
    "xliff": Format("xliff.read", (".xlf", ".xliff"), "XLIFF 1.2 and 2.x"),
    "gettext": Format("gettext.read", (".po", ".mo"), "gettext catalogue"),
    "gettext-package": Format("gettext.read_package", (), "catalogues of an installed package"),
    "huggingface": Format("huggingface.read", (), "Hugging Face dataset: name or folder"),
    "massive": Format("massive.read", (), "MASSIVE's JSON lines"),
    "conll": Format("conll.read", (".conll", ".bio", ".iob2"), "a word and its BIO tag a line"),
}
_ARCHIVES = {".zip", ".gz", ".tgz", ".tar", ".bz2", ".xz", ".zst", ".7z"}


class Read(NamedTuple):
    """What `read_rows` returns."""

    rows: list[Row]
    left_out: list[LeftOut]
    format: str


def read_rows(path: Path, wanted: Wanted, format_name: str | None = None) -> Read:
    """The rows of a file, each text as one line: tabs and line breaks inside are spaces.

    Raises UsageError for a format that is unknown or does not have the task, and InputError,
    naming file and place, for a file that is not of its format or brings half a partition.
    """
    chosen = format_name or format_of(path, wanted)
    if chosen not in FORMATS:
        raise UsageError(f"unknown format {chosen!r}; use one of {', '.join(FORMATS)}")
    module, _, function = FORMATS[chosen].reader.partition(".")
    reader: Callable[[Path, Wanted], Reading] = getattr(
        import_module(f"proxylm.readers.{module}"), function
    )
    rows: list[Row] = []
    left_out: list[LeftOut] = []
    for found in reader(path, wanted):
        if isinstance(found, LeftOut):
            left_out.append(found)
        else:
            rows.append(found._replace(text=one_line(found.text), label=one_line(found.label)))
    if not rows:
        raise InputError(f"{path}: there is nothing to read in it as {chosen}")
    _check_parts(path, rows)
    return Read(rows, left_out, chosen)


def _check_parts(path: Path, rows: list[Row]) -> None:
    parts = {row.part for row in rows}
    if parts == {None}:
        return
    for row in rows:
        if row.part is None:
            raise InputError(
                f"{path}, {row.place}: names no part, other rows do; name it for all or for none"
            )
    if "test" not in parts:
        raise InputError(f"{path}: brings its own partition, but no test rows; add them")


def format_of(path: Path, wanted: Wanted) -> str:
    """The format that a file's name says; a `.jsonl` file with `annot_utt` is MASSIVE's.

    Raises UsageError, with the formats, where the name says none.
    """
    if wanted.aligned is not None:
        return "aligned"
    suffix = path.suffix.lower()
    if suffix in _ARCHIVES:
        raise UsageError(f"{path}: archives are not read; unpack it and name the file inside")
    for name, known in FORMATS.items():
        if suffix in known.suffixes:
            return "massive" if name == "jsonl" and _is_massive(path) else name
    raise UsageError(
        f"{path}: the suffix {suffix!r} says no format; name it with --format "
        f"({', '.join(FORMATS)})"
    )


def _is_massive(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return b'"annot_utt"' in file.readline(65536)
    except OSError:  # the reader says what is wrong with it
        return False
