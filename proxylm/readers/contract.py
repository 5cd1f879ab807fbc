"""What every reader yields, and what it is told.

A reader knows one file format. It yields rows as they stand in the file, blank ones too: whether
a text is any good is for `proxylm.checks` to say. It leaves out only what the format itself marks
as no translation, and then it says so.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from proxylm.errors import InputError, UsageError
from proxylm.languages import resolve

PARTS = ("train", "dev", "test")
_PART_NAMES = {
    **{part: part for part in PARTS},
    **dict.fromkeys(("training",), "train"),
    **dict.fromkeys(("validation", "valid", "val", "development"), "dev"),
}
_BREAKS = re.compile(r"[\t\n\r]+")


class Row(NamedTuple):
    """A text with its label: an intent, tags (one a word, with spaces between), or for mt the
    target text."""

    text: str
    label: str
    place: str  # for messages: `line 12`, `row 3`, `unit 7`
    part: str | None = None  # train, dev or test where the file says so


class LeftOut(NamedTuple):
    """An entry that the format itself marks as unfit."""

    reason: str
    place: str


class Wanted(NamedTuple):
    """What is to be read from a file that may hold more."""

    task: str
    language: str  # of the text
    with_language: str | None = None  # of the target text, for mt
    aligned: Path | None = None  # file of the second column, format `aligned`
    columns: Mapping[str, str] = {}  # text, label, split -> name of the column in the file


Reading = Iterator[Row | LeftOut]


def file_bytes(path: Path) -> bytes:
    """The file's bytes. InputError, naming the file, where it cannot be read."""
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise InputError(f"{path}: there is no such file") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error


def file_lines(path: Path) -> list[str]:
    """The file's lines without their ends. UTF-8, or UTF-16 with a byte-order mark.

    Only `\\n` ends a line: str.splitlines would also break at U+2028 and misalign two files.
    Raises InputError for an empty file, and for other bytes with their first line and how many.
    """
    data = file_bytes(path)
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            text = data.decode("utf-16")
        except UnicodeDecodeError:
            raise InputError(f"{path}: starts as UTF-16 but is not; convert it to UTF-8") from None
    else:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise InputError(f"{path}, {_not_utf8(data)}") from None
    lines = text.removesuffix("\n").split("\n") if text.strip() else []
    if not lines:
        raise InputError(f"{path}: the file is empty")
    return [line.removesuffix("\r") for line in lines]


def _not_utf8(data: bytes) -> str:
    bad = []
    mixed = False
    for number, line in enumerate(data.split(b"\n"), start=1):
        try:
            mixed |= not line.decode("utf-8").isascii()
        except UnicodeDecodeError:
            bad.append(number)
    more = f", like {len(bad) - 1} more" if len(bad) > 1 else ""
    how = "; other lines are, so the file mixes encodings" if mixed else ""
    return f"line {bad[0]}: not UTF-8{more}{how}; convert the file first"


def one_line(text: str) -> str:
    """The text stripped, and each run of tabs and line breaks in it as one space."""
    return _BREAKS.sub(" ", text).strip()


def part_name(name: str, path: Path, place: str) -> str | None:
    """The part that a file calls `name` (`validation` is dev); None where it is blank."""
    if not name:
        return None
    try:
        return _PART_NAMES[name.lower()]
    except KeyError:
        raise InputError(
            f"{path}, {place}: there is no part {name[:40]!r}; use train, dev or test"
        ) from None


def is_language(spelling: str | None, code: str | None) -> bool:
    """Whether a file's spelling means the language; a script that is not spelt out may be any."""
    if not spelling or not code:
        return False
    try:
        found = resolve(spelling)
    except UsageError:
        return False
    return found.code == code or (found.script_assumed and found.code[:3] == code[:3])


def in_direction(path: Path, wanted: Wanted, source: str | None, target: str | None) -> bool:
    """True where a file's source and target are the wanted ones, False where they are swapped.

    Raises InputError where the file is in other languages, or does not say.
    """
    if is_language(source, wanted.language) and is_language(target, wanted.with_language):
        return True
    if is_language(source, wanted.with_language) and is_language(target, wanted.language):
        return False
    raise InputError(
        f"{path}: holds {source or 'a language that it does not name'} and "
        f"{target or 'a language that it does not name'}, not {wanted.language} and "
        f"{wanted.with_language}; name the file's languages, or correct its header"
    )


def only_mt(path: Path, wanted: Wanted, format_name: str) -> None:
    """Raises UsageError where a format of translations is read for another task."""
    if wanted.task != "mt":
        raise UsageError(f"{path}: {format_name} holds translations; use it with --task mt")
