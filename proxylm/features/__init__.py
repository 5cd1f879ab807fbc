"""The inputs of a prediction that are not scores: language distances and dataset features.

Every set of features has a name, so that rows of one fit are never mixed from two, and every
setting's set has a signature: what could change its numbers. This package knows settings and
texts; it knows no scores, no warehouse and no files.
"""

from collections.abc import Mapping

from proxylm.features import dataset, uriel
from proxylm.features.dataset import PARTS, TextStatistics, text_features
from proxylm.records import Feature, Setting

FEATURE_SET = "plm-2"
"""Computed here: URIEL distances and dataset features on words."""

REPLACED = ("plm-1",)
"""Sets of earlier versions; a setting that gets `FEATURE_SET` loses them."""

__all__ = [
    "FEATURE_SET",
    "PARTS",
    "REPLACED",
    "TextStatistics",
    "setting_features",
    "signature",
    "uriel",
]


def signature() -> str:
    """What could change the numbers of `FEATURE_SET`, beside the texts."""
    return f"{FEATURE_SET}|{dataset.DEFINITION}|distances:{uriel.DATA}"


def setting_features(setting: Setting, texts: Mapping[str, TextStatistics]) -> list[Feature]:
    """The features of a setting, as records of `FEATURE_SET`. `texts` has some of `PARTS`.

    For mt a text is the target side, as in the paper. What is not known is absent: the distances
    of a language that URIEL lacks (`uriel.missing_reason` says which), and what needs a part that
    is not there.
    """
    distances = uriel.distances(setting.source_lang, setting.target_lang)
    return [
        Feature(setting.setting_key, FEATURE_SET, name, value, imputed)
        for name, (value, imputed) in distances.items()
    ] + [
        Feature(setting.setting_key, FEATURE_SET, name, value, False)
        for name, value in text_features(texts).items()
    ]
