"""gettext catalogues, `.po` and `.mo`: of one file, or all that an installed package ships.

By gettext's convention a package's message ids are English; a single file says its language in
the header, and its ids are taken for the other language of the pair.
"""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import polib

from proxylm.errors import InputError, UsageError
from proxylm.languages import resolve
from proxylm.readers.contract import (
    LeftOut,
    Reading,
    Row,
    Wanted,
    in_direction,
    is_language,
    only_mt,
)

ENGLISH = "eng_Latn"


class _Entry(NamedTuple):
    key: tuple[str, str]  # context, message id
    text: str
    place: str


def read(path: Path, wanted: Wanted) -> Reading:
    """A row for each finished translation of a catalogue."""
    only_mt(path, wanted, "gettext")
    catalogue = _open(path)
    language = catalogue.metadata.get("Language")
    if not language:
        raise InputError(f'{path}: the header names no language; add "Language: sw\\n" to it')
    other = wanted.with_language if is_language(language, wanted.language) else wanted.language
    forward = in_direction(path, wanted, other, language)
    for entry in _entries(catalogue):
        if isinstance(entry, LeftOut):
            yield entry
        else:
            original, translated = entry.key[1], entry.text
            text, label = (original, translated) if forward else (translated, original)
            yield Row(text, label, entry.place)


def read_package(path: Path, wanted: Wanted) -> Reading:
    """The translations that an installed package ships; `path` is the package's name."""
    only_mt(path, wanted, "gettext")
    folder = _folder_of(str(path))
    catalogues = sorted(folder.rglob("locale/*/LC_MESSAGES/*.mo"))
    sides = [
        _side(folder, catalogues, language) for language in (wanted.language, wanted.with_language)
    ]
    named = [side for side in sides if side is not None]
    if not named:
        raise UsageError(f"package {path}: name a language beside {ENGLISH}")
    for key, entry in named[0].items():
        english = key[-1]
        texts = [english if side is None else side.get(key, "") for side in sides]
        text, label = (x.text if isinstance(x, _Entry) else x for x in texts)
        if text and label:
            yield Row(text, label, entry.place)
        else:
            yield LeftOut("are translated into one of the languages only", entry.place)


def _side(
    folder: Path, catalogues: list[Path], language: str | None
) -> dict[tuple[str, str, str], _Entry] | None:
    """Entries of a language by file, context and id; None for English, which is the ids."""
    if language == ENGLISH:
        return None
    names = {path.parent.parent.name for path in catalogues}
    # `sr_Latn` before `sr`, then a bare `pt` before `pt_BR`: regional variants are one language
    # here, and one of them is enough.
    fitting = sorted(
        (name for name in names if is_language(name, language)),
        key=lambda name: (resolve(name).code != language, len(name), name),
    )
    if not fitting:
        raise InputError(f"{folder.name}: the package has no catalogue in {language}")
    found = {}
    for path in catalogues:
        if path.parent.parent.name == fitting[0]:
            domain = str(path.relative_to(folder)).replace(f"/{fitting[0]}/", "/")
            for entry in _entries(_open(path)):
                if isinstance(entry, _Entry):
                    place = f"{domain.partition('/locale/')[0]} {entry.place}"
                    found[domain, *entry.key] = entry._replace(place=place)
    return found


def _folder_of(package: str) -> Path:
    if not package.isidentifier():
        raise UsageError(f"{package[:200]!r} is no name of a package; for a file name its format")
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise InputError(f"package {package} is not installed here; install it, or name a .po file")
    return Path(spec.origin).parent


def _open(path: Path) -> polib.POFile | polib.MOFile:
    if not path.is_file():
        raise InputError(f"{path}: there is no such file")
    try:
        return polib.mofile(str(path)) if path.suffix == ".mo" else polib.pofile(str(path))
    except UnicodeDecodeError:
        raise InputError(f"{path}: not in the encoding that its header names") from None
    except (OSError, ValueError, LookupError, IndexError) as error:
        raise InputError(f"{path}: not a gettext catalogue ({str(error)[:200]})") from None
    except Exception as error:  # struct.error and others: a damaged .mo file
        raise InputError(f"{path}: damaged gettext catalogue ({type(error).__name__})") from None


def _entries(catalogue: polib.POFile | polib.MOFile) -> Iterator[_Entry | LeftOut]:
    for number, entry in enumerate(catalogue, start=1):
        line = getattr(entry, "linenum", None)  # a .mo file has none, and nothing fuzzy
        place = f"line {line}" if line else f"message {number}"
        if entry.obsolete:
            yield LeftOut("are obsolete", place)
        elif "fuzzy" in entry.flags:
            yield LeftOut("are marked fuzzy", place)
        elif entry.msgid_plural:
            yield LeftOut("have plural forms", place)
        elif not entry.msgstr.strip():
            yield LeftOut("are not translated yet", place)
        else:
            yield _Entry((entry.msgctxt or "", entry.msgid), entry.msgstr, place)
