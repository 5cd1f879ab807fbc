"""The features of a setting as records."""

from proxylm.features import FEATURE_SET, TextStatistics, setting_features, signature
from proxylm.features.words import VERSION
from proxylm.records import Setting

TRAIN = TextStatistics.of(["the cat sat"])
TEST = TextStatistics.of(["a dog ran"])


def setting(target: str) -> Setting:
    return Setting("k", "intent", "eng_Latn", target, "c", 2, "c", "c:eng_Latn")


def test_they_are_records_of_one_feature_set() -> None:
    features = setting_features(setting("nob_Latn"), {"train": TRAIN, "test": TEST})
    assert {feature.feature_set for feature in features} == {FEATURE_SET} == {"plm-2"}
    assert len({feature.name for feature in features}) == len(features) == 6 + 12
    assert {feature.name for feature in features if feature.imputed} == {"genetic"}
    assert len(setting_features(setting("nob_Latn"), {"train": TRAIN})) == 6 + 3
    assert setting_features(setting("qqq_Latn"), {}) == []


def test_the_signature_names_what_could_change_a_number() -> None:
    assert VERSION in signature()
    assert "lang2vec 1.1.2" in signature()
