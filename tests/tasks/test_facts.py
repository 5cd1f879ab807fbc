"""Facts reach every setting of the warehouse, imported ones too, and are counted."""

import shutil
from pathlib import Path

from proxylm.facts import FEATURE_SET, pair_facts
from proxylm.landing import write_landing
from tasks.facts import update_facts
from tasks.features import features
from tests.warehouse.builders import evaluated
from warehouse.database import reading
from warehouse.home import Home
from warehouse.loader import load_landing


def test_imported_settings_get_the_facts_of_their_languages(home: Home) -> None:
    write_landing(evaluated("smollm-135m", origin="imported"), home.incoming)
    load_landing(home)
    made = features(str(home.path))
    assert made.settings == 0  # no text of theirs is here
    with reading(home) as connection:
        rows = connection.execute(
            "SELECT name, value, imputed FROM features JOIN settings USING (setting_key) "
            "WHERE target_lang = 'swh_Latn' AND feature_set = ?",
            [FEATURE_SET],
        ).fetchall()
        shown = connection.execute(
            "SELECT sum(present), sum(imputed) FROM feature_coverage"
        ).fetchall()
    expected = pair_facts("eng_Latn", "swh_Latn")
    assert {name: (value, imputed) for name, value, imputed in rows} == dict(expected)
    assert shown == [(made.facts, made.imputed)]
    assert made.imputed == 3  # speakers, share and level of Swahili are those of swa

    with reading(home) as connection:
        listed = connection.execute(
            "SELECT model_id, language, relation FROM model_languages"
        ).fetchall()
    assert listed == [("smollm-135m", "eng_Latn", "pre_training")]


def test_without_news_nothing_is_written(home: Home) -> None:
    write_landing(evaluated(), home.incoming)
    load_landing(home)
    assert update_facts(str(home.path)).changed
    snapshot = home.snapshot.resolve()
    assert not update_facts(str(home.path)).changed
    assert home.snapshot.resolve() == snapshot


def test_every_published_setting_has_facts(published_home: Home, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(published_home.path, copy, symlinks=True)
    counts = update_facts(str(copy))
    with reading(Home.find(copy)) as connection:
        lacking = connection.execute(
            "SELECT name, absent FROM feature_coverage WHERE feature_set = ? AND absent > 0 "
            "ORDER BY ALL",
            [FEATURE_SET],
        ).fetchall()
        without = connection.execute(
            "SELECT count(*) FROM settings ANTI JOIN "
            "(SELECT * FROM features WHERE feature_set = ?) USING (setting_key)",
            [FEATURE_SET],
        ).fetchall()
        models = connection.execute(
            "SELECT model_id FROM models ANTI JOIN model_languages USING (model_id)"
        ).fetchall()
    assert without == [(0,)]
    assert lacking == [("source_log_speakers", 3), ("target_log_speakers", 3)]  # dik_Latn
    assert (counts.features, counts.imputed) == (10 * 4555 - 6, 3388)
    assert models == [("transformer-6x512",)]
