"""Facts in the warehouse are what the code knows, no more and no less."""

from dataclasses import replace

import pyarrow as pa
import pytest

from proxylm.landing import arrow_schema, write_landing
from proxylm.records import Feature, LanguageFact, ModelLanguage
from tests.warehouse.builders import evaluated
from warehouse.database import reading
from warehouse.facts import Facts, replace_facts
from warehouse.home import Home
from warehouse.loader import load_landing


def known(*languages: str, imputed: bool = False) -> Facts:
    """One fact a language; the languages as those of a model; a feature for English to each."""
    pairs = [("eng_Latn", x, "facts-x", "near", float(len(x)), imputed) for x in languages]
    names = ("source_lang", "target_lang", "feature_set", "name", "value", "imputed")
    return Facts(
        [LanguageFact(x, "f", 1.0, "one", imputed, None, "s", "l") for x in languages],
        [ModelLanguage("proxy", x, "official", "s", "l") for x in languages],
        pa.table(dict(zip(names, map(list, zip(*pairs, strict=True)), strict=True))),
    )


@pytest.fixture
def loaded(home: Home) -> Home:
    """Three settings from English; one of them has a feature of its texts."""
    bundle = evaluated()
    own = [Feature(bundle.settings[0].setting_key, "plm-1", "geographic", 0.5, False)]
    write_landing(replace(bundle, features=own), home.incoming)
    load_landing(home)
    return home


def test_facts_become_features_of_the_settings_of_a_pair(loaded: Home) -> None:
    counts = replace_facts(loaded, known("fra_Latn", "swh_Latn", "zul_Latn", imputed=True))
    assert counts == (8, 2, 2)  # no setting is in Zulu
    with reading(loaded) as connection:
        rows = connection.execute(
            "SELECT target_lang, name, value, imputed FROM features JOIN settings "
            "USING (setting_key) WHERE feature_set = 'facts-x' ORDER BY ALL"
        ).fetchall()
        coverage = connection.execute("SELECT * FROM feature_coverage ORDER BY ALL").fetchall()
        assert connection.execute("SELECT * FROM data_checks").fetchall() == []
    assert rows == [("fra_Latn", "near", 8.0, True), ("swh_Latn", "near", 8.0, True)]
    assert coverage == [("facts-x", "near", 2, 2, 0), ("plm-1", "geographic", 1, 0, 0)]


def test_what_the_code_no_longer_says_goes_and_the_rest_stays(loaded: Home) -> None:
    replace_facts(loaded, known("fra_Latn", "swh_Latn"))
    assert replace_facts(loaded, known("fra_Latn")) == (3, 1, 0)
    with reading(loaded) as connection:
        listed = connection.execute("SELECT language FROM model_languages").fetchall()
        languages = connection.execute("SELECT language FROM language_facts").fetchall()
        kept = connection.execute(
            "SELECT feature_set, count(*) FROM features GROUP BY ALL ORDER BY ALL"
        ).fetchall()
    assert listed == languages == [("fra_Latn",)]
    assert kept == [("facts-x", 1), ("plm-1", 1)]


def test_the_same_facts_again_write_nothing(loaded: Home) -> None:
    replace_facts(loaded, known("fra_Latn"))
    snapshot = loaded.snapshot.resolve()
    assert replace_facts(loaded, known("fra_Latn")) == (0, 1, 0)
    assert loaded.snapshot.resolve() == snapshot


@pytest.mark.parametrize(
    ("table", "record"), [("language_facts", LanguageFact), ("model_languages", ModelLanguage)]
)
def test_tables_have_the_columns_of_their_records(home: Home, table: str, record: type) -> None:
    with reading(home) as connection:
        columns = connection.execute(f"SELECT * FROM {table}").to_arrow_table().schema
    assert columns.names == arrow_schema(record).names
    assert columns.types == arrow_schema(record).types
