"""Data frames as small JavaScript files, column by column.

A file opens from `file://`, where a page may load scripts but fetch nothing else, so the data is
a call: `plm.receive(name, publication, content)`. `assets/data.js` reads it back. This module
knows no column by name.
"""

import json
import math
from typing import Any

import pandas as pd

from proxylm.board.tables import plain_values

DIGITS = 6
"""Decimals that are kept of a number; a page shows four at most."""


def columns(frame: pd.DataFrame) -> dict[str, Any]:
    """`{"n": rows, "columns": {name: values}}`; repeated values are numbered once.

    A column is a list of values, or `{"values": [...], "codes": [...]}` with -1 for absent.
    """
    return {"n": len(frame), "columns": {str(name): _column(frame[name]) for name in frame}}


def _column(column: pd.Series) -> Any:
    numeric = pd.api.types.is_numeric_dtype(column) and column.dtype != bool
    if numeric:
        return [_rounded(value) for value in plain_values(column)]
    if column.dtype == bool:
        return column.astype(int).tolist()
    if column.dtype == object and column.map(lambda v: hasattr(v, "__len__")).any():
        values = plain_values(column)
        if any(isinstance(value, list | dict) for value in values):
            return values
    codes, distinct = pd.factorize(column)
    return {"values": plain_values(pd.Series(distinct)), "codes": codes.tolist()}


def _rounded(value: Any) -> Any:
    if not isinstance(value, float):
        return value
    if not math.isfinite(value):
        return None
    whole = round(value)
    return whole if value == whole else round(value, DIGITS)


def script(name: str, publication: str, content: Any) -> bytes:
    """The file that hands `content` to the page under `name`."""
    parts = (json.dumps(part, ensure_ascii=False, separators=(",", ":")) for part in
             (name, publication, content))  # fmt: skip
    return f"plm.receive({','.join(parts)});\n".encode()
