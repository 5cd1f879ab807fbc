"""JSON lines: one object a line with text, label and perhaps split."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from proxylm.errors import InputError
from proxylm.readers import named
from proxylm.readers.contract import Reading, Wanted, file_lines


def read(path: Path, wanted: Wanted) -> Reading:
    """Rows in file order; blank lines are skipped. InputError names the line that is no object."""
    yield from named.rows(path, wanted, objects(path))


def objects(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The objects of a JSONL file with their lines."""
    for number, line in enumerate(file_lines(path), start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            reason = str(error) if isinstance(error, json.JSONDecodeError) else "too large or deep"
            raise InputError(f"{path}, line {number}: not JSON ({reason})") from None
        if not isinstance(value, dict):
            raise InputError(f"{path}, line {number}: not a JSON object")
        yield f"line {number}", value
