"""Data frames as small JavaScript files, column by column.

A file opens from `file://`, where a page may load scripts but fetch nothing else, so the data is
a call: `plm.receive(name, publication, content)`. `assets/data.js` reads it back. This module
knows no column by name.
"""

import json
from typing import Any

import numpy as np
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
    if column.dtype == bool:
        return column.astype(int).tolist()
    if pd.api.types.is_float_dtype(column):
        return _rounded(column.to_numpy(float, na_value=np.nan))
    if pd.api.types.is_numeric_dtype(column):
        return plain_values(column)
    try:
        codes, distinct = pd.factorize(column)
    except TypeError:  # lists, which cannot be told apart by their hash
        return plain_values(column)
    return {"values": plain_values(pd.Series(distinct)), "codes": codes.tolist()}


def _rounded(numbers: np.ndarray[Any, Any]) -> list[float | int | None]:
    """Whole numbers without a point, and None for what is not finite."""
    rounded = np.round(numbers, DIGITS)
    values = rounded.astype(object)
    whole = np.isfinite(rounded) & (np.abs(rounded) < 2**53) & (rounded == np.trunc(rounded))
    values[whole] = rounded[whole].astype(np.int64)
    values[~np.isfinite(rounded)] = None
    return list(values.tolist())


def script(name: str, publication: str, content: Any) -> bytes:
    """The file that hands `content` to the page under `name`."""
    parts = (json.dumps(part, ensure_ascii=False, separators=(",", ":")) for part in
             (name, publication, content))  # fmt: skip
    return f"plm.receive({','.join(parts)});\n".encode()
