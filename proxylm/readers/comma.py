"""CSV with a header line, as spreadsheets write it."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from proxylm.errors import InputError
from proxylm.readers import named
from proxylm.readers.contract import Reading, Wanted, file_lines


def read(path: Path, wanted: Wanted) -> Reading:
    """Rows in file order. InputError names the line for unequal columns and open quotes."""
    yield from named.rows(path, wanted, _records(path))


def _records(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    lines = io.StringIO("\n".join(file_lines(path)))
    reader = csv.reader(lines, strict=True)
    try:
        header = next(reader)
        if len(set(header)) != len(header):
            raise InputError(f"{path}, line 1: a column name stands twice")
        first = reader.line_num + 1
        for fields in reader:
            place = f"line {first}"
            if len(fields) != len(header):
                raise InputError(
                    f"{path}, {place}: {len(fields)} columns, and {len(header)} in line 1"
                )
            yield place, dict(zip(header, fields, strict=True))
            first = reader.line_num + 1
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.line_num}: not CSV ({error})") from None
