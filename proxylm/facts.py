"""Public facts about languages and models, each with its source and licence.

Of a language: its script, its family, how many speak it, its share of the web's text. Of a model:
the languages that it was trained on, or that its makers name, as far as a source says so; a model
without a list is unknown, not without languages. What has no source is not here.

A number that is not the language's own is flagged as imputed: that of its macrolanguage, of the
language in another script, or the floor of a source that could not have seen the language. This
module knows no scores, no texts and no warehouse.
"""

import csv
import hashlib
import math
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import NamedTuple

from proxylm.errors import UsageError
from proxylm.features import uriel
from proxylm.languages import languages_of, resolve
from proxylm.records import LanguageFact, ModelLanguage

FEATURE_SET = "facts-1"
"""The facts as features of a setting; they go beside any set of dataset features."""

FACTS = ("latin_script", "family", "log_speakers", "log_web_share", "resource_level")
NUMBERS = ("latin_script", "log_speakers", "log_web_share", "resource_level")
"""The facts that are features of the source and of the target language."""

CRAWL = "CC-MAIN-2024-42"
FLOOR = 0.00005
"""Percent of pages: half of the last decimal that Common Crawl gives. It stands in for a smaller
share, and for that of a language that CLD2 does not identify."""

LEVELS = (0.0001, 0.001, 0.01, 0.1, 1.0)
"""Percent of pages from which a language is of resource level 1, 2, 3, 4, 5; below, level 0."""

LEVEL_NAMES = ("least", "very low", "low", "medium", "high", "very high")

_SPEAKERS = f"CLDR through language_data {version('language_data')}"
_WEB = f"Common Crawl {CRAWL}, pages by CLD2's primary language (cc-crawl-statistics 011ff43)"
_SOURCES = {
    "latin_script": ("the language code (ISO 15924)", "Unicode-3.0"),
    "family": (uriel.DATA, "CC-BY-SA-4.0"),
    "log_speakers": (_SPEAKERS, "Unicode-3.0"),
    "log_web_share": (_WEB, "Common Crawl Terms of Use"),
    "resource_level": (f"level of the share: {_WEB}", "Common Crawl Terms of Use"),
}
"""Fact -> where it is from and under which licence."""


class Value(NamedTuple):
    """A feature's value."""

    value: float
    imputed: bool


class _Fact(NamedTuple):
    """The middle fields of a `LanguageFact`."""

    value: float | None = None
    label: str | None = None
    imputed: bool = False
    reason: str | None = None


class _Known(NamedTuple):
    """A number that a source gives, and for which language."""

    language: str
    spelling: str  # how the source calls it
    value: float


@cache
def signature() -> str:
    """What could change the numbers of `FEATURE_SET`: sources, versions and the packaged data."""
    packaged = hashlib.sha256()
    for name in ("web_share.csv", "model_languages.csv", "conventions.csv", "flores200.csv"):
        packaged.update(_data(name).read_bytes())
    return (
        f"{FEATURE_SET}|web:{CRAWL}|speakers:{_SPEAKERS}|family:{uriel.DATA}"
        f"|data:{packaged.hexdigest()[:12]}"
    )


@cache
def language_facts(language: str) -> tuple[LanguageFact, ...]:
    """The facts of a language (FLORES-200 style code), one for each of `FACTS`.

    `log_speakers` and `log_web_share` are log10 of a count and of a percentage; `latin_script` is
    1 or 0. A number that is not known is None with its reason.
    """
    script = language.partition("_")[2]
    percent, reason = _web_share(language)
    share = f"{percent:.5f}".rstrip("0") + " %"
    level = sum(percent >= threshold for threshold in LEVELS)
    imputed = reason is not None
    found: dict[str, _Fact] = {
        "latin_script": _Fact(float(script == "Latn"), script),
        "family": _family(language),
        "log_speakers": _log_speakers(language),
        "log_web_share": _Fact(math.log10(percent), share, imputed, reason),
        "resource_level": _Fact(float(level), LEVEL_NAMES[level], imputed, reason),
    }
    return tuple(LanguageFact(language, fact, *found[fact], *_SOURCES[fact]) for fact in FACTS)


@cache
def pair_facts(source: str, target: str) -> Mapping[str, Value]:
    """The features of `FEATURE_SET` for a pair of languages, by name.

    `source_*` and `target_*` of each of `NUMBERS`, `same_script` and `same_family` (1 or 0). What
    is not known is absent. A language for which URIEL names no family is of a family of its own;
    that is flagged as imputed.
    """
    found = {}
    for side, language in (("source", source), ("target", target)):
        for fact in language_facts(language):
            if fact.fact in NUMBERS and fact.value is not None:
                found[f"{side}_{fact.fact}"] = Value(fact.value, fact.imputed)
    scripts = [language.partition("_")[2] for language in (source, target)]
    found["same_script"] = Value(float(scripts[0] == scripts[1]), False)
    one, other = uriel.family(source), uriel.family(target)
    if one is not None and other is not None:
        if source.partition("_")[0] == target.partition("_")[0]:
            found["same_family"] = Value(1.0, False)
        elif one.name is None or other.name is None:
            found["same_family"] = Value(0.0, True)
        else:
            found["same_family"] = Value(float(one.name == other.name), one.imputed | other.imputed)
    return found


def model_languages(model_ids: Iterable[str]) -> list[ModelLanguage]:
    """What sources say of the languages of these models; nothing of a model that is not listed."""
    wanted = set(model_ids)
    return [row for row in _model_languages() if row.model_id in wanted]


@cache
def _model_languages() -> tuple[ModelLanguage, ...]:
    rows = []
    with _data("model_languages.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            words = row["languages"].split()
            listed = (
                languages_of(words[1])
                if words[0] == "convention"
                else tuple(resolve(word).code for word in words)
            )
            rows += [
                ModelLanguage(row["model_id"], code, row["relation"], row["source"], row["licence"])
                for code in listed
            ]
    return tuple(rows)


def _family(language: str) -> _Fact:
    family = uriel.family(language)
    if family is None:
        return _Fact(reason=uriel.missing_reason(language, language))
    if family.name is None:
        return _Fact(reason="URIEL names no family")
    reason = "that of a related language" if family.imputed else None
    return _Fact(None, family.name, family.imputed, reason)


def _log_speakers(language: str) -> _Fact:
    count, reason = _look_up(_speakers(), language)
    if count is None:
        return _Fact(reason="CLDR counts no speakers")
    return _Fact(math.log10(count), f"{count:,.0f}", reason is not None, reason)


def _web_share(language: str) -> tuple[float, str | None]:
    """Percent of web pages, and why it is not the language's own."""
    percent, reason = _look_up(_web_shares(), language)
    if percent is None:
        return FLOOR, "CLD2 does not identify it: the floor"
    if percent < FLOOR:
        return FLOOR, "on fewer pages than the last decimal tells: the floor"
    return percent, reason


def _look_up(table: Mapping[str, _Known], language: str) -> tuple[float | None, str | None]:
    """The value for a language, and why it is not its own."""
    iso = language.partition("_")[0]
    known = table.get(iso)
    if known is None:
        return None, None
    if known.language != language:
        return known.value, f"that of {known.language}"
    own = _is_code_of(known.spelling, iso)
    return known.value, None if own else f"that of {known.spelling}"


def _is_code_of(spelling: str, iso: str) -> bool:
    import langcodes

    return spelling == iso or langcodes.get(spelling, normalize=False).to_alpha3() == iso


@cache
def _web_shares() -> Mapping[str, _Known]:
    with _data("web_share.csv").open(encoding="utf-8") as file:
        return _by_iso({row["language"]: float(row["percent"]) for row in csv.DictReader(file)})


@cache
def _speakers() -> Mapping[str, _Known]:
    from language_data.population_data import LANGUAGE_SPEAKING_POPULATION

    # A key with a dash counts one country. CLDR gives 0 where nobody counted, as for Latin.
    counts = LANGUAGE_SPEAKING_POPULATION.items()
    return _by_iso({key: float(count) for key, count in counts if count and "-" not in key})


def _by_iso(values: Mapping[str, float]) -> Mapping[str, _Known]:
    """ISO 639-3 code -> what a source says of it.

    A macrolanguage speaks for the member that `resolve` takes it for, and for no other: what is
    said of Arabic is not said of Egyptian Arabic.
    """
    found: dict[str, _Known] = {}
    for spelling, value in values.items():
        try:
            code = resolve(spelling).code
        except UsageError:  # a group of languages, or one without a usual script
            continue
        iso = code.partition("_")[0]
        if iso not in found or _is_code_of(spelling, iso):
            found[iso] = _Known(code, spelling, value)
    return found


def _data(name: str) -> Traversable:
    return files("proxylm") / "data" / name
