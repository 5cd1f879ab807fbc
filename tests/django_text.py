"""Real parallel text for tests: Django's message catalogs (BSD), English beside 90 languages."""

import gettext
from importlib.util import find_spec
from pathlib import Path

import pytest

from proxylm.corpora import Labelled


def pairs(locale: str, n: int | None = None) -> Labelled:
    """Messages of three words or more without placeholders, English to `locale`, sorted."""
    spec = find_spec("django")
    if spec is None or spec.origin is None:
        pytest.skip("needs the package django: pip install 'proxylm-ops[test]'")
    found: dict[str, str] = {}
    for path in sorted(Path(spec.origin).parent.rglob(f"locale/{locale}/LC_MESSAGES/django.mo")):
        with path.open("rb") as file:
            messages = vars(gettext.GNUTranslations(file))["_catalog"]
        for key, text in messages.items():
            if not isinstance(key, str) or not text:
                continue
            english = " ".join(key.split("\x04")[-1].split())
            if len(english.split()) >= 3 and not set("%{<") & set(english + text):
                found.setdefault(english, " ".join(text.split()))
    rows = sorted(found.items())[:n]
    return Labelled(tuple(english for english, _ in rows), tuple(text for _, text in rows))
