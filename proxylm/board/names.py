"""How a language is shown: its English name, its own name, and how that is written.

Knows CLDR's names through `langcodes`; knows nothing of scores.
"""

from functools import cache

from proxylm.errors import UsageError
from proxylm.languages import resolve, spell

RIGHT_TO_LEFT = frozenset(
    {"Adlm", "Arab", "Hebr", "Mand", "Nkoo", "Rohg", "Samr", "Syrc", "Thaa", "Yezi"}
)
"""Scripts that run from right to left, after Unicode's bidirectional classes."""


@cache
def own_name(code: str) -> tuple[str, str, str] | None:
    """The language's name in itself, its BCP 47 tag and `ltr` or `rtl`.

    None where CLDR does not know it, or where `code` is no language that we know.
    """
    from langcodes import Language

    try:
        tag = spell(code, "bcp47")
        script = resolve(code).code[-4:]
    except UsageError:
        return None
    if tag is None:
        return None
    language = Language.get(tag)
    name = language.language_name(tag)
    if name in (language.language_name("en"), language.language):
        return None  # CLDR has no name of its own for it and gives English, or the code
    return name, tag, "rtl" if script in RIGHT_TO_LEFT else "ltr"
