"""The inputs of a prediction that are not scores: language distances and dataset features.

Every set of features has a name, so that rows of one fit are never mixed from two, and every
computed set of a setting has a signature: what could change its numbers. This package knows
settings and texts; it knows no scores and no warehouse.
"""

from collections.abc import Mapping
from itertools import combinations

from proxylm import published
from proxylm.features import dataset, embeddings, paper, uriel
from proxylm.features.dataset import PARTS, TextStatistics, text_features
from proxylm.features.measures import Measures, Text
from proxylm.records import Feature, Setting

FEATURE_SET = "plm-2"
"""Computed here: URIEL distances, and dataset features on words."""

PAPER_SET = published.FEATURE_SET
"""The published columns, and what is computed here in the same way."""

SETS = (FEATURE_SET, PAPER_SET)

REPLACED = ("plm-1",)
"""Sets of earlier versions; a setting that gets `FEATURE_SET` loses them."""

__all__ = [
    "FEATURE_SET",
    "PAPER_SET",
    "PARTS",
    "REPLACED",
    "SETS",
    "Measures",
    "Text",
    "TextStatistics",
    "setting_features",
    "signature",
    "uriel",
]


def signature(feature_set: str, measures: Measures) -> str:
    """What could change the numbers of a set, beside the texts."""
    encoder = measures.encoder_signature
    if feature_set == PAPER_SET:
        encoder = encoder if measures.has_paper_encoder else "none"
        definition = f"pieces:{'flores200' if measures.pieces else 'none'}"
    else:
        definition = f"{dataset.DEFINITION}|tokenizers:{measures.tokenizer_signature}"
    return f"{feature_set}|distances:{uriel.DATA}|encoder:{encoder}|{definition}"


def setting_features(
    feature_set: str, setting: Setting, texts: Mapping[str, Text]
) -> list[Feature]:
    """The features of a setting in one of `SETS`, as records. `texts` has some of `PARTS`.

    For mt a text is the target side, as in the release. What is not known is absent: the distances
    of a language that URIEL lacks (`uriel.missing_reason` says which), and what needs a part, an
    encoder or a tokeniser that is not there. docs/features.md has every definition.
    """
    compute = _paper if feature_set == PAPER_SET else _computed
    return [
        Feature(setting.setting_key, feature_set, name, value, imputed)
        for name, (value, imputed) in compute(setting, texts).items()
    ]


def _computed(setting: Setting, texts: Mapping[str, Text]) -> dict[str, tuple[float, bool]]:
    found = text_features({part: text.statistics for part, text in texts.items()})
    for pair, one, other in _pairs({part: text.embedding for part, text in texts.items()}):
        found[f"{pair}_embedding_distance"] = embeddings.distance(one, other)
    for part in ("train", "test"):
        for name, known in (texts[part].fertility if part in texts else {}).items():
            found[f"{part}_fertility:{name}"] = known.tokens_per_word
            if known.unknown_rate is not None:
                found[f"{part}_unknown_rate:{name}"] = known.unknown_rate
    distances = uriel.distances(setting.source_lang, setting.target_lang)
    return {**distances, **{name: (value, False) for name, value in found.items()}}


def _paper(setting: Setting, texts: Mapping[str, Text]) -> dict[str, tuple[float, bool]]:
    """Only what agrees with the published files where that could be checked."""
    known = {part: text.paper for part, text in texts.items() if text.paper is not None}
    found = paper.paper_features(known)
    if setting.task == "mt":
        found |= paper.size_features({p: text.statistics.n_lines for p, text in texts.items()})
        found["eng_target"] = float(setting.target_lang == "eng_Latn")
    published_means = {part: text.paper_embedding for part, text in texts.items()}
    for pair, one, other in _pairs(published_means):
        found[f"{pair}_st_similarity"] = embeddings.distance(one, other)
    geographic = uriel.distances(setting.source_lang, setting.target_lang).get("geographic")
    if geographic is not None:
        found["geographic"] = round(geographic.value, 1)
    return {name: (value, False) for name, value in found.items()}


def _pairs(
    means: Mapping[str, embeddings.Vector | None],
) -> list[tuple[str, embeddings.Vector, embeddings.Vector]]:
    """The pairs of parts of which both have a mean vector, by their name."""
    known = [(part, means.get(part)) for part in PARTS]
    return [
        (f"{one}_{other}", first, second)
        for (one, first), (other, second) in combinations(known, 2)
        if first is not None and second is not None
    ]
