"""Stage `features`: features of texts for settings of the catalogue, facts of languages for all."""

from functools import cache
from typing import Any, NamedTuple

from prefect import task

from proxylm.catalogue import read_catalogue
from proxylm.corpora import CorpusSplit, read_corpus
from proxylm.features import FEATURE_SET, TextStatistics, setting_features
from proxylm.landing import record_table
from proxylm.records import Feature, Setting
from tasks.catalogue import part_path
from tasks.facts import update_facts
from tasks.settings import LOCK_RETRIES, busy
from warehouse.database import reading, transaction, writing
from warehouse.home import Home
from warehouse.snapshot import publish_snapshot


class FeaturesMade(NamedTuple):
    """What the stage did."""

    settings: int  # settings that lacked the features of their texts
    facts: int  # facts as features, over all settings of the warehouse
    imputed: int  # of these, how many only stand in for a value


def features(home: str) -> FeaturesMade:
    """Compute the features that settings of catalogue corpora lack, and bring all facts up."""
    here = Home.find(home)
    catalogue = read_catalogue(here.catalogue)
    paths = {
        (corpus.id, part.language, part.with_language or part.language): part_path(
            here, corpus.id, part
        )
        for corpus in catalogue.corpora
        for part in corpus.parts
    }
    with reading(here) as connection:
        rows = connection.execute(
            "SELECT * FROM settings s WHERE train_corpus IN (SELECT unnest(?::VARCHAR[])) "
            "AND NOT EXISTS (SELECT 1 FROM features f "
            "WHERE f.setting_key = s.setting_key AND f.feature_set = ?)",
            [[corpus.id for corpus in catalogue.corpora], FEATURE_SET],
        ).fetchall()

    @cache
    def split(key: tuple[str, str, str]) -> CorpusSplit:
        return read_corpus(paths[key]).split

    @cache
    def train_text(key: tuple[str, str, str]) -> TextStatistics | None:
        return TextStatistics.of(split(key).train.texts) if key in paths else None

    @cache
    def test_text(key: tuple[str, str, str]) -> TextStatistics | None:
        return TextStatistics.of(split(key).test.texts) if key in paths else None

    made: list[Feature] = []
    settings = [Setting(*row) for row in rows]
    for s in settings:
        pair = s.task == "mt"
        train = (s.train_corpus, s.source_lang, s.target_lang if pair else s.source_lang)
        test = (s.test_corpus, s.source_lang if pair else s.target_lang, s.target_lang)
        made += setting_features(s, train_text(train), test_text(test))
    if made:
        with writing(here, "features") as connection:
            with transaction(connection):
                connection.register("made", record_table(Feature, made))
                connection.execute(
                    "DELETE FROM features WHERE (setting_key, feature_set) IN "
                    "(SELECT (setting_key, feature_set) FROM made)"
                )
                connection.execute("INSERT INTO features SELECT * FROM made")
            publish_snapshot(here, connection)
    facts = update_facts(home)
    return FeaturesMade(len(settings), facts.features, facts.imputed)


features_task: Any = task(name="features", retry_condition_fn=busy, **LOCK_RETRIES)(features)
