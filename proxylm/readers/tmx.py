"""TMX, the exchange format of translation memories: units with a text in each language."""

from pathlib import Path

from proxylm.errors import InputError
from proxylm.readers import xml
from proxylm.readers.contract import LeftOut, Reading, Row, Wanted, is_language, only_mt


def read(path: Path, wanted: Wanted) -> Reading:
    """A row for each unit that has both languages; units are numbered from 1.

    Raises InputError where no unit has both, with the languages that there are.
    """
    only_mt(path, wanted, "TMX")
    number, rows, seen = 0, 0, set()
    for event, element in xml.events(path):
        if event != "end" or xml.name(element) != "tu":
            continue
        number += 1
        found: dict[str, str] = {}
        for variant in xml.children(element, "tuv"):
            language = variant.get(xml.LANG) or variant.get("lang") or ""
            seen.add(language)
            for code in (wanted.language, str(wanted.with_language)):
                if is_language(language, code) and code not in found:
                    found[code] = "".join(map(xml.text, xml.children(variant, "seg")))
        element.clear()
        if len(found) == 2:
            rows += 1
            yield Row(found[wanted.language], found[str(wanted.with_language)], f"unit {number}")
        else:
            yield LeftOut("lack one of the languages", f"unit {number}")
    if not rows:
        has = ", ".join(sorted(x[:20] for x in seen)[:12]) or "none"
        raise InputError(
            f"{path}: no unit has both {wanted.language} and {wanted.with_language}; "
            f"its languages: {has}"
        )
