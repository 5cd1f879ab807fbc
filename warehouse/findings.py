"""Findings about texts. This module does not know the checks."""

from proxylm.landing import record_table
from proxylm.records import CorpusFinding
from warehouse.database import reading, transaction, writing
from warehouse.home import Home
from warehouse.snapshot import publish_snapshot


def checked(home: Home) -> set[tuple[str, str, str, str]]:
    """Corpus, source, target and fingerprint of the texts that have findings."""
    with reading(home) as connection:
        rows = connection.execute(
            "SELECT DISTINCT corpus_id, source_lang, target_lang, fingerprint FROM corpus_findings"
        ).fetchall()
    return set(rows)


def record_findings(home: Home, findings: list[CorpusFinding]) -> None:
    """Make `findings` those of their texts, in place of older ones; publishes a copy."""
    with writing(home, "findings") as connection:
        connection.register("found", record_table(CorpusFinding, findings))
        with transaction(connection):
            connection.execute(
                "DELETE FROM corpus_findings USING found WHERE corpus_findings.corpus_id = "
                "found.corpus_id AND corpus_findings.source_lang = found.source_lang AND "
                "corpus_findings.target_lang = found.target_lang"
            )
            connection.execute("INSERT INTO corpus_findings BY NAME SELECT * FROM found")
        publish_snapshot(home, connection)
