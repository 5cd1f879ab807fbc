"""Hugging Face datasets through the library `datasets`: `name`, `name:configuration`, or a folder.

A dataset with several splits brings its own partition. No code of a dataset is ever run.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from proxylm.errors import InputError, ProxyLMError
from proxylm.readers import named
from proxylm.readers.contract import Reading, Wanted, part_name


def read(path: Path, wanted: Wanted) -> Reading:
    """Rows of all splits in their order. InputError where it cannot be loaded, with the reason."""
    try:
        from datasets import load_dataset
    except ImportError:
        raise InputError(
            "Hugging Face datasets need the library: pip install 'proxylm-ops[hub]'"
        ) from None
    name, _, configuration = (str(path), "", "") if path.exists() else str(path).partition(":")
    try:
        splits = load_dataset(name, configuration or None)
    except ProxyLMError:
        raise
    except Exception as error:  # the library and what it reads with raise many kinds
        reason = " ".join(str(error).split())[:300]
        raise InputError(f"dataset {name}: cannot be loaded ({reason})") from None
    for split, data in splits.items():
        part = part_name(split, path, f"split {split}") if len(splits) > 1 else None
        yield from named.rows(str(path), wanted, _records(split, data), part)


def _records(split: str, data: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    names = {column: x.names for column, x in data.features.items() if hasattr(x, "names")}
    lists = {
        column: x.feature.names
        for column, x in data.features.items()
        if hasattr(getattr(x, "feature", None), "names")
    }
    for number, record in enumerate(data, start=1):
        for column, classes in names.items():
            if isinstance(record[column], int):
                record[column] = classes[record[column]]
        for column, classes in lists.items():
            record[column] = [classes[value] for value in record[column]]
        yield f"{split} row {number}", record
