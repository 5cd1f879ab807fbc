"""Text from outside, made harmless for a terminal.

A name on a hub, a feed's description or a file's cell may hold what moves the cursor, changes
colours, sets the window's title or turns the order of letters around. HTML is no concern here: a
terminal shows it as it is, and the board's templates escape it themselves.
"""

import re
import unicodedata

_DANGEROUS = ("Cc", "Cf", "Cs", "Zl", "Zp")
_JOINERS = "\u200c\u200d"
"""Of category Cf, but letters of Persian, Malayalam or Sinhala words need them."""
_IN_JSON = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def shown(text: str) -> str:
    r"""`text` in one line, with every control and format character as `\x1b` or `\u202e`."""
    return "".join(c if _is_plain(c) else ascii(c)[1:-1] for c in text)


def shown_lines(text: str) -> str:
    """The same, but line ends stay."""
    return "\n".join(map(shown, text.split("\n")))


def shown_json(text: str) -> str:
    r"""JSON text in which what JSON itself lets through is written `\u009b`; it means the same."""
    return _IN_JSON.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def _is_plain(character: str) -> bool:
    return character in _JOINERS or unicodedata.category(character) not in _DANGEROUS
