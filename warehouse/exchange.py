"""A whole warehouse as a folder of Parquet files, and back.

A folder holds a file a table, `catalogue/`, and `manifest.json` with the format, the schema's
number, and rows and hash of each file. An import makes a warehouse of that schema and then
migrates it, so the export of any released version loads. It does not know what the tables mean.
"""

import hashlib
import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

import duckdb

from proxylm.errors import InputError, ProxyLMError, UsageError
from proxylm.landing import sync, write_atomically
from warehouse.backup import replace_warehouse
from warehouse.database import (
    apply,
    connected,
    migrations,
    now,
    opened,
    reading,
    schema_version,
    storage_errors,
    table_counts,
    transaction,
)
from warehouse.home import Home
from warehouse.lock import locked

FORMAT = 1
_MANIFEST, _CATALOGUE = "manifest.json", "catalogue"


@dataclass(frozen=True)
class Exported:
    """What an export holds."""

    format: int
    schema: int
    code_version: str
    exported_at: str  # UTC, ISO 8601
    tables: dict[str, int]  # rows
    sha256: dict[str, str]  # of each table's file


def export_warehouse(home: Home, folder: Path) -> Exported:
    """Write the published copy into the new folder `folder`, whole or not at all.

    Raises UsageError where there is one already.
    """
    if folder.exists():
        raise UsageError(f"{folder} exists already; name a new folder")
    temporary = folder.with_name(f".{folder.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        with reading(home) as connection:
            schema, version = schema_version(connection)
            tables = table_counts(connection)
            for name in tables:
                connection.execute(
                    f"COPY (FROM \"{name}\") TO '{_quoted(_file(temporary, name))}' "
                    "(FORMAT parquet, COMPRESSION zstd)"
                )
        hashes = {}
        for name in tables:
            sync(_file(temporary, name))
            hashes[name] = _sha256(_file(temporary, name))
        made_at = now().isoformat(timespec="seconds")
        exported = Exported(FORMAT, schema, version, made_at, tables, hashes)
        shutil.copytree(home.catalogue, temporary / _CATALOGUE)
        write_atomically(temporary / _MANIFEST, json.dumps(asdict(exported), indent=1).encode())
        temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return exported


def import_warehouse(home: Home, folder: Path) -> Exported:
    """Fill an empty home with an export: identical content, all of it or nothing.

    Raises UsageError where the home holds scores, InputError naming the file for an export that is
    not as it was written, and ProxyLMError for one of a newer version.
    """
    exported = _read_manifest(folder)
    new = home.path / ".imported.duckdb"
    with locked(home, "import"), storage_errors(home):
        _refuse_filled(home)
        new.unlink(missing_ok=True)
        try:
            with duckdb.connect(str(new)) as connection:
                _fill(connection, folder, exported)
            sync(new)
            replace_warehouse(home, new)
        finally:
            new.unlink(missing_ok=True)
        for file in sorted((folder / _CATALOGUE).glob("*.yaml")):
            write_atomically(home.catalogue / file.name, file.read_bytes())
        with opened(home, publish=True):
            pass
    return exported


def _fill(connection: duckdb.DuckDBPyConnection, folder: Path, exported: Exported) -> None:
    apply(connection, [step for step in migrations() if step.number <= exported.schema])
    if set(exported.tables) != set(table_counts(connection)):
        raise InputError(
            f"{folder / _MANIFEST}: its tables are not those of schema {exported.schema}"
        )
    with transaction(connection):
        for name in exported.tables:
            path = _file(folder, name)
            if not path.is_file() or _sha256(path) != exported.sha256.get(name):
                raise InputError(f"{path} is not as it was written; nothing was imported")
            connection.execute(f'DELETE FROM "{name}"')
            try:
                connection.execute(
                    f'INSERT INTO "{name}" BY NAME FROM read_parquet(?)', [str(path)]
                )
            except duckdb.Error as error:
                first = str(error).splitlines()[0]
                raise InputError(f"{path} does not fit table {name}: {first}") from None
    if table_counts(connection) != exported.tables:
        raise InputError(f"{folder} does not hold the rows that its manifest names")


def _read_manifest(folder: Path) -> Exported:
    path = folder / _MANIFEST
    try:
        exported = Exported(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{folder} is no export of a warehouse ({error})") from None
    newest = migrations()[-1].number
    if exported.format > FORMAT or exported.schema > newest:
        raise ProxyLMError(
            f"{folder} has format {exported.format} and schema {exported.schema}, made by "
            f"proxylm-ops {exported.code_version}; this program reads format {FORMAT} and schemas "
            f"up to {newest}. Upgrade it first"
        )
    return exported


def _refuse_filled(home: Home) -> None:
    if not home.warehouse.exists():
        return
    with connected(home, home.warehouse, read_only=True) as connection:
        filled = {name: rows for name, rows in table_counts(connection).items() if rows}
    if filled:
        raise UsageError(
            f"{home.path} is not empty ({', '.join(f'{n} {t}' for t, n in filled.items())}); "
            "import into a new home, named with --home"
        )


def _file(folder: Path, table: str) -> Path:
    return folder / f"{table}.parquet"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
