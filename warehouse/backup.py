"""Backups: copies of the live warehouse, verified by opening and counting."""

from pathlib import Path

import duckdb

from proxylm.errors import ProxyLMError
from warehouse.database import now, writing
from warehouse.home import Home
from warehouse.snapshot import copy_database

KEEP = 7


def back_up(home: Home) -> tuple[Path, int]:
    """A backup in `backups/`, and its number of scores. The newest seven are kept.

    Raises ProxyLMError when the copy does not hold what the warehouse holds.
    """
    path = home.backups / f"warehouse-{now():%Y%m%dT%H%M%S}.duckdb"
    home.backups.mkdir(mode=0o700, exist_ok=True)
    with writing(home, "backup") as connection:
        copy_database(connection, path)
        expected = _count(connection)
    with duckdb.connect(str(path), read_only=True) as copy:
        found = _count(copy)
    if found != expected:
        path.unlink()
        raise ProxyLMError(f"the backup has {found} scores, the warehouse {expected}; try again")
    for old in sorted(home.backups.glob("warehouse-*.duckdb"))[:-KEEP]:
        old.unlink()
    return path, found


def _count(connection: duckdb.DuckDBPyConnection) -> int:
    row = connection.execute("SELECT count(*) FROM scores").fetchone()
    return int(row[0]) if row else 0
