"""Words in many scripts."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxylm.features.words import VERSION, folded, segments, words


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Turn OFF the light, please!", ["turn", "off", "the", "light", "please"]),
        ("don't stop-me 3.5", ["don't", "stop", "me", "3.5"]),
        ("नमस्ते दुनिया", ["नमस्ते", "दुनिया"]),  # marks belong to their word
        ("می‌خواهم بروم", ["می‌خواهم", "بروم"]),
        ("ΟΔΟΣ οδός", ["οδοσ", "οδόσ"]),
        ("東京へ行く。", ["東京", "へ", "行く"]),
        ("我们在北京学习中文", ["我们", "在", "北京", "学习", "中文"]),
        ("ภาษาไทยเป็นภาษา", ["ภาษา", "ไทย", "เป็น", "ภาษา"]),
        ("ភាសាខ្មែរ ជា abc", ["ភាសាខ្មែរ", "ជា", "abc"]),
        ("ພາສາລາວ", ["ພາສາ", "ລາວ"]),
        ("စကားသည်", ["စကား", "သည်"]),
        ("རྫོང་ཁ་འདི་", ["རྫོང", "ཁ", "འདི"]),  # by the tsheg: a syllable each
        ("ሰላም፡ዓለም።", ["ሰላም", "ዓለም"]),
        ("한국어 문장", ["한국어", "문장"]),
        ("Cafe\u0301 CAFÉ", ["café", "café"]),
        ("... !? 🙂", []),
    ],
)
def test_words(line: str, expected: list[str]) -> None:
    assert words(line) == expected


def test_the_version_names_icu() -> None:
    assert VERSION.startswith("icu-")


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=20), max_size=5))
def test_a_text_has_as_many_ends_as_lines_and_loses_nothing(lines: list[str]) -> None:
    text = folded(lines)
    found = segments(text)
    assert "".join(found) == text
    assert found.count("\n") == text.count("\n") == len(lines)
    assert unicodedata.is_normalized("NFC", text)
