"""Whether a text is in the language and the script that it is said to be in."""

from collections.abc import Sequence

from proxylm.checks.findings import Finding, Hit, Level, finding
from proxylm.checks.identification import MODEL, identify
from proxylm.errors import UsageError
from proxylm.languages import resolve
from proxylm.scripts import LEAST_SHARE, script_share

_LONGEST = 2_000  # letters of a text that count
_ENOUGH = 1_000  # letters for an error; of less, the model is easily mistaken
_WAY_ON = "look at the text and at the language code"


def script(what: str, language: str, texts: Sequence[str], places: Sequence[str]) -> list[Finding]:
    """Texts of which less than half is in the language's script; an error where most are so."""
    hits = []
    for place, text in zip(places, texts, strict=True):
        share = script_share(text[:_LONGEST], language)
        if share is not None and share < LEAST_SHARE:
            hits.append(Hit(place, text))
    if not hits:
        return []
    message = f"{len(hits)} of {len(texts)} {what}s are in another script than that of {language}"
    level: Level = "note" if len(hits) < 0.05 * len(texts) else "warning"
    if len(hits) > (1 - LEAST_SHARE) * len(texts):
        level = "error"
    return [finding(level, "script", message, hits, _WAY_ON)]


def language(what: str, declared: str, texts: Sequence[str]) -> list[Finding]:
    """Another language than the declared one, by identification of a sample.

    The thresholds are from the catalogues of Django in 90 languages: none of them is an error
    (the likeliest wrong language had 0.48, with 0.39 for the right one), and a hundred English
    messages under the name of another language are (0.61, with 0.00).
    """
    opinion = identify(texts, declared)
    iso = declared.partition("_")[0]
    if opinion is None or opinion.language == iso:
        return []
    name = _name(opinion.language)
    seems = f"the {what} seems to be {name} ({opinion.probability:.0%} by {MODEL})"
    if opinion.declared is None:
        level: Level = "warning" if opinion.probability >= 0.9 else "note"
        message = f"{MODEL} cannot tell {declared}; to it, {seems}"
        return [finding(level, "language", message, way_on=_WAY_ON)]
    if opinion.probability < 2 * opinion.declared or opinion.probability < 0.3:
        return []
    sure = opinion.probability >= 0.5 and opinion.declared < 0.02
    level = "error" if sure and opinion.letters >= _ENOUGH else "warning"
    message = f"{seems}, and {declared} to {opinion.declared:.0%}"
    return [finding(level, "language", message, way_on=_WAY_ON)]


def _name(iso: str) -> str:
    try:
        return str(resolve(iso).name)
    except UsageError:
        return iso
