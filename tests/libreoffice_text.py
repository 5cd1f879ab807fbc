"""Real parallel text for the larger check: LibreOffice's help (MPL-2.0), from Debian's packages.

`make libreoffice` fetches and unpacks them; PLM_LIBREOFFICE names the folder.
"""

import os
from html.parser import HTMLParser
from pathlib import Path

import pytest

from proxylm.corpora import Labelled

HELP = "usr/share/libreoffice/help"


def pairs(language: str, words: range) -> Labelled:
    """Paragraphs of so many English words and their translation, by file and paragraph id."""
    root = Path(os.environ.get("PLM_LIBREOFFICE", "")) / HELP
    if not os.environ.get("PLM_LIBREOFFICE") or not (root / language).is_dir():
        pytest.skip(f"needs LibreOffice's help in English and {language}: run `make libreoffice`")
    found: dict[str, str] = {}
    for path in sorted((root / "en-US" / "text").rglob("*.html")):
        other = root / language / path.relative_to(root / "en-US")
        if not other.exists():
            continue
        theirs = paragraphs(other)
        for key, english in paragraphs(path).items():
            text = theirs.get(key, "")
            if len(english.split()) in words and text and text != english:
                found.setdefault(english, text)
    return Labelled(tuple(found), tuple(found.values()))


def paragraphs(path: Path) -> dict[str, str]:
    """Paragraph id to its text."""
    parser = _Paragraphs()
    parser.feed(path.read_text(encoding="utf-8"))
    return {key: " ".join("".join(parts).split()) for key, parts in parser.found.items()}


class _Paragraphs(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, list[str]] = {}
        self._key: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "p" and (key := dict(attrs).get("id")):
            self._key = key
            self.found[key] = []

    def handle_endtag(self, tag: str) -> None:
        if tag == "p":
            self._key = None

    def handle_data(self, data: str) -> None:
        if self._key is not None:
            self.found[self._key].append(data)
