"""Text from outside cannot move a terminal's cursor or hide what it says."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxylm.escaping import shown, shown_json, shown_lines


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("acme/\x1b[2Jgone", r"acme/\x1b[2Jgone"),
        ("\x9b31m", r"\x9b31m"),  # the one-byte form of ESC [
        ("a\rb\nc\td\x00", r"a\rb\nc\td\x00"),
        ("\u202egnp.exe", r"\u202egnp.exe"),  # would be read as exe.png
        ("x\u200by\u2028z\ufeff", r"x\u200by\u2028z\ufeff"),
        ("\ud800", r"\ud800"),
        ("<b>Kiswahili</b> [red]", "<b>Kiswahili</b> [red]"),
        ("می\u200cخواهم සිංහල ខ្មែរ", "می\u200cخواهم සිංහල ខ្មែរ"),
    ],
)
def test_what_is_not_to_be_seen_is_spelt(text: str, expected: str) -> None:
    assert shown(text) == expected


@given(st.text())
def test_nothing_that_controls_is_left(text: str) -> None:
    left = {unicodedata.category(c) for c in shown(text)} & {"Cc", "Cs", "Zl", "Zp"}
    assert not left
    assert shown_lines(text).count("\n") == text.count("\n")


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_json_means_the_same_and_is_harmless(text: str) -> None:
    written = shown_json(json.dumps(text, ensure_ascii=False))
    assert json.loads(written) == text
    assert not {"\x1b", "\x7f", "\x9b", "\u202e", "\u2066"} & set(written)
