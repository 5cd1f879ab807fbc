"""Which language a spelling means: a table of cases, round trips, and what is refused."""

import csv
from importlib.resources import files

import langcodes
import pytest
from hypothesis import given
from hypothesis import strategies as st
from langcodes.registry_parser import parse_registry

from proxylm.errors import UsageError
from proxylm.languages import CONVENTIONS, languages_of, resolve, spell

with (files("proxylm") / "data" / "flores200.csv").open(encoding="utf-8") as _file:
    FLORES = list(csv.DictReader(_file))
FLORES_CODES = [row["code"] for row in FLORES]
IANA_CODES = [entry["Subtag"] for entry in parse_registry() if entry["Type"] == "language"]

_MT560 = """
afr_Latn amh_Ethi arz_Arab bak_Cyrl bel_Cyrl ceb_Latn cym_Latn deu_Latn dik_Latn eng_Latn ewe_Latn
fao_Latn fra_Latn guj_Gujr hau_Latn hne_Deva hye_Armn ibo_Latn ind_Latn jav_Latn kan_Knda kat_Geor
kaz_Cyrl khm_Khmr kin_Latn kir_Cyrl kor_Hang lmo_Latn ltz_Latn mar_Deva mri_Latn mya_Mymr oci_Latn
pan_Guru plt_Latn rus_Cyrl sin_Sinh sna_Latn snd_Arab som_Latn ssw_Latn tam_Taml tat_Cyrl tgl_Latn
tuk_Latn vie_Latn wol_Latn xho_Latn yor_Latn zho_Hans zul_Latn
"""

_MASSIVE = """
af=afr_Latn am=amh_Ethi ar=arb_Arab az=azj_Latn bn=ben_Beng cy=cym_Latn da=dan_Latn de=deu_Latn
el=ell_Grek en=eng_Latn es=spa_Latn fa=pes_Arab fi=fin_Latn fr=fra_Latn he=heb_Hebr hi=hin_Deva
hu=hun_Latn hy=hye_Armn id=ind_Latn is=isl_Latn it=ita_Latn ja=jpn_Jpan jv=jav_Latn ka=kat_Geor
km=khm_Khmr kn=kan_Knda ko=kor_Hang lv=lvs_Latn ml=mal_Mlym mn=khk_Cyrl ms=zsm_Latn my=mya_Mymr
nb=nob_Latn nl=nld_Latn pl=pol_Latn pt=por_Latn ro=ron_Latn ru=rus_Cyrl sl=slv_Latn sq=als_Latn
sv=swe_Latn sw=swh_Latn ta=tam_Taml te=tel_Telu th=tha_Thai tl=tgl_Latn tr=tur_Latn ur=urd_Arab
vi=vie_Latn zh-CN=zho_Hans zh-TW=zho_Hant
"""

SPELLINGS = {
    # macrolanguages, and the members that go by the same code
    "zho": "zho_Hans",
    "cmn": "zho_Hans",
    "msa": "zsm_Latn",
    "swa": "swh_Latn",
    "nor": "nob_Latn",
    "est": "est_Latn",
    "ekk": "est_Latn",
    "nep": "npi_Deva",
    "orm": "gaz_Latn",
    "uzb": "uzn_Latn",
    "yi": "ydd_Hebr",
    "ori": "ory_Orya",
    "ps": "pbt_Arab",
    "mg": "plt_Latn",
    "fas": "pes_Arab",
    # withdrawn and bibliographic codes
    "iw": "heb_Hebr",
    "in": "ind_Latn",
    "mo": "ron_Latn",
    "fre": "fra_Latn",
    # locales: the region decides the script where CLDR says so
    "sw-KE": "swh_Latn",
    "sw_KE": "swh_Latn",
    "km-KH": "khm_Khmr",
    "pt-BR": "por_Latn",
    "ar-EG": "arb_Arab",
    "zh-HK": "zho_Hant",
    "zh-yue": "yue_Hant",
    "fa-AF": "prs_Arab",
    "az-IR": "azb_Arab",
    "ku-IQ": "ckb_Arab",
    "uz-AF": "uzn_Arab",
    "fa-Latn-AF": "prs_Latn",  # the region says the language, the script is given
    "sl-SL": "slv_Latn",  # MASSIVE's own locale
    # spellings of M2M100, NLLB and MTEB that are theirs alone
    "ns": "nso_Latn",
    "tl": "tgl_Latn",
    "sat_Beng": "sat_Olck",
    "kor-Kore": "kor_Hang",
    "cmo-Hans": "zho_Hans",
    "cmo-Hant": "zho_Hant",
    # a script that FLORES-200 has not
    "sr-Latn": "srp_Latn",
    "swh_Arab": "swh_Arab",
    # languages in several scripts, and ones that FLORES-200 has not
    "ace": "ace_Latn",
    "knc": "knc_Latn",
    "kas": "kas_Arab",
    "ban": "ban_Latn",
    "bbc": "bbc_Latn",
    "bjn": "bjn_Latn",
    "bug": "bug_Latn",
    "mad": "mad_Latn",
    "min": "min_Latn",
    "nij": "nij_Latn",
    "sun": "sun_Latn",
    "kok": "kok_Deva",
    # names
    "Swahili": "swh_Latn",
    "  swahili ": "swh_Latn",
    "Chinese (Traditional)": "zho_Hant",
    "Acehnese": "ace_Latn",
    "Albanian": "als_Latn",
    "Batak Toba": "bbc_Latn",
    "Ta’izzi-Adeni Arabic": "acq_Arab",
    # a code is preferred to a name
    "Fur": "fur_Latn",
}


@pytest.mark.parametrize(("spelling", "code"), SPELLINGS.items())
def test_a_spelling_means_one_language(spelling: str, code: str) -> None:
    found = resolve(spelling)
    assert found.code == code
    assert found.spelling == spelling
    assert found.script == code[4:]


def test_the_published_files_resolve() -> None:
    codes = _MT560.split()
    assert [resolve(code[:3]).code for code in codes] == codes
    for pair in _MASSIVE.split():
        spelling, code = pair.split("=")
        assert resolve(spelling).code == code


def test_all_of_flores_resolves_to_itself() -> None:
    assert len(FLORES_CODES) == len(set(FLORES_CODES)) == 204
    for row in FLORES:
        for spelling in (row["code"], row["code"].lower().replace("_", "-"), row["name"]):
            found = resolve(spelling)
            assert (found.code, found.name) == (row["code"], row["name"]), spelling


@pytest.mark.parametrize("row", [row for row in FLORES if "_Latn" not in row["code"]])
def test_flores_scripts_agree_with_cldr(row: dict[str, str]) -> None:
    """The bare code of a language goes to the script that CLDR finds likely."""
    if row["code"] in {"kor_Hang", "tzm_Tfng"}:
        return  # FLORES-200 says Hang for CLDR's Kore, and has Tamazight in Tifinagh only
    for code in row["other_codes"].split():
        likely = langcodes.data_dicts.LIKELY_SUBTAGS.get(code)
        assert likely is None or likely.split("-")[1] == row["code"][4:], code


@pytest.mark.parametrize(
    ("spelling", "assumed"),
    [
        ("sw", True),
        ("swa", True),
        ("Swahili", True),
        ("zh", True),
        ("nij", True),
        ("swh_Latn", False),
        ("zh-TW", False),
        ("sw-KE", False),
        ("nij-Latn", False),
        ("Chinese (Simplified)", False),
    ],
)
def test_an_assumed_script_is_said(spelling: str, assumed: bool) -> None:
    assert resolve(spelling).script_assumed is assumed


@given(st.sampled_from([*FLORES_CODES, *IANA_CODES]))
def test_a_code_resolves_to_itself(spelling: str) -> None:
    try:
        first = resolve(spelling)
    except UsageError:
        return
    again = resolve(first.code)
    assert (again.code, again.name, again.script) == (first.code, first.name, first.script)
    assert again.script_assumed is False


def test_another_script_is_named() -> None:
    assert resolve("sr-Latn").name == "Serbian (Latin script)"
    assert resolve("yue_Hans").name == "Yue Chinese (Simplified Han script)"
    assert resolve("nij").name == "Ngaju"


def test_two_codes_of_one_language_agree() -> None:
    for two, three in langcodes.data_dicts.LANGUAGE_ALPHA3.items():
        try:
            first = resolve(two)
        except UsageError:
            continue
        assert resolve(three).code == first.code, (two, three)


@pytest.mark.parametrize(
    ("spelling", "suggestion"),
    [
        ("swahilii", "did you mean swh_Latn (Swahili)"),
        ("Indonesain", "ind_Latn (Indonesian)"),
        ("ehg", "eng_Latn (English)"),
        ("zh0_Hans", "zho_Hans (Chinese (Simplified))"),
    ],
)
def test_did_you_mean(spelling: str, suggestion: str) -> None:
    with pytest.raises(UsageError) as caught:
        resolve(spelling)
    message = str(caught.value)
    assert message.startswith("unknown ")
    assert repr(spelling) in message
    assert suggestion in message
    assert 1 <= message.split("?")[0].count(", ") + 1 <= 3


@pytest.mark.parametrize(
    ("spelling", "message"),
    [
        ("", "a language is missing"),
        ("   ", "a language is missing"),
        ("123", "unknown language '123'"),
        ("a" * 5000, "'... is not a language"),
        ("sw\x1b[31m", r"'sw\x1b[31m' is not a language"),
        ("\ud800", r"'\ud800' is not a language"),
        ("bat", "'bat' (Baltic languages) does not mean one language"),
        ("und", "does not mean one language"),
        ("swh_Xxxx", "unknown script 'Xxxx' in 'swh_Xxxx': did you mean 'swh' alone?"),
        ("swh_Latin", "unknown variant 'latin' in 'swh_Latin': did you mean 'swh' alone?"),
        ("sw-QQ", "unknown region 'QQ' in 'sw-QQ'"),
        ("tlh", "CLDR knows no script for 'tlh' (Klingon): name it, for example tlh_Latn"),
        ("Malay", "names more than one language: give one of zsm_Latn (Standard Malay), zlm_Latn"),
    ],
)
def test_what_is_not_one_language_is_refused(spelling: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        resolve(spelling)
    assert message in str(caught.value)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400


def test_an_unquoted_no_in_yaml_is_explained() -> None:
    with pytest.raises(UsageError, match="put it in quotes"):
        resolve(False)  # type: ignore[arg-type]


@given(st.text(max_size=20))
def test_any_text_resolves_or_is_refused(text: str) -> None:
    message = ""
    try:
        assert resolve(resolve(text).code).code == resolve(text).code
    except UsageError as error:
        message = str(error)
    assert message.isprintable()


MTEB = """
als-Latn=als_Latn sqi-Latn=als_Latn ara-Arab=arb_Arab arb-Arab=arb_Arab aze-Latn=azj_Latn
kur-Arab=ckb_Arab kur-Latn=kmr_Latn cmn-Hans=zho_Hans zho-Hant=zho_Hant fas-Arab=pes_Arab
fil-Latn=tgl_Latn ful-Latn=fuv_Latn orm-Latn=gaz_Latn mon-Cyrl=khk_Cyrl kor-Hang=kor_Hang
lav-Latn=lvs_Latn msa-Latn=zsm_Latn nep-Deva=npi_Deva nor-Latn=nob_Latn ori-Orya=ory_Orya
pus-Arab=pbt_Arab swa-Latn=swh_Latn swh-Latn=swh_Latn uzb-Latn=uzn_Latn yid-Hebr=ydd_Hebr
"""
"""Tags of the tasks of mteb 2.26.24 that differ from FLORES-200 in more than the dash, and some."""


def test_the_tags_of_mteb_resolve() -> None:
    for pair in MTEB.split():
        spelling, code = pair.split("=")
        assert resolve(spelling).code == code, spelling


@pytest.mark.parametrize(
    ("convention", "size", "some"),
    [
        ("flores", 204, {"swh_Latn": "swh_Latn", "bre_Latn": None}),
        ("nllb", 202, {"sat_Olck": "sat_Beng", "arb_Latn": None, "swh_Latn": "swh_Latn"}),
        ("m2m100", 100, {"nso_Latn": "ns", "nob_Latn": "no", "fuv_Latn": "ff", "nno_Latn": None}),
        ("massive", 52, {"zho_Hant": "zh-TW", "khm_Khmr": "km-KH", "slv_Latn": "sl-SL"}),
        ("mteb", None, {"swh_Latn": "swh-Latn", "bre_Latn": "bre-Latn", "zho_Hant": "zho-Hant"}),
        ("bcp47", None, {"swh_Latn": "sw", "nob_Latn": "nb", "kas_Deva": "ks-Deva"}),
        ("bcp47", None, {"zho_Hans": "zh", "zho_Hant": "zh-Hant", "arz_Arab": "arz"}),
        ("bcp47", None, {"nso_Latn": "nso", "pnb_Arab": "pnb-Arab", "tgl_Latn": "tl"}),
    ],
)
def test_a_convention_spells_what_it_has(
    convention: str, size: int | None, some: dict[str, str | None]
) -> None:
    assert {code: spell(code, convention) for code in some} == some
    if size is not None:
        codes = languages_of(convention)
        assert len(codes) == len(set(codes)) == size


def test_the_lists_are_those_of_the_tokenisers() -> None:
    m2m100 = pytest.importorskip("transformers.models.m2m_100.tokenization_m2m_100")
    nllb = pytest.importorskip("transformers.models.nllb.tokenization_nllb")
    lists = {
        "m2m100": m2m100.FAIRSEQ_LANGUAGE_CODES["m2m100"],
        "nllb": nllb.FAIRSEQ_LANGUAGE_CODES,
    }
    for convention, spellings in lists.items():
        assert [spell(spelling, convention) for spelling in spellings] == list(spellings)


@pytest.mark.parametrize("convention", ["flores", "nllb", "m2m100", "massive"])
def test_every_spelling_of_every_listed_language_leads_back(convention: str) -> None:
    for code in languages_of(convention):
        for other in CONVENTIONS:
            spelling = spell(code, other)
            assert spelling is None or resolve(spelling).code == code, (code, other)


@given(st.sampled_from(IANA_CODES), st.sampled_from(CONVENTIONS))
def test_any_spelling_of_any_language_leads_back(subtag: str, convention: str) -> None:
    try:
        code = resolve(subtag).code
    except UsageError:
        return
    spelling = spell(subtag, convention)
    assert spelling is None or resolve(spelling).code == code
    assert spelling is not None or convention not in {"mteb", "bcp47"}


def test_a_convention_without_a_list_says_which_have_one() -> None:
    with pytest.raises(UsageError, match="no list of languages of 'mteb'; there are flores, nllb"):
        languages_of("mteb")
    with pytest.raises(UsageError, match="'nlb'; there are flores, nllb, m2m100, massive"):
        spell("swh_Latn", "nlb")
