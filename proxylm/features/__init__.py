"""The inputs of a prediction that are not scores: language distances and dataset features.

Every set of features has a name, so that rows of one fit are never mixed from two. This package
knows settings and texts; it knows no scores, no models and no warehouse.
"""

from proxylm.features import uriel
from proxylm.features.dataset import TextStatistics, pair_features
from proxylm.records import Feature, Setting

FEATURE_SET = "plm-1"
"""Computed here: URIEL distances and word-level dataset features."""

__all__ = ["FEATURE_SET", "TextStatistics", "pair_features", "setting_features", "uriel"]


def setting_features(
    setting: Setting, train: TextStatistics | None, test: TextStatistics | None
) -> list[Feature]:
    """The features of a setting, as records of `FEATURE_SET`.

    What is not known is absent: the distances of a language that URIEL lacks
    (`uriel.missing_reason` says which), and the dataset features when a text is None.
    """
    features = [
        Feature(setting.setting_key, FEATURE_SET, name, value, imputed)
        for name, (value, imputed) in uriel.distances(
            setting.source_lang, setting.target_lang
        ).items()
    ]
    if train is not None and test is not None:
        features += [
            Feature(setting.setting_key, FEATURE_SET, name, value, False)
            for name, value in pair_features(train, test).items()
        ]
    return features
