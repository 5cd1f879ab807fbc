"""Facts about languages and models: known values, whose value stands in, and what is unknown."""

import csv
import math
from importlib.resources import files

import langcodes
import pytest

from proxylm import facts
from proxylm.errors import UsageError
from proxylm.languages import languages_of, resolve
from proxylm.records import LanguageFact


def facts_of(language: str) -> dict[str, LanguageFact]:
    return {fact.fact: fact for fact in facts.language_facts(language)}


def test_english() -> None:
    found = facts_of("eng_Latn")
    assert {name: fact.label for name, fact in found.items()} == {
        "latin_script": "Latn",
        "family": "Indo-European",
        "log_speakers": f"{langcodes.get('en').speaking_population():,}",
        "log_web_share": "43.4241 %",
        "resource_level": "very high",
    }
    assert found["log_web_share"].value == pytest.approx(math.log10(43.4241))
    assert not any(fact.imputed for fact in found.values())


@pytest.mark.parametrize(
    ("language", "fact", "label", "reason"),
    [
        # the macrolanguage speaks for the member that goes by its name ...
        ("swh_Latn", "log_web_share", "0.0096 %", "that of swa"),
        ("arb_Arab", "log_web_share", "0.6709 %", "that of ara"),
        ("zsm_Latn", "resource_level", "medium", "that of msa"),
        ("nob_Latn", "log_web_share", "0.306 %", "that of nor"),
        # ... and for no other
        ("arz_Arab", "log_web_share", "0.00005 %", "CLD2 does not identify it: the floor"),
        ("min_Latn", "resource_level", "least", "CLD2 does not identify it: the floor"),
        ("yue_Hant", "log_web_share", "0.00005 %", "CLD2 does not identify it: the floor"),
        # one language in another script
        ("zho_Hant", "log_web_share", "4.8129 %", "that of zho_Hans"),
        ("srp_Latn", "resource_level", "high", "that of srp_Cyrl"),
        ("ssw_Latn", "resource_level", "least", "on fewer pages than the last decimal tells"),
        ("nno_Latn", "family", "Indo-European", "that of a related language"),
    ],
)
def test_a_value_that_stands_in_is_flagged_and_says_whose_it_is(
    language: str, fact: str, label: str, reason: str
) -> None:
    found = facts_of(language)[fact]
    assert (found.label, found.imputed) == (label, True)
    assert (found.reason or "").startswith(reason)


@pytest.mark.parametrize(
    ("language", "fact", "label"),
    [
        ("zho_Hans", "log_web_share", "4.8129 %"),
        ("nno_Latn", "log_web_share", "0.013 %"),
        ("nob_Latn", "log_speakers", "5,511,222"),
        ("arz_Arab", "log_speakers", "71,198,080"),
        ("khm_Khmr", "family", "Austroasiatic"),
        ("lim_Latn", "latin_script", "Latn"),
    ],
)
def test_a_value_of_the_language_itself_is_not_flagged(
    language: str, fact: str, label: str
) -> None:
    found = facts_of(language)[fact]
    assert (found.label, found.imputed, found.reason) == (label, False, None)


def test_what_is_unknown_is_absent_with_its_reason() -> None:
    nobody = facts_of("got_Goth")["log_speakers"]
    assert (nobody.value, nobody.label, nobody.reason) == (None, None, "CLDR counts no speakers")
    assert facts_of("eus_Latn")["family"].reason == "URIEL names no family"
    lacking = facts_of("qqq_Latn")
    assert lacking["family"].reason == "URIEL (lang2vec 1.1.2) has no qqq_Latn"
    assert lacking["log_speakers"].value is None


@pytest.mark.parametrize("language", languages_of("flores"))
def test_every_fact_is_complete(language: str) -> None:
    found = facts_of(language)
    assert tuple(found) == facts.FACTS
    for fact in found.values():
        assert fact.source
        assert fact.licence
        assert (fact.reason is not None) == (fact.imputed or fact.label is None)
        assert (fact.value is None) == (fact.fact not in facts.NUMBERS or fact.label is None)


def test_only_these_spellings_of_common_crawl_mean_no_one_language() -> None:
    path = files("proxylm") / "data" / "web_share.csv"
    unused = set()
    with path.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            try:
                resolve(row["language"])
            except UsageError:
                unused.add(row["language"])
    assert unused == {"bih", "hmn", "ile", "sux"}


def test_levels_follow_the_share() -> None:
    rows = [facts_of(language) for language in languages_of("flores")]
    rows.sort(key=lambda found: found["log_web_share"].value or 0)
    levels = [found["resource_level"].value for found in rows]
    assert levels == sorted(levels)
    assert set(levels) == {0, 1, 2, 3, 4, 5}
    for found in rows:
        percent = float((found["log_web_share"].label or "").split()[0])
        below = [t for t in facts.LEVELS if t <= percent]
        assert found["resource_level"].value == len(below)


def test_the_features_of_a_pair() -> None:
    found = facts.pair_facts("swh_Latn", "eng_Latn")
    sides = [f"{side}_{fact}" for side in ("source", "target") for fact in facts.NUMBERS]
    assert list(found) == [*sides, "same_script", "same_family"]
    assert found["same_script"] == (1.0, False)
    assert found["same_family"] == (0.0, False)
    assert found["source_log_web_share"] == (pytest.approx(math.log10(0.0096)), True)
    assert found["target_resource_level"] == (5.0, False)

    back = facts.pair_facts("eng_Latn", "swh_Latn")
    for fact in facts.NUMBERS:
        assert back[f"target_{fact}"] == found[f"source_{fact}"]
        assert back[f"source_{fact}"] == found[f"target_{fact}"]


@pytest.mark.parametrize(
    ("source", "target", "same"),
    [
        ("deu_Latn", "hin_Deva", (1.0, False)),
        ("fin_Latn", "hun_Latn", (1.0, False)),
        ("fin_Latn", "swe_Latn", (0.0, False)),
        ("nob_Latn", "swe_Latn", (1.0, True)),
        ("eus_Latn", "spa_Latn", (0.0, True)),
        ("eus_Latn", "eus_Latn", (1.0, False)),
        ("zho_Hans", "zho_Hant", (1.0, False)),
        ("qqq_Latn", "eng_Latn", None),
    ],
)
def test_same_family(source: str, target: str, same: tuple[float, bool] | None) -> None:
    assert facts.pair_facts(source, target).get("same_family") == same
    assert facts.pair_facts(target, source).get("same_family") == same


def test_the_languages_of_models() -> None:
    rows = facts.model_languages(["aya-23-8b", "llama-3-8b", "m2m100-1.2b", "transformer-6x512"])
    listed: dict[tuple[str, str], set[str]] = {}
    for row in rows:
        listed.setdefault((row.model_id, row.relation), set()).add(row.language)
        assert row.source
        assert row.licence
    assert set(listed) == {
        ("aya-23-8b", "pre_training"),
        ("aya-23-8b", "official"),
        ("llama-3-8b", "official"),
        ("m2m100-1.2b", "pre_training"),
    }
    assert listed["llama-3-8b", "official"] == {"eng_Latn"}
    assert listed["m2m100-1.2b", "pre_training"] == set(languages_of("m2m100"))
    assert len(listed["aya-23-8b", "official"]) == 24
    assert {"zho_Hans", "zho_Hant", "pes_Arab"} < listed["aya-23-8b", "official"]


def test_every_published_model_with_a_vocabulary_of_its_own_has_a_list() -> None:
    from proxylm.published import MODELS

    ids = {model.model_id for model in MODELS.values()}
    assert ids - {row.model_id for row in facts.model_languages(ids)} == {"transformer-6x512"}


def test_the_signature_names_sources_and_versions() -> None:
    signature = facts.signature()
    for part in ("facts-1", "CC-MAIN-2024-42", "language_data 1.", "lang2vec 1.1.2", "|data:"):
        assert part in signature
