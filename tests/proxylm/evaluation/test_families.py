"""How each family of translation models is told its languages."""

from collections.abc import Callable
from typing import Any

import pytest
from transformers import AutoTokenizer

from proxylm.errors import InputError
from proxylm.evaluation.contract import ModelSpec
from proxylm.evaluation.families import Family, family_of, spellings
from tests.django_text import pairs
from tests.proxylm.evaluation import tiny_models

MakeFamily = Callable[..., Family]


@pytest.fixture(scope="module")
def family(tmp_path_factory: pytest.TempPathFactory) -> MakeFamily:
    """Makes a family with a tokeniser that was saved and loaded like a model's own."""
    lines = pairs("fr", 100)
    texts = [*lines.texts, *lines.labels]

    def make(name: str, config: dict[str, Any] | None = None, **options: Any) -> Family:
        folder = tmp_path_factory.mktemp("models") / name
        getattr(tiny_models, name)(folder, texts, **options)
        tokenizer = AutoTokenizer.from_pretrained(folder)
        types = {"m2m100": "m2m_100", "nllb": "m2m_100"}
        spec = ModelSpec(name, "1", "encoder-decoder", config or {})
        return family_of(spec, types.get(name, name), tokenizer, None)

    return make


def pieces(family: Family, rows: list[list[int]]) -> list[list[str]]:
    return [family.tokenizer.convert_ids_to_tokens(row) for row in rows]


@pytest.mark.parametrize(
    ("name", "english", "french"),
    [("m2m100", "__en__", "__fr__"), ("nllb", "eng_Latn", "fra_Latn")],
)
def test_a_language_token_stands_before_the_source_and_the_output(
    family: MakeFamily, name: str, english: str, french: str
) -> None:
    made = family(name)
    (source,) = pieces(made, made.sources(["Log in again"], "eng_Latn", "fra_Latn"))
    assert (source[0], source[-1]) == (english, "</s>")
    assert pieces(made, [made.forced("fra_Latn")]) == [[french]]
    (target,) = pieces(made, made.targets(["Mot de passe"], "fra_Latn"))
    assert (target[0], target[-1]) == (french, "</s>")
    # The languages of one call leave nothing behind for the next.
    (again,) = pieces(made, made.sources(["Log in again"], "eng_Latn", "fra_Latn"))
    assert again == source


def test_small100_has_the_target_before_the_source_and_nothing_before_the_output(
    family: MakeFamily,
) -> None:
    made = family("m2m100", {"family": "small100"})
    (source,) = pieces(made, made.sources(["Log in again"], "eng_Latn", "fra_Latn"))
    assert source[0] == "__fr__"
    assert made.forced("fra_Latn") == []
    (target,) = pieces(made, made.targets(["Mot de passe"], "fra_Latn"))
    assert target[0] == "▁"
    assert target[-1] == "</s>"


def test_marian_with_several_targets_has_a_prefix_and_with_one_has_none(
    family: MakeFamily,
) -> None:
    several = family("marian", targets=("fra", "deu"))
    (source,) = pieces(several, several.sources(["Log in"], "eng_Latn", "deu_Latn"))
    assert source[0] == ">>deu<<"
    with pytest.raises(InputError, match="tokeniser of marian does not know the language kmr_Latn"):
        several.sources(["Log in"], "eng_Latn", "kmr_Latn")
    one = family("marian")
    (source,) = pieces(one, one.sources(["Log in"], "eng_Latn", "deu_Latn"))
    assert not source[0].startswith(">>")


def test_t5_is_told_in_words(family: MakeFamily) -> None:
    made = family("t5")
    (row,) = made.sources(["Log in again"], "eng_Latn", "fra_Latn")
    assert made.texts([row]) == ["translate English to French: Log in again"]
    spec = ModelSpec("t5", "1", "encoder-decoder", {})
    odd = family_of(spec, "t5", made.tokenizer, "to {language}: {text}")
    with pytest.raises(InputError, match="the prompt has a field 'language'"):
        odd.sources(["Log in"], "eng_Latn", "fra_Latn")


@pytest.mark.parametrize("name", ["m2m100", "nllb", "marian", "t5"])
def test_outputs_come_back_as_text(family: MakeFamily, name: str) -> None:
    made = family(name)
    text = "Mot de passe"
    (row,) = made.targets([text], "fra_Latn")
    assert made.texts([row[len(made.forced("fra_Latn")) :]]) == [text]


@pytest.mark.parametrize("name", ["m2m100", "nllb"])
def test_a_language_that_the_tokeniser_does_not_know_is_refused(
    family: MakeFamily, name: str
) -> None:
    made = family(name)
    with pytest.raises(
        InputError, match=f"tokeniser of {name} does not know the language got_Goth"
    ):
        made.forced("got_Goth")


def test_an_unknown_family_names_those_there_are() -> None:
    spec = ModelSpec("m", "1", "encoder-decoder", {})
    with pytest.raises(InputError, match="m is of family bart; an encoder-decoder is one of m2m_"):
        family_of(spec, "bart", None, None)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("swh_Latn", "sw"), ("zho_Hans", "zh"), ("nob_Latn", "no"), ("als_Latn", "sq"),
        ("zsm_Latn", "ms"), ("pes_Arab", "fa"), ("arb_Arab", "ar"), ("lvs_Latn", "lv"),
        ("nso_Latn", "ns"), ("fuv_Latn", "ff"), ("pbt_Arab", "ps"), ("npi_Deva", "ne"),
        ("khk_Cyrl", "mn"), ("eng_Latn", "en"), ("sat_Olck", "sat_Beng"),
    ],
)  # fmt: skip
def test_codes_are_spelt_as_m2m100_and_nllb_do(code: str, expected: str) -> None:
    assert expected in spellings(code)
