"""Parquet with named columns."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from proxylm.errors import InputError
from proxylm.readers import named
from proxylm.readers.contract import Reading, Wanted


def read(path: Path, wanted: Wanted) -> Reading:
    """Rows in file order, numbered from 1. InputError where it is no Parquet file."""
    yield from named.rows(path, wanted, _records(path))


def _records(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    number = 0
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches():
                for record in batch.to_pylist():
                    number += 1
                    yield f"row {number}", record
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file") from None
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path}: not a readable Parquet file ({reason})") from None
    if not number:
        raise InputError(f"{path}: the file is empty")
