"""The loader: landing files into the warehouse, each whole or not at all.

Records whose key is present are skipped, so loading a file twice changes nothing. A file that
cannot be loaded moves to `landing/rejected/` with the reason beside it.
"""

import hashlib
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from proxylm.errors import InputError
from proxylm.landing import READABLE_VERSIONS, record_table, write_atomically
from proxylm.records import KEYS, TABLES, Corpus, Language, Model
from warehouse.database import now, transaction, writing
from warehouse.home import Home
from warehouse.snapshot import publish_snapshot

_VALUES = {"scores": "value", "features": "value"}
"""Tables in which one key with two values is a contradiction."""
_PATHS = {"runs": {"log", "curve"}, "evaluations": {"hypotheses"}}
"""Columns with paths of files below the home."""


@dataclass
class LoadReport:
    """What a load did: new rows a table, and files by what became of them."""

    inserted: dict[str, int] = field(default_factory=dict)
    files_loaded: int = 0
    files_rejected: dict[str, str] = field(default_factory=dict)
    repeated: int = 0  # evaluations that were in the warehouse already

    @property
    def evaluations(self) -> int:
        """New evaluations."""
        return self.inserted.get("evaluations", 0)

    @property
    def changed(self) -> bool:
        return any(self.inserted.values())


def load_landing(home: Home) -> LoadReport:
    """Load every file of `landing/incoming` and publish a copy if something changed."""
    report = LoadReport()
    with writing(home, "load") as connection:
        for path in sorted(home.incoming.glob("*.parquet")):
            try:
                inserted, repeated = _load_file(connection, path)
            except (duckdb.IOException, duckdb.FatalException):
                raise  # the disk's fault, not the file's: it stays where it is
            except (InputError, duckdb.Error, pa.ArrowException, ValueError) as error:
                reason = _first_line(error)
                _reject(home, path, reason)
                report.files_rejected[path.name] = reason
                continue
            for table, count in inserted.items():
                report.inserted[table] = report.inserted.get(table, 0) + count
            report.files_loaded += 1
            report.repeated += repeated
            shutil.move(path, home.loaded / path.name)
        if report.changed or not home.snapshot.exists():
            publish_snapshot(home, connection)
    return report


def register(
    home: Home, languages: list[Language], models: list[Model], corpora: list[Corpus]
) -> int:
    """Make the catalogue's definitions the warehouse's; returns how many rows changed."""
    changed = 0
    with writing(home, "catalogue") as connection:
        with transaction(connection):
            definitions: dict[str, list[Language] | list[Model] | list[Corpus]] = {
                "languages": languages,
                "models": models,
                "corpora": corpora,
            }
            for table, records in definitions.items():
                connection.register("incoming", record_table(TABLES[table], list(records)))
                row = connection.execute(
                    f"SELECT count(*) FROM (SELECT * FROM incoming EXCEPT SELECT * FROM {table})"
                ).fetchone()
                assert row is not None
                if row[0]:
                    connection.execute(f"INSERT OR REPLACE INTO {table} SELECT * FROM incoming")
                    changed += row[0]
                connection.unregister("incoming")
        if changed or not home.snapshot.exists():
            publish_snapshot(home, connection)
    return changed


def known_scores(connection: duckdb.DuckDBPyConnection, score_keys: list[str]) -> dict[str, float]:
    """The values of those of `score_keys` that the warehouse has."""
    connection.register("wanted", pa.table({"score_key": pa.array(score_keys, pa.string())}))
    rows = connection.execute(
        "SELECT score_key, value FROM scores SEMI JOIN wanted USING (score_key)"
    )
    found = dict(rows.fetchall())
    connection.unregister("wanted")
    return found


def _load_file(connection: duckdb.DuckDBPyConnection, path: Path) -> tuple[dict[str, int], int]:
    """New rows a table, and how many of the file's evaluations were there already."""
    content = _read(path)
    inserted, repeated = {}, 0
    with transaction(connection):
        for table in TABLES:
            keys = ", ".join(KEYS[table])
            connection.register("file", content.select([table]))
            connection.execute(
                f"CREATE OR REPLACE TEMP TABLE incoming AS SELECT DISTINCT * FROM "
                f"(SELECT unnest({table}) FROM file WHERE {table} IS NOT NULL)"
            )
            connection.unregister("file")
            if not connection.execute("SELECT 1 FROM incoming LIMIT 1").fetchone():
                inserted[table] = 0
                continue
            # Large tables are read once, for those of the file's rows that they have.
            connection.execute(
                f"CREATE OR REPLACE TEMP TABLE present AS FROM {table} SEMI JOIN incoming "
                f"USING ({keys})"
            )
            if table in _VALUES:
                _refuse_contradictions(connection, path, table)
            given = {field.name for field in content.schema.field(table).type}
            for column in _PATHS.get(table, set()) & given:
                _refuse_outside(connection, path, column)
            extra = ", ?::TIMESTAMP AS loaded_at" if table == "scores" else ""
            row = connection.execute(
                f"INSERT INTO {table} BY NAME SELECT DISTINCT ON ({keys}) *{extra} FROM incoming "
                f"ANTI JOIN present USING ({keys})",
                [now()] if extra else [],
            ).fetchone()
            inserted[table] = row[0] if row else 0
            if table == "evaluations":
                row = connection.execute(
                    "SELECT count(DISTINCT evaluation_key) FROM incoming"
                ).fetchone()
                repeated = (row[0] if row else 0) - inserted[table]
        connection.execute("DROP TABLE IF EXISTS incoming; DROP TABLE IF EXISTS present")
    return inserted, repeated


def _read(path: Path) -> pa.Table:
    """The content of a landing file. InputError for one that is torn, or is something else."""
    try:
        _check_name(path)
        with pq.ParquetFile(path) as file:
            metadata = file.schema_arrow.metadata or {}
            version = metadata.get(b"plm_landing", b"").decode(errors="replace")
            if not version:
                raise InputError(f"{path.name} is no landing file")
            if version not in READABLE_VERSIONS:
                raise InputError(
                    f"{path.name} is a landing file of version {version}, this program reads "
                    f"{' and '.join(READABLE_VERSIONS)}; upgrade it and move the file back to "
                    "landing/incoming"
                )
            absent = set(TABLES) - set(file.schema_arrow.names)
            if absent:
                raise InputError(f"{path.name} has no column {', '.join(sorted(absent))}")
            return file.read()
    except (pa.ArrowException, OSError, MemoryError, ValueError) as error:  # a name may be no text
        raise InputError(f"{path.name} cannot be read as Parquet: {_first_line(error)}") from None


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _check_name(path: Path) -> None:
    """A file that is named by its content must have it: a flipped bit may still be readable."""
    if re.fullmatch("[0-9a-f]{64}", path.stem):
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != path.stem:
                raise InputError(f"{path.name} is not as it was written: its name is another hash")


def _refuse_outside(connection: duckdb.DuckDBPyConnection, path: Path, column: str) -> None:
    """A path that others will open must lie below the home."""
    rows = connection.execute(f"SELECT DISTINCT {column} FROM incoming WHERE {column} IS NOT NULL")
    for (text,) in rows.fetchall():
        if PurePosixPath(text).is_absolute() or ".." in PurePosixPath(text).parts:
            raise InputError(f"{path.name}: {column} {text!r} is no path below the home")


def _refuse_contradictions(connection: duckdb.DuckDBPyConnection, path: Path, table: str) -> None:
    value, keys = _VALUES[table], ", ".join(KEYS[table])
    inside = connection.execute(
        f"SELECT {keys}, min({value}), max({value}) FROM incoming GROUP BY {keys} "
        f"HAVING min({value}) <> max({value}) LIMIT 1"
    ).fetchone()
    against = connection.execute(
        f"SELECT {keys}, t.{value}, i.{value} FROM incoming i JOIN present t USING ({keys}) "
        f"WHERE t.{value} <> i.{value} LIMIT 1"
    ).fetchone()
    if row := inside or against:
        where = "twice in the file" if inside else "in the warehouse already"
        raise InputError(
            f"{path.name}: {table} {'/'.join(map(str, row[:-2]))} is {where} with another value: "
            f"{row[-2]:g} and {row[-1]:g}"
        )


def _reject(home: Home, path: Path, reason: str) -> None:
    write_atomically(home.rejected / f"{path.stem}.reason.txt", f"{reason}\n".encode())
    shutil.move(path, home.rejected / path.name)
