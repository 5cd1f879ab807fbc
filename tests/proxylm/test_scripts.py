"""A text in another script than its language's is noticed, loan words are not."""

import pytest

from proxylm.errors import InputError
from proxylm.home_assistant import LANGUAGES, generate
from proxylm.scripts import check_script


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("rus_Cyrl", "Открой YouTube и Spotify на кухне"),
        ("jpn_Jpan", "電気をつけてください"),
        ("zho_Hans", "打开厨房的灯"),
        ("zho_Hant", "打開廚房的燈"),
        ("kor_Hang", "불을 켜 주세요"),
        ("khm_Khmr", "បើកភ្លើង"),
        ("swh_Latn", "washa taa"),
        ("ell_Grek", "12:30 - 40 %"),
    ],
)
def test_a_text_in_its_script_passes(language: str, text: str) -> None:
    check_script([text], language, "x.tsv")


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_every_generated_language_passes(language: str) -> None:
    check_script(generate(language, 50, 1).texts, language, "x")


@pytest.mark.parametrize(
    ("language", "text"),
    [("rus_Cyrl", "otkroy okno"), ("srp_Cyrl", "otvori prozor"), ("eng_Latn", "открой окно")],
)
def test_another_script_is_refused_with_place_and_share(language: str, text: str) -> None:
    with pytest.raises(InputError, match=rf"x\.tsv: 0% of the letters are in .* {language}"):
        check_script([text], language, "x.tsv")
