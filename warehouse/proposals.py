"""What the catalogue's sources were asked and what they propose, as rows.

This module does not ask a source, does not decide, and does not know the catalogue's files.
"""

from collections.abc import Sequence
from typing import NamedTuple

from proxylm.landing import record_table
from proxylm.records import Fetch, Proposal
from warehouse.database import reading, transaction, writing
from warehouse.home import Home
from warehouse.snapshot import publish_snapshot

_FIELDS = "what, id, revision, source, facts, status, decided_by, reason, proposed_at, decided_at"


class KnownPage(NamedTuple):
    """What the last complete answer of an address was."""

    etag: str | None
    next_url: str | None
    n_found: int


def known_pages(home: Home) -> dict[tuple[str, str], KnownPage]:
    """(source, address) to its last answer; addresses that never answered are absent."""
    with reading(home) as connection:
        rows = connection.execute(
            "SELECT DISTINCT ON (source, url) source, url, etag, next_url, n_found FROM fetches "
            "WHERE status <> 'failed' ORDER BY source, url, started_at DESC"
        ).fetchall()
    return {(source, url): KnownPage(*rest) for source, url, *rest in rows}


def read_proposals(home: Home) -> list[Proposal]:
    """All proposals, the oldest first."""
    with reading(home) as connection:
        rows = connection.execute(
            f"SELECT {_FIELDS} FROM proposals ORDER BY proposed_at, what, id, revision"
        ).fetchall()
    return [Proposal(*row) for row in rows]


def record(home: Home, fetches: Sequence[Fetch], proposals: Sequence[Proposal]) -> None:
    """Add fetches and set proposals, all or nothing; publishes a copy if there was anything."""
    if not fetches and not proposals:
        return
    with writing(home, "proposals") as connection:
        connection.register("new_fetches", record_table(Fetch, list(fetches)))
        connection.register("new_proposals", record_table(Proposal, list(proposals)))
        with transaction(connection):
            connection.execute("INSERT INTO fetches BY NAME SELECT * FROM new_fetches")
            connection.execute(
                "INSERT OR REPLACE INTO proposals BY NAME SELECT * FROM new_proposals"
            )
        publish_snapshot(home, connection)
