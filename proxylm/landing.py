"""Landing files: one immutable Parquet file a batch of evaluations or an import.

A file has one struct column a table (see `records.TABLES`) and one row a record; in each row one
column is set. The file's name is the hash of its bytes, so writing the same twice leaves one
file. This module knows nothing of the warehouse that loads them.
"""

import dataclasses
import hashlib
import os
import types
from datetime import datetime
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import pyarrow as pa
import pyarrow.parquet as pq

from proxylm.records import TABLES, Bundle

FORMAT_VERSION = "2"
READABLE_VERSIONS = ("1", "2")
"""Version 1 lacks later fields of runs and evaluations; what is absent is unknown, NULL."""

_ARROW_TYPES: dict[Any, pa.DataType] = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
    datetime: pa.timestamp("us"),
}


def _arrow_type(annotation: Any) -> pa.DataType:
    if isinstance(annotation, types.UnionType):
        (annotation,) = (part for part in get_args(annotation) if part is not type(None))
    if get_origin(annotation) is tuple:
        return pa.list_(_arrow_type(get_args(annotation)[0]))
    return _ARROW_TYPES[annotation]


def arrow_schema(record_type: type) -> pa.Schema:
    """Arrow schema of a record type, in field order."""
    hints = get_type_hints(record_type)
    return pa.schema(
        [(f.name, _arrow_type(hints[f.name])) for f in dataclasses.fields(record_type)]
    )


def record_table(record_type: type, records: list[Any]) -> pa.Table:
    """The records as an Arrow table of `arrow_schema(record_type)`."""
    schema = arrow_schema(record_type)
    columns = [
        pa.array([getattr(record, f.name) for record in records], type=f.type) for f in schema
    ]
    return pa.table(columns, schema=schema)


def bundle_table(bundle: Bundle) -> pa.Table:
    """One Arrow table for a whole bundle: a struct column a table, one of them set in each row."""
    parts = []
    for name, record_type in TABLES.items():
        records = getattr(bundle, name)
        if records:
            rows = record_table(record_type, records).to_struct_array().combine_chunks()
            parts.append(pa.table({name: rows}))
    struct_columns = [(n, pa.struct(list(arrow_schema(t)))) for n, t in TABLES.items()]
    schema = pa.schema(struct_columns, metadata={"plm_landing": FORMAT_VERSION})
    if not parts:
        return schema.empty_table()
    return pa.concat_tables([schema.empty_table(), *parts], promote_options="default")


def write_landing(bundle: Bundle, folder: Path) -> Path:
    """Write `bundle` into `folder` whole or not at all; returns the file's path."""
    folder.mkdir(parents=True, exist_ok=True)
    return _write_table(bundle_table(bundle), folder)


def _write_table(table: pa.Table, folder: Path) -> Path:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    data = sink.getvalue()
    path = folder / f"{hashlib.sha256(data).hexdigest()}.parquet"
    write_atomically(path, memoryview(data))
    return path


def landed_evaluations(folder: Path) -> set[str]:
    """Keys of the evaluations in the landing files of `folder`; unreadable files have none."""
    keys: set[str] = set()
    for path in folder.glob("*.parquet"):
        try:
            evaluations = pq.read_table(path).column("evaluations")
        except (pa.ArrowException, KeyError, OSError):
            continue  # the loader rejects it with its reason
        keys |= {row["evaluation_key"] for row in evaluations.to_pylist() if row}
    return keys


def compact(folder: Path, at_least: int) -> int:
    """Make one file of those in `folder` that have one schema, where they are `at_least` so many.

    Returns how many went into another. The new file is there before the old ones go: a stop in
    between leaves records twice, which the loader takes once.
    """
    groups: dict[str, list[Path]] = {}
    for path in sorted(folder.glob("*.parquet")):
        schema = pq.read_schema(path)
        groups.setdefault(f"{schema} {schema.metadata}", []).append(path)
    compacted = 0
    for paths in groups.values():
        if len(paths) < at_least:
            continue
        tables = [pq.ParquetFile(path).read() for path in paths]
        whole = pa.concat_tables(tables)
        made = _write_table(whole, folder)
        if pq.read_metadata(made).num_rows != sum(len(table) for table in tables):
            raise OSError(f"{made} does not hold all rows of the {len(paths)} files")
        for path in paths:
            if path != made:
                path.unlink()
        compacted += len(paths)
    return compacted


def write_atomically(path: Path, data: bytes | memoryview) -> None:
    """Write a file under a temporary name, sync it, then rename it into place and sync that."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Have the disk keep a file, or the names in a folder, before anything else is done."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
