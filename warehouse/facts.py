"""Facts about languages and models: made the same as what the code knows.

They are no results. What the code no longer says goes, so a newer version of the facts needs no
migration. This module does not know what the facts say.
"""

from typing import NamedTuple

import duckdb
import pyarrow as pa

from proxylm.landing import record_table
from proxylm.records import LanguageFact, ModelLanguage
from warehouse.database import reading, transaction, writing
from warehouse.home import Home
from warehouse.snapshot import publish_snapshot


class Facts(NamedTuple):
    """All facts that the warehouse is to have."""

    languages: list[LanguageFact]
    models: list[ModelLanguage]
    pairs: pa.Table  # source_lang, target_lang, feature_set, name, value, imputed


class FactCounts(NamedTuple):
    """What the warehouse has of facts."""

    changed: int  # rows that came or went just now
    features: int  # facts as features, over all settings
    imputed: int  # of these, how many only stand in for a value


_WANTED = {
    "language_facts": "SELECT * FROM known_languages",
    "model_languages": "SELECT * FROM known_models",
    "features": "SELECT setting_key, feature_set, name, value, imputed "
    "FROM settings JOIN known_pairs USING (source_lang, target_lang)",
}
_REPLACED = {
    "language_facts": "true",
    "model_languages": "true",
    "features": "feature_set IN (SELECT feature_set FROM known_pairs)",
}
"""Which rows of a table are facts."""


def replace_facts(home: Home, facts: Facts) -> FactCounts:
    """Make `facts` the warehouse's, all or nothing; publishes a copy if something changed."""
    with reading(home) as connection:
        _register(connection, facts)
        counts = _counts(connection)
    if not counts.changed:
        return counts
    with writing(home, "facts") as connection:
        _register(connection, facts)
        counts = _counts(connection)
        with transaction(connection):
            for table, wanted in _WANTED.items():
                connection.execute(f"DELETE FROM {table} WHERE {_REPLACED[table]}")
                connection.execute(f"INSERT INTO {table} BY NAME {wanted}")
        publish_snapshot(home, connection)
    return counts


def _register(connection: duckdb.DuckDBPyConnection, facts: Facts) -> None:
    connection.register("known_languages", record_table(LanguageFact, facts.languages))
    connection.register("known_models", record_table(ModelLanguage, facts.models))
    connection.register("known_pairs", facts.pairs)


def _counts(connection: duckdb.DuckDBPyConnection) -> FactCounts:
    changed = 0
    for table, wanted in _WANTED.items():
        present = f"SELECT * FROM {table} WHERE {_REPLACED[table]}"
        row = connection.execute(
            f"SELECT count(*) FROM (({wanted}) EXCEPT ({present})"
            f" UNION ALL (({present}) EXCEPT ({wanted})))"
        ).fetchone()
        assert row is not None
        changed += row[0]
    row = connection.execute(
        f"SELECT count(*), count_if(imputed) FROM ({_WANTED['features']})"
    ).fetchone()
    assert row is not None
    return FactCounts(changed, *row)
