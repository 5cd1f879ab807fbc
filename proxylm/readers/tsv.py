"""Tab-separated lines without a header: text, tab, label."""

from pathlib import Path

from proxylm.errors import InputError
from proxylm.readers.contract import Reading, Row, Wanted, file_lines


def read(path: Path, wanted: Wanted) -> Reading:
    """Rows in file order. Raises InputError for a line without exactly one tab."""
    for number, line in enumerate(file_lines(path), start=1):
        fields = line.split("\t")
        if len(fields) != 2:
            raise InputError(
                f"{path}, line {number}: {len(fields) - 1} tabs; "
                "a line is a text, one tab and a label"
            )
        yield Row(fields[0], fields[1], f"line {number}")
