"""The nearest known languages, as `add-language` shows them."""

from proxylm.neighbours import nearest

KNOWN = ["deu_Latn", "spa_Latn", "fin_Latn", "rus_Cyrl", "ces_Latn", "swe_Latn"]


def test_the_nearest_language_comes_first() -> None:
    found = nearest("slk_Latn", KNOWN, n=3)
    assert next(n.language for n in found) == "ces_Latn"
    assert [n.distance for n in found] == sorted(n.distance for n in found)
    assert len(found) == 3


def test_it_says_whether_script_and_family_are_shared() -> None:
    by_code = {n.language: n for n in nearest("ukr_Cyrl", KNOWN, n=6)}
    assert by_code["rus_Cyrl"].same_script
    assert by_code["rus_Cyrl"].same_family
    assert not by_code["ces_Latn"].same_script
    assert by_code["ces_Latn"].same_family
    assert not by_code["fin_Latn"].same_family
    assert by_code["ces_Latn"].name == "Czech"


def test_a_language_is_not_its_own_neighbour() -> None:
    assert "deu_Latn" not in [n.language for n in nearest("deu_Latn", KNOWN)]


def test_a_language_that_uriel_lacks_has_none() -> None:
    assert nearest("qaa_Latn", KNOWN) == []
