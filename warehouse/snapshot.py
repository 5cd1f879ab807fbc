"""Published copies: read-only files for everybody's SQL, notebooks and the board.

A copy is made beside its place, synced and renamed; `current.duckdb` is a link that moves in one
step, so a reader sees the old copy or the new one. A reader that has the old one open keeps it.
"""

import re
import shutil
import time
from pathlib import Path

import duckdb

from proxylm.landing import sync
from warehouse.home import Home

KEEP = 3
KEEP_SECONDS = 24 * 3600


def publish_snapshot(home: Home, connection: duckdb.DuckDBPyConnection) -> Path:
    """Copy the warehouse (tables and views) to a new published file. The lock is held.

    Older copies are removed once they are not among the last `KEEP` and older than a day.
    """
    copies = _copies(home)
    number = 1 + (_number(copies[-1]) if copies else 0)
    path = home.published / f"warehouse-{number:06d}.duckdb"
    copy_database(connection, path)
    path.chmod(0o444)
    link = home.published / ".current.tmp"
    link.unlink(missing_ok=True)
    link.symlink_to(path.name)
    link.replace(home.snapshot)
    sync(home.published)
    _remove_old(copies, keep=KEEP - 1)
    return path


def copy_database(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Copy all tables and views to a new file at `path`, which appears whole or not at all."""
    temporary = path.with_name(f".{path.name}.tmp")
    for left in (temporary, temporary.with_name(f"{temporary.name}.wal")):  # by a killed writer
        left.unlink(missing_ok=True)
    name = connection.execute("SELECT current_database()").fetchone()
    assert name is not None
    quoted = str(temporary).replace("'", "''")
    connection.execute(f"ATTACH '{quoted}' AS copied")
    try:
        connection.execute(f'COPY FROM DATABASE "{name[0]}" TO copied')
    finally:
        connection.execute("DETACH copied")
    sync(temporary)
    temporary.rename(path)
    sync(path.parent)


def copy_file(path: Path, to: Path) -> None:
    """Copy a closed file to `to`, where it appears whole or not at all."""
    temporary = to.with_name(f".{to.name}.tmp")
    shutil.copyfile(path, temporary)
    sync(temporary)
    temporary.rename(to)
    sync(to.parent)


def _copies(home: Home) -> list[Path]:
    return sorted(p for p in home.published.glob("warehouse-*.duckdb") if _number(p))


def _number(path: Path) -> int:
    match = re.fullmatch(r"warehouse-(\d+)\.duckdb", path.name)
    return int(match[1]) if match else 0


def _remove_old(copies: list[Path], keep: int) -> None:
    for path in copies[:-keep]:
        if time.time() - path.stat().st_mtime > KEEP_SECONDS:
            path.unlink(missing_ok=True)
