"""Two plain-text files that belong together line by line, as Moses and OPUS have them."""

from pathlib import Path

from proxylm.errors import InputError, UsageError
from proxylm.readers.contract import Reading, Row, Wanted, file_lines


def read(path: Path, wanted: Wanted) -> Reading:
    """Rows in file order. Raises InputError where one file has more lines than the other."""
    if wanted.aligned is None:
        raise UsageError(f"{path}: name the file of the second column with --aligned")
    lines, others = file_lines(path), file_lines(wanted.aligned)
    if len(lines) != len(others):
        raise InputError(
            f"{path} has {len(lines)} lines and {wanted.aligned} has {len(others)}; "
            "files that belong together have one line for each line of the other"
        )
    for number, (text, label) in enumerate(zip(lines, others, strict=True), start=1):
        yield Row(text, label, f"line {number}")
