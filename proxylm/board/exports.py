"""The board's rows as files for other programs: JSON, CSV and Parquet with the same content.

This module knows a data frame and a folder; it does not know what the columns mean.
"""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from proxylm.landing import write_atomically


def export(rows: pd.DataFrame, folder: Path) -> list[Path]:
    """Write `leaderboard.json`, `.csv` and `.parquet` into `folder`; returns their paths.

    Each file is written whole or not at all. Absent values are null in JSON and Parquet and
    empty in CSV; numbers keep all their digits; times are ISO 8601.
    """
    folder.mkdir(parents=True, exist_ok=True)
    records = [
        {name: _plain(value) for name, value in row.items()} for row in rows.to_dict("records")
    ]
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pandas(rows, preserve_index=False), sink, compression="zstd")
    contents: dict[str, bytes | memoryview] = {
        "json": json.dumps(records, ensure_ascii=False, indent=0, allow_nan=False).encode(),
        "csv": rows.to_csv(index=False, date_format="%Y-%m-%dT%H:%M:%S.%f%z").encode(),
        "parquet": memoryview(sink.getvalue()),
    }
    paths = []
    for suffix, content in contents.items():
        path = folder / f"leaderboard.{suffix}"
        write_atomically(path, content)
        paths.append(path)
    return paths


def _plain(value: Any) -> Any:
    """A value as JSON has it."""
    if pd.isna(value):
        return None
    return value.isoformat() if isinstance(value, datetime) else value
