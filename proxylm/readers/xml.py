"""XML of translation tools, read safely: entities are refused, nothing outside is fetched.

Knows elements and text only; what they mean is in `tmx.py` and `xliff.py`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import iterparse

from proxylm.errors import InputError

_CODES = {"bpt", "ept", "ph", "it", "ut", "x", "bx", "ex", "sc", "ec", "cp"}
"""Elements inside a text that stand for markup of the original; their content is no text."""

LANG = "{http://www.w3.org/XML/1998/namespace}lang"


def events(path: Path) -> Iterator[tuple[str, Any]]:
    """`start` and `end` of the elements, the whole tree with them.

    Raises InputError for XML that is broken, too deep, or declares entities.
    """
    try:
        with path.open("rb") as file:
            yield from iterparse(file, events=("start", "end"))
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file") from None
    except DefusedXmlException:
        raise InputError(
            f"{path}: declares XML entities, which are not read; replace them by their text"
        ) from None
    except ParseError as error:
        raise InputError(f"{path}: not well-formed XML ({error})") from None
    except (LookupError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: cannot be read as XML ({type(error).__name__})") from None


def name(element: Any) -> str:
    """An element's name without its namespace."""
    return str(element.tag).rpartition("}")[2]


def children(element: Any, wanted: str) -> list[Any]:
    """Direct children of that name."""
    return [child for child in element if name(child) == wanted]


def text(element: Any) -> str:
    """The text of an element, without the codes of the original's markup."""
    pieces = [element.text or ""]
    for child in element:
        if name(child) not in _CODES:
            pieces.append(text(child))
        pieces.append(child.tail or "")
    return "".join(pieces)
