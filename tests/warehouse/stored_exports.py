"""Exports as each version of the schema wrote them, one row a table: `exports/schema-NN.zip`.

`python -m tests.warehouse.stored_exports` adds those that are missing. What is there is never made
again: it stands for what users have kept.
"""

import tempfile
import zipfile
from pathlib import Path
from unittest.mock import patch

from tests.warehouse.builders import fill_every_table
from warehouse import database
from warehouse.exchange import export_warehouse
from warehouse.home import Home
from warehouse.loader import load_landing

FOLDER = Path(__file__).resolve().parent / "exports"


def stored(version: int) -> Path:
    """Where the export of a schema is."""
    return FOLDER / f"schema-{version:02}.zip"


def export_of(version: int, folder: Path, populated: bool = True) -> Home:
    """A home of an old schema in `folder`, and `folder/export`, as the code of then made them."""
    steps = [step for step in database.migrations() if step.number <= version]
    with (
        patch("warehouse.database.migrations", lambda: steps),
        patch("warehouse.exchange.migrations", lambda: steps),
    ):
        home = Home.create(folder / "old")
        load_landing(home)
        if populated:
            fill_every_table(home)
        exported = export_warehouse(home, folder / "export")
    assert exported.schema == version
    return home


def main() -> None:
    """Store what is missing."""
    for step in database.migrations():
        if stored(step.number).exists():
            continue
        with tempfile.TemporaryDirectory() as folder:
            export_of(step.number, Path(folder))
            made = Path(folder) / "export"
            with zipfile.ZipFile(stored(step.number), "w", zipfile.ZIP_DEFLATED) as file:
                for path in sorted(made.rglob("*")):
                    file.write(path, path.relative_to(made))


if __name__ == "__main__":
    main()
