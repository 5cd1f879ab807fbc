"""Which language a spelling means, one code a language, and how others spell it.

The code is the FLORES-200 one where there is one (`swh_Latn`), else ISO 639-3 with CLDR's likely
script (`nij_Latn`). `data/flores200.csv` holds the 204 FLORES-200 languages, with the other codes
under which each is known; a macrolanguage (`swa`, `msa`, `zho`) stands for the member that
FLORES-200 chose. All else is asked of the IANA registry and of CLDR, through `langcodes`. The way
back, from a code to the spelling of a tokeniser or a data set, is `spell`; `data/conventions.csv`
holds the lists of NLLB, M2M100 and MASSIVE as they publish them.

This module does not know which languages a model or a corpus has, and it never guesses: what it
does not know is refused, with the nearest spellings.
"""

import csv
import difflib
import re
import unicodedata
from functools import cache
from importlib.resources import files
from typing import Literal, NamedTuple, NewType, get_args

from proxylm.errors import UsageError

LanguageCode = NewType("LanguageCode", str)
"""FLORES-200 style: ISO 639-3, an underscore, ISO 15924, for example `swh_Latn`."""

Convention = Literal["flores", "nllb", "m2m100", "massive", "mteb", "bcp47"]
CONVENTIONS: tuple[str, ...] = get_args(Convention)
"""FLORES-200, the tokenisers of NLLB and M2M100, MASSIVE's locales, MTEB (`swh-Latn`), BCP 47."""

_MAX_LENGTH = 80
_WAY_ON = (
    "Give a FLORES-200 code (swh_Latn), an ISO 639 code (sw, swa), a locale (sw-KE) "
    "or an exact English name"
)
_NOT_ONE_LANGUAGE = {"collection", "special", "private-use"}
_NOT_A_SCRIPT = {"Zinh", "Zxxx", "Zyyy", "Zzzz"}  # inherited, unwritten, undetermined, uncoded


class ResolvedLanguage(NamedTuple):
    """A language in one script, and how it was spelt."""

    code: LanguageCode
    name: str  # English name, of FLORES-200 or else of the IANA registry
    script: str  # ISO 15924 code
    script_assumed: bool  # the spelling says neither script nor region
    spelling: str  # as it was given


def resolve(spelling: str) -> ResolvedLanguage:
    """The language that `spelling` means.

    Accepts FLORES-200 codes, ISO 639-1, -2 and -3 (also withdrawn ones: `iw`), macrolanguages,
    locales (`zh-TW`, `sw_KE`) and exact English names; case does not matter. A code is
    preferred to a name (`fur` is Friulian, not the language Fur). Regional variants are one
    language. A region says its script: `zh-TW` is `zho_Hant` and nothing is assumed, while for
    `zh` the Simplified script is an assumption.

    Raises UsageError, with up to three suggestions, for whatever is not exactly one language.
    """
    if not isinstance(spelling, str):  # an unquoted `no` in YAML is False
        raise UsageError(f"a language must be text, not {spelling!r}: put it in quotes ('no')")
    return _resolve(spelling)


@cache
def _resolve(spelling: str) -> ResolvedLanguage:
    text = unicodedata.normalize("NFC", spelling).strip()
    if not text:
        raise UsageError(f"a language is missing (empty text). {_WAY_ON}.")
    if len(text) > _MAX_LENGTH or not text.isprintable():
        shown = ascii(text[:40]) + ("..." if len(text) > 40 else "")
        raise UsageError(f"{shown} is not a language. {_WAY_ON}.")
    for attempt in (_by_flores_code, _by_tag, _by_name):
        found = attempt(text)
        if found is not None:
            return found._replace(spelling=spelling)
    raise UsageError(f"unknown language {text!r}{_did_you_mean(text)} {_WAY_ON}.")


def spell(language: str, convention: str) -> str | None:
    """How a convention spells a language; None where it lacks the language.

    `resolve` leads back to the language from whatever this returns. MTEB and BCP 47 can spell
    every language; BCP 47 gets the shortest tag that means it (`sw`, `nb`, `zh-Hant`, `arz`).

    Raises UsageError for an unknown convention, and for a language as `resolve` does.
    """
    code = resolve(language).code
    if convention == "mteb":
        return code.replace("_", "-")
    if convention == "bcp47":
        return _shortest_tag(code)
    return _listed(convention).get(code)


def languages_of(convention: str) -> tuple[LanguageCode, ...]:
    """The languages of a convention that lists them: FLORES-200, NLLB, M2M100, MASSIVE.

    Raises UsageError for one that has no list.
    """
    return tuple(_listed(convention))


@cache
def _listed(convention: str) -> dict[LanguageCode, str]:
    """Language -> its spelling, in the order of the convention's own list."""
    if convention == "flores":
        return {LanguageCode(code): code for code in _flores().names}
    with (files("proxylm") / "data" / "conventions.csv").open(encoding="utf-8") as file:
        lists = {row["convention"]: row["spellings"].split() for row in csv.DictReader(file)}
    if convention not in lists:
        raise UsageError(
            f"no list of languages of {convention!r}; there are flores, {', '.join(lists)}"
        )
    return {resolve(spelling).code: spelling for spelling in lists[convention]}


@cache
def _shortest_tag(code: LanguageCode) -> str:
    import langcodes

    iso, script = code.split("_")
    known = [other for other, meant in _flores().codes.items() if meant == code]
    registered = [other for other in known if other in _registry().languages]
    for language in sorted([*registered, langcodes.standardize_tag(iso), iso], key=len):
        for tag in (language, f"{language}-{script}"):
            try:
                if resolve(tag).code == code:
                    return tag
            except UsageError:  # a bare tag whose script CLDR does not know
                continue
    raise AssertionError(f"{code} does not resolve to itself")


class _Flores(NamedTuple):
    names: dict[str, str]  # code -> English name
    codes: dict[str, str]  # folded FLORES-200 or other code -> code


@cache
def _flores() -> _Flores:
    names: dict[str, str] = {}
    codes: dict[str, str] = {}
    with (files("proxylm") / "data" / "flores200.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            names[row["code"]] = row["name"]
            for other in (row["code"], *row["other_codes"].split()):
                codes[_fold(other)] = row["code"]
    return _Flores(names, codes)


def _fold(text: str) -> str:
    """One form for comparing codes and names: case, dashes, apostrophes and spaces aside."""
    return " ".join(text.casefold().replace("_", "-").replace("’", "'").split())


def _without_brackets(name: str) -> str:
    return re.sub(r" \(.*\)$", "", name)


def _script_name(name: str) -> str:
    """`Latin` -> `Latin script`, `Han (Simplified variant)` -> `Simplified Han script`."""
    variant = re.fullmatch(r"(.*) \((.*) variant\)", name)
    return f"{variant[2]} {variant[1]} script" if variant else f"{_without_brackets(name)} script"


def _by_flores_code(text: str) -> ResolvedLanguage | None:
    code = _flores().codes.get(_fold(text))
    return None if code is None else _flores_language(code, assumed="-" not in _fold(text))


def _flores_language(code: str, assumed: bool) -> ResolvedLanguage:
    name = _flores().names[code]
    return ResolvedLanguage(LanguageCode(code), name, code[4:], assumed, code)


class _Registry(NamedTuple):
    languages: dict[str, dict[str, str]]  # subtag -> its entry in the IANA registry
    scripts: dict[str, str]  # ISO 15924 code -> English name
    regions: frozenset[str]
    variants: frozenset[str]
    groups: dict[str, str]  # subtag of several languages or of none -> English name
    names: dict[str, tuple[str, ...]]  # folded English name -> subtags


@cache
def _registry() -> _Registry:
    # Inside the function because it takes 0.1 s, and the FLORES-200 codes do without it.
    from langcodes.registry_parser import parse_registry

    languages: dict[str, dict[str, str]] = {}
    groups: dict[str, str] = {}
    scripts: dict[str, str] = {}
    regions: set[str] = set()
    variants: set[str] = set()
    names: dict[str, tuple[str, ...]] = {}
    for entry in parse_registry():
        subtag, kind = entry.get("Subtag", ""), entry["Type"]
        if kind == "language" and entry.get("Scope") in _NOT_ONE_LANGUAGE:
            groups[subtag] = entry["Description"][0]
        elif kind == "language":
            languages[subtag] = entry
            for name in entry["Description"]:
                folded = _fold(re.sub(r" \((macrolanguage|individual language)\)$", "", name))
                names[folded] = (*names.get(folded, ()), subtag)
        elif kind == "script" and subtag not in _NOT_A_SCRIPT and ".." not in subtag:
            scripts[subtag] = entry["Description"][0]
        elif kind == "region":
            regions.add(subtag)
        elif kind == "variant":
            variants.add(subtag)
    return _Registry(languages, scripts, frozenset(regions), frozenset(variants), groups, names)


def _by_tag(text: str) -> ResolvedLanguage | None:
    """A BCP 47 tag or locale; None if its language is not one that the IANA registry has."""
    import langcodes
    from langcodes.tag_parser import LanguageTagError

    try:
        # Withdrawn and bibliographic codes become today's: iw -> he, fre -> fr, zh-yue -> yue.
        tag = langcodes.Language.get(text, normalize=True)
    except LanguageTagError:
        return None
    language, script, region = tag.language or "und", tag.script, tag.territory
    registry = _registry()
    if language in registry.groups:
        group = registry.groups[language]
        raise UsageError(f"{text!r} ({group}) does not mean one language. {_WAY_ON}.")
    if language not in registry.languages:
        return None
    for kind, parts, known in (
        ("script", [script], registry.scripts),
        ("region", [region], registry.regions),
        ("variant", tag.variants or [], registry.variants),
    ):
        for part in filter(None, parts):
            if part not in known:
                raise UsageError(
                    f"unknown {kind} {part!r} in {text!r}: did you mean {language!r} alone?"
                )

    flores, assumed = _flores(), not (script or region)
    script = script or _likely_script(f"{language}-{region}")
    in_script = f"{language}-{script}"
    for key in (in_script, f"{language}-{region}", language):
        code = flores.codes.get(_fold(key))
        if code is not None:
            break
    if code is not None and (key == in_script or script in (None, code[4:])):
        return _flores_language(code, assumed)

    name = _without_brackets(registry.languages[language]["Description"][0])
    iso = code[:3] if code is not None else tag.to_alpha3()
    usual = _likely_script(language) or _likely_script(iso)
    usual = usual or registry.languages[language].get("Suppress-Script")
    script = script or usual
    if script is None:
        raise UsageError(
            f"CLDR knows no script for {text!r} ({name}): name it, for example {iso}_Latn"
        )
    exact = LanguageCode(f"{iso}_{script}")
    if exact in flores.names:
        return _flores_language(exact, assumed)
    if script != usual:
        name = f"{name} ({_script_name(registry.scripts[script])})"
    return ResolvedLanguage(exact, name, script, assumed, text)


def _likely_script(tag: str) -> str | None:
    """CLDR's likely script of a language or locale; None if CLDR has no entry for just that one.

    `langcodes.Language.maximize` would fall back on English for a language that CLDR lacks.
    """
    from langcodes.data_dicts import LIKELY_SUBTAGS

    likely: str | None = LIKELY_SUBTAGS.get(tag)
    return likely.split("-")[1] if likely else None


@cache
def _flores_names() -> dict[str, str]:
    """Folded FLORES-200 name -> code, also without `(... script)` -> ISO 639-3."""
    names = {}
    for code, name in _flores().names.items():
        names[_fold(name)] = code
        names.setdefault(_fold(_without_brackets(name)), code[:3])
    return names


def _by_name(text: str) -> ResolvedLanguage | None:
    folded = _fold(text)
    of_flores = _flores_names().get(folded)
    if of_flores is not None:
        code = _flores().codes[_fold(of_flores)]
        return _flores_language(code, assumed=not folded.endswith(")"))
    found: dict[str, ResolvedLanguage] = {}
    for subtag in _registry().names.get(folded, ()):
        language = _by_flores_code(subtag) or _by_tag(subtag)
        if language is not None:
            found[language.code] = language
    if len(found) > 1:
        choice = ", ".join(_shown(language) for language in found.values())
        raise UsageError(f"{text!r} names more than one language: give one of {choice}")
    return next(iter(found.values()), None)


def _shown(language: ResolvedLanguage) -> str:
    return f"{language.code} ({language.name})"


def _did_you_mean(text: str) -> str:
    folded = _fold(text)
    # A short text is a code: comparing it with 8,000 names would suggest at random.
    pools = [[*_flores().codes, *_flores_names()]] if len(folded) > 3 else [list(_flores().codes)]
    if len(folded) > 4:
        pools.append(list(_registry().names))
    shown: dict[str, str] = {}
    for pool in pools:
        for near in difflib.get_close_matches(folded, pool, n=6, cutoff=0.66):
            try:
                language = _by_flores_code(near) or _by_name(near)
            except UsageError:  # the near name is itself ambiguous or has no known script
                continue
            if language is not None:
                shown.setdefault(language.code, _shown(language))
    return f": did you mean {', '.join(list(shown.values())[:3])}?" if shown else "."
