"""XLIFF 1.2 and 2.x, the exchange format of translation work: sources with their targets."""

from pathlib import Path

from proxylm.errors import InputError
from proxylm.readers import xml
from proxylm.readers.contract import LeftOut, Reading, Row, Wanted, in_direction, only_mt

_UNTRANSLATED = {"new", "needs-translation", "initial"}


def read(path: Path, wanted: Wanted) -> Reading:
    """A row for each translated unit (1.2) or segment (2.x), numbered from 1.

    The file may be in either direction. Raises InputError where it is in other languages.
    """
    only_mt(path, wanted, "XLIFF")
    languages: tuple[str | None, str | None] = (None, None)
    number = 0
    for event, element in xml.events(path):
        kind = xml.name(element)
        if event == "start":
            if kind == "xliff":
                languages = (element.get("srcLang"), element.get("trgLang"))
            elif kind == "file" and element.get("source-language"):
                languages = (element.get("source-language"), element.get("target-language"))
            continue
        if kind not in ("trans-unit", "segment"):
            continue
        number += 1
        place = f"unit {number}"
        forward = in_direction(path, wanted, *languages)
        source, target = (
            next(map(xml.text, xml.children(element, side)), "") for side in ("source", "target")
        )
        states = [element.get("state"), *(x.get("state") for x in xml.children(element, "target"))]
        element.clear()
        if not target.strip() or _UNTRANSLATED & set(states):
            yield LeftOut("are not translated yet", place)
        else:
            yield Row(*((source, target) if forward else (target, source)), place)
    if not number:
        raise InputError(f"{path}: no trans-unit and no segment; is it XLIFF?")
