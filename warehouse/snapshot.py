"""Published copies: read-only files for everybody's SQL, notebooks and the board.

A copy is made beside its place, synced and renamed; `current.duckdb` is a link that moves in one
step, so a reader sees the old copy or the new one. A reader that has the old one open keeps it.
In a copy the board is a table: it is asked often, and computed from all scores.
"""

import re
import shutil
import subprocess
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
    staged = path.with_name(f".{path.name}")
    log = staged.with_name(f"{staged.name}.wal")
    log.unlink(missing_ok=True)  # by a killed writer
    try:
        copy_database(connection, staged)
        _store_board(staged)
        staged.chmod(0o444)
        sync(staged)
        staged.rename(path)
    finally:  # on a full disk a part of a copy would only be in the way
        staged.unlink(missing_ok=True)
        log.unlink(missing_ok=True)
    link = home.published / ".current.tmp"
    link.unlink(missing_ok=True)
    link.symlink_to(path.name)
    link.replace(home.snapshot)
    sync(home.published)
    _remove_old(copies, keep=KEEP - 1)
    return path


def copy_database(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Copy all tables and views to a new file at `path`, which appears whole or not at all.

    No transaction is open, and the lock is held: so the file itself is copied, which takes a
    fraction of the time that making the indexes again would.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    connection.execute("CHECKPOINT")  # nothing is left in the write-ahead log
    live = connection.execute(
        "SELECT path FROM duckdb_databases() WHERE database_name = current_database()"
    ).fetchone()
    assert live is not None
    # By another process: closing the file in this one would end the lock that DuckDB has on it.
    copied = subprocess.run(["cp", live[0], str(temporary)], capture_output=True, text=True)
    if copied.returncode:
        temporary.unlink(missing_ok=True)
        raise duckdb.IOException(copied.stderr.strip() or f"cp ended with {copied.returncode}")
    sync(temporary)
    temporary.rename(path)
    sync(path.parent)


def copy_file(path: Path, to: Path) -> None:
    """Copy a closed file to `to`, where it appears whole or not at all."""
    temporary = to.with_name(f".{to.name}.tmp")
    try:
        shutil.copyfile(path, temporary)
        sync(temporary)
        temporary.rename(to)
    finally:
        temporary.unlink(missing_ok=True)
    sync(to.parent)


def _store_board(path: Path) -> None:
    """Put a table with the same rows, columns and comments in the place of the board's view."""
    with duckdb.connect(str(path)) as copy:
        said = copy.execute(
            "SELECT column_name, comment FROM duckdb_columns() WHERE table_name = 'leaderboard'"
        ).fetchall()
        comments = [
            f"COMMENT ON COLUMN leaderboard.{column} IS {_quoted(text or '')}"
            for column, text in said
        ]
        steps = [
            "CREATE TABLE stored AS FROM leaderboard",
            "DROP VIEW leaderboard",
            "ALTER TABLE stored RENAME TO leaderboard",
            *comments,
        ]
        copy.execute("; ".join(steps))


def _quoted(text: str) -> str:
    doubled = text.replace("'", "''")
    return f"'{doubled}'"


def _copies(home: Home) -> list[Path]:
    return sorted(p for p in home.published.glob("warehouse-*.duckdb") if _number(p))


def _number(path: Path) -> int:
    match = re.fullmatch(r"warehouse-(\d+)\.duckdb", path.name)
    return int(match[1]) if match else 0


def _remove_old(copies: list[Path], keep: int) -> None:
    for path in copies[:-keep]:
        if time.time() - path.stat().st_mtime > KEEP_SECONDS:
            path.unlink(missing_ok=True)
