"""Backups: a numbered folder with a copy of the warehouse, the catalogue and a manifest.

A backup has been opened and counted before it gets its name. Numbers order them, not the clock,
which may jump. Texts, weights and predictors are in none: predictors can be made again, texts and
weights are files that any copying program can keep (docs/operate.md).
"""

import hashlib
import json
import re
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

import duckdb

from proxylm.errors import InputError, ProxyLMError
from proxylm.landing import sync, write_atomically
from warehouse.database import (
    migrations,
    now,
    opened,
    schema_version,
    storage_errors,
    table_counts,
    writing,
)
from warehouse.home import Home
from warehouse.loader import LoadReport, load_landing
from warehouse.lock import locked
from warehouse.snapshot import copy_database, copy_file

KEEP = 7
_FILE, _MANIFEST, _CATALOGUE = "warehouse.duckdb", "manifest.json", "catalogue"


@dataclass(frozen=True)
class Manifest:
    """What a backup holds."""

    made_at: str  # UTC, ISO 8601
    schema: int
    code_version: str
    sha256: str | None  # of the warehouse file; None for a file without a manifest
    tables: dict[str, int]  # rows


@dataclass(frozen=True)
class Restored:
    """What a restore did."""

    manifest: Manifest
    replaced: str | None  # where the warehouse that was there is now
    landed_since: int  # evaluations that came again from landing files


def backups(home: Home) -> list[Path]:
    """The backups of a home, the oldest first."""
    return _numbered(home, "backup")


def back_up(home: Home, keep: int = KEEP) -> tuple[Path, Manifest]:
    """A new backup; the newest `keep` stay, older ones go.

    Raises ProxyLMError when the copy does not hold what the warehouse holds.
    """
    with writing(home, "backup") as connection:
        path = _next(home, "backup")
        temporary = path.with_name(f".{path.name}.tmp")
        shutil.rmtree(temporary, ignore_errors=True)  # of one that was killed
        temporary.mkdir(mode=0o700, parents=True)
        try:
            manifest = _fill(home, connection, temporary)
            temporary.rename(path)
            sync(path.parent)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        for old in backups(home)[: -max(1, keep)]:
            shutil.rmtree(old)
    return path, manifest


def _fill(home: Home, connection: duckdb.DuckDBPyConnection, folder: Path) -> Manifest:
    copy_database(connection, folder / _FILE)
    shutil.copytree(home.catalogue, folder / _CATALOGUE)
    schema, version = schema_version(connection)
    manifest = Manifest(
        made_at=now().isoformat(timespec="seconds"),
        schema=schema,
        code_version=version,
        sha256=_sha256(folder / _FILE),
        tables=table_counts(connection),
    )
    write_atomically(folder / _MANIFEST, json.dumps(asdict(manifest), indent=1).encode())
    return check_backup(folder)


def read_manifest(path: Path) -> Manifest:
    """What a backup says of itself, unchecked. Raises InputError for another folder."""
    try:
        return Manifest(**json.loads((path / _MANIFEST).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{path} is no backup of a warehouse ({error})") from None


def check_backup(path: Path) -> Manifest:
    """The manifest of a backup whose file is as it was written and holds what it says.

    `path` may also be a bare DuckDB file, such as those made before migrations: that one is opened
    and counted. Raises InputError for anything else.
    """
    if path.is_file():
        schema, version, tables = _look(path)
        return Manifest(now().isoformat(timespec="seconds"), schema, version, None, tables)
    manifest = read_manifest(path)
    if not (path / _FILE).is_file() or _sha256(path / _FILE) != manifest.sha256:
        raise InputError(f"{path / _FILE} is not as it was written; use another backup")
    _, _, tables = _look(path / _FILE)
    if tables != manifest.tables:
        raise InputError(f"{path / _FILE} does not hold the rows that its manifest names")
    return manifest


def restore(home: Home, path: Path, reload: bool = True) -> Restored:
    """Put a backup in the place of the warehouse, which moves to `backups/replaced-NNNNNN`.

    With `reload` the landing files of this home are loaded again on top, so that what was
    evaluated after the backup is kept. The catalogue of the backup replaces files of its names;
    others stay. Raises InputError for a damaged backup and ProxyLMError for a newer one.
    """
    manifest = check_backup(path)
    newest = migrations()[-1].number
    if manifest.schema > newest:
        raise ProxyLMError(
            f"{path} has schema {manifest.schema}, made by proxylm-ops {manifest.code_version}; "
            f"this program knows schemas up to {newest}. Upgrade it first"
        )
    new = home.path / ".restored.duckdb"
    with locked(home, "restore"), storage_errors(home):
        if reload:  # first: a load that is repeated does no harm, one that is forgotten does
            for file in sorted(home.loaded.glob("*.parquet")):
                file.rename(home.incoming / file.name)
        copy_file(path if path.is_file() else path / _FILE, new)
        replaced = replace_warehouse(home, new)
        if (path / _CATALOGUE).is_dir():
            for file in sorted((path / _CATALOGUE).glob("*.yaml")):
                copy_file(file, home.catalogue / file.name)
        with opened(home, publish=True):
            pass
    landed = load_landing(home) if reload else LoadReport()
    return Restored(manifest, str(replaced) if replaced else None, landed.evaluations)


def replace_warehouse(home: Home, new: Path) -> Path | None:
    """Put the closed file `new` in the place of the warehouse; returns where the old one went.

    The lock is held. The old file is linked before it is replaced: at no moment is there none.
    """
    if not home.warehouse.exists():
        new.rename(home.warehouse)
        return None
    kept = _next(home, "replaced")
    kept.mkdir(mode=0o700, parents=True)
    (kept / _FILE).hardlink_to(home.warehouse)
    log = home.warehouse.with_name(f"{home.warehouse.name}.wal")
    if log.exists():  # of a writer that was killed
        log.rename(kept / f"{_FILE}.wal")
    shutil.copytree(home.catalogue, kept / _CATALOGUE)
    new.replace(home.warehouse)
    sync(home.path)
    return kept


def _numbered(home: Home, kind: str) -> list[Path]:
    return sorted(
        path for path in home.backups.glob(f"{kind}-*") if re.fullmatch(rf"{kind}-\d+", path.name)
    )


def _next(home: Home, kind: str) -> Path:
    known = _numbered(home, kind)
    number = 1 + (int(known[-1].name.rpartition("-")[2]) if known else 0)
    return home.backups / f"{kind}-{number:06d}"


def _look(path: Path) -> tuple[int, str, dict[str, int]]:
    """Schema, code version and rows of a warehouse file."""
    try:
        with duckdb.connect(str(path), read_only=True) as connection:
            schema, version = schema_version(connection)
            tables = table_counts(connection)
    except duckdb.Error as error:
        raise InputError(f"{path} cannot be opened: {str(error).splitlines()[0]}") from None
    if not schema:
        raise InputError(f"{path} is a DuckDB file, but no warehouse")
    return schema, version, tables


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
