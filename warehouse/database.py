"""Connections, migrations and transactions.

`writing` is the only way to the live file; everybody else reads the published copy through
`reading`.
"""

import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import duckdb

from proxylm import __version__
from proxylm.errors import BusyError, ProxyLMError, UsageError
from warehouse.home import Home
from warehouse.lock import POLL_SECONDS, locked, longest_wait
from warehouse.snapshot import copy_file, publish_snapshot


class Migration(NamedTuple):
    """A numbered SQL script."""

    number: int
    name: str
    sql: str


def migrations() -> list[Migration]:
    """All migrations of this code, in order."""
    found = []
    for entry in resources.files("warehouse").joinpath("migrations").iterdir():
        if match := re.fullmatch(r"(\d{4})_(\w+)\.sql", entry.name):
            found.append(Migration(int(match[1]), match[2], entry.read_text("utf-8")))
    return sorted(found)


def now() -> datetime:
    """The time, UTC without a zone, as the warehouse stores it."""
    return datetime.now(UTC).replace(tzinfo=None)


@contextmanager
def writing(home: Home, purpose: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """The live warehouse, migrated, with its lock held from connect to close.

    Raises BusyError when another process holds it and ProxyLMError when it was made by a newer
    version of this code, or cannot be written.
    """
    with ExitStack() as stack:
        ended_well = stack.enter_context(locked(home, purpose))
        stack.enter_context(storage_errors(home))
        # What a killed writer had committed may be in no published copy.
        publish = not ended_well and home.snapshot.exists()
        yield stack.enter_context(opened(home, publish))


@contextmanager
def opened(home: Home, publish: bool) -> Iterator[duckdb.DuckDBPyConnection]:
    """The live warehouse, migrated, for one who holds its lock; `publish` makes a copy first."""
    migrated = _migrate(home)
    connection = connected(home, home.warehouse)
    try:
        if publish or (migrated and home.snapshot.exists()):  # readers need its views
            publish_snapshot(home, connection)
        yield connection
    finally:
        connection.close()


def connected(
    home: Home, path: Path, read_only: bool = False, untrusted: bool = False
) -> duckdb.DuckDBPyConnection:
    """A connection to a file of `home`, for its holder to close.

    DuckDB locks each file that it has open, and says so at once and in its own words to whoever
    comes meanwhile: a notebook on the live file, a process that is slow to end. Such a holder is
    waited for as long as one of our own lock, and then named by BusyError.
    """
    config: dict[str, str | bool | int | float | list[str]] = {}
    if untrusted:
        config = {"enable_external_access": False, "lock_configuration": True}
    wait = longest_wait()
    deadline = time.monotonic() + wait
    while True:
        try:
            return duckdb.connect(str(path), read_only=read_only, config=config)
        except duckdb.IOException as error:
            if "Could not set lock" not in str(error):
                raise
            if time.monotonic() >= deadline:
                holder = re.search(r"held in (\S.*? \(PID \d+\))", str(error))
                raise BusyError(
                    f"{path} is open in {holder[1] if holder else 'another program'}; waited "
                    f"{wait:g} s. Close it there, and read {home.snapshot} instead, which never "
                    "blocks"
                ) from None
        time.sleep(POLL_SECONDS)


def apply(connection: duckdb.DuckDBPyConnection, steps: list[Migration]) -> None:
    """Run migrations, each committed together with its record."""
    for migration in steps:
        with transaction(connection):
            connection.execute(migration.sql)
            _record(connection, migration)


def table_counts(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Rows of every table but the record of migrations, and the board that a copy stores."""
    names = connection.execute(
        "SELECT table_name FROM duckdb_tables() WHERE NOT internal AND NOT temporary "
        "AND table_name NOT IN ('schema_migrations', 'leaderboard') ORDER BY 1"
    ).fetchall()
    counts = {}
    for (name,) in names:
        row = connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()
        counts[name] = int(row[0]) if row else 0
    return counts


@contextmanager
def storage_errors(home: Home) -> Iterator[None]:
    """A disk that is full or cannot be written, in words."""
    try:
        yield
    except (duckdb.IOException, duckdb.FatalException) as error:
        raise ProxyLMError(
            f"{home.path} cannot be written ({_first_line(error)}). What was stored before is "
            "kept; free some space there or mend the folder's permissions, and run it again"
        ) from None


@contextmanager
def transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """All or nothing. Rolls back explicitly: after an error DuckDB's COMMIT would not complain."""
    connection.execute("BEGIN")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


@contextmanager
def reading(home: Home, untrusted: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
    """The published read-only copy.

    With `untrusted` the connection can reach no file, extension or setting beyond it.
    Raises UsageError where nothing was published yet, or only by an older version of this code.
    """
    if not home.snapshot.exists():
        raise UsageError(
            f"{home.path} has no published copy yet; run `plm-admin init` or `plm-admin refresh`"
        )
    connection = connected(home, home.snapshot.resolve(), read_only=True, untrusted=untrusted)
    try:
        number, made_by = schema_version(connection)
        if number < migrations()[-1].number:
            raise UsageError(
                f"the published copy in {home.path} has schema {number}, made by proxylm-ops "
                f"{made_by}; run `plm-admin migrate`, or `plm-admin refresh`, which does it too"
            )
        yield connection
    finally:
        connection.close()


def schema_version(connection: duckdb.DuckDBPyConnection) -> tuple[int, str]:
    """Number of the last migration (0 for an empty file) and the code version that ran it."""
    known = connection.execute(
        "SELECT 1 FROM duckdb_tables() WHERE table_name = 'schema_migrations'"
    ).fetchone()
    if known is None:
        return 0, ""
    row = connection.execute(
        "SELECT number, code_version FROM schema_migrations ORDER BY number DESC LIMIT 1"
    ).fetchone()
    return (row[0], row[1]) if row else (0, "")


def _migrate(home: Home) -> bool:
    """Bring the warehouse to this code's version, with a backup before. The lock is held.

    Returns whether there was anything to do.
    """
    available = migrations()
    newest = available[-1].number
    existed = home.warehouse.exists()
    try:
        connection = connected(home, home.warehouse)
    except duckdb.Error as error:
        raise ProxyLMError(
            f"{home.warehouse} cannot be opened as a DuckDB file ({_first_line(error)}); restore "
            f"it from {home.backups}, or move it away and run `plm-admin init`"
        ) from None
    try:
        number, made_by = schema_version(connection)
    finally:
        connection.close()
    if number > newest:
        raise ProxyLMError(
            f"{home.warehouse} has schema {number}, made by proxylm-ops {made_by}; this is "
            f"proxylm-ops {__version__}, which knows schemas up to {newest}. Upgrade with "
            f"`pip install 'proxylm-ops>={made_by}'`"
        )
    if number == newest:
        return False
    if existed and number:
        # The connection above is closed, so the file is whole and has no write-ahead log.
        stamp = now().strftime("%Y%m%dT%H%M%S")
        home.backups.mkdir(mode=0o700, exist_ok=True)
        backup = home.backups / f"before-{newest:04d}-{stamp}.duckdb"
        copy_file(home.warehouse, backup)
    with connected(home, home.warehouse) as connection:
        apply(connection, [step for step in available if step.number > number])
    return True


def _record(connection: duckdb.DuckDBPyConnection, migration: Migration) -> None:
    connection.execute(
        "CREATE TABLE IF NOT EXISTS schema_migrations (number BIGINT PRIMARY KEY, "
        "name VARCHAR NOT NULL, code_version VARCHAR NOT NULL, applied_at TIMESTAMP NOT NULL)"
    )
    connection.execute(
        "INSERT INTO schema_migrations VALUES (?, ?, ?, ?)",
        [migration.number, migration.name, __version__, now()],
    )


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
