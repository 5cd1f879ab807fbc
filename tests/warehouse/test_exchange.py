"""Export and import of a whole warehouse: identical content, also from older versions."""

import json
import zipfile
from pathlib import Path
from typing import Any

import duckdb
import pytest

from proxylm.errors import InputError, ProxyLMError, UsageError
from proxylm.landing import write_landing
from tests.warehouse.builders import VALUES, evaluated, fill_every_table
from tests.warehouse.stored_exports import export_of, stored
from warehouse.database import migrations, reading, schema_version, table_counts, writing
from warehouse.exchange import export_warehouse, import_warehouse
from warehouse.home import Home
from warehouse.loader import load_landing


def content(connection: duckdb.DuckDBPyConnection) -> dict[str, list[tuple[Any, ...]]]:
    return {
        name: connection.execute(f'FROM "{name}" ORDER BY ALL').fetchall()
        for name in table_counts(connection)
    }


def read_all_views(connection: duckdb.DuckDBPyConnection) -> None:
    views = connection.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal")
    for (view,) in views.fetchall():
        connection.execute(f"SELECT * FROM {view}").fetchall()


def test_what_comes_back_is_identical_in_every_table(home: Home, tmp_path: Path) -> None:
    write_landing(evaluated(), home.incoming)
    load_landing(home)
    fill_every_table(home)
    (home.catalogue / "local.yaml").write_text("models: []\n")
    exported = export_warehouse(home, tmp_path / "export")
    assert min(exported.tables.values()) >= 1
    other = Home.create(tmp_path / "other")
    import_warehouse(other, tmp_path / "export")
    with reading(home) as here, reading(other) as there:
        assert content(here) == content(there)
    assert (other.catalogue / "local.yaml").read_text() == "models: []\n"
    again = export_warehouse(other, tmp_path / "again")
    assert again.tables == exported.tables


@pytest.mark.parametrize(
    ("version", "populated"),
    [
        pytest.param(
            step.number,
            populated,
            marks=() if (step.number, populated) == (1, True) else pytest.mark.slow,
        )
        for step in migrations()
        for populated in (False, True)
    ],
)
def test_warehouses_and_exports_of_every_version_come_up_to_date(
    tmp_path: Path, version: int, populated: bool
) -> None:
    old = export_of(version, tmp_path, populated)
    new = Home.create(tmp_path / "new")
    exported = import_warehouse(new, tmp_path / "export")
    with writing(old, "upgrade") as upgraded, reading(new) as imported:
        assert schema_version(upgraded)[0] == schema_version(imported)[0] == migrations()[-1].number
        assert content(upgraded) == content(imported)
        counts = table_counts(upgraded)
        assert all(counts[name] >= rows for name, rows in exported.tables.items() if name in counts)
        read_all_views(upgraded)


@pytest.mark.parametrize(
    "version",
    [
        pytest.param(step.number, marks=() if step.number == 1 else pytest.mark.slow)
        for step in migrations()
    ],
)
def test_the_stored_export_of_every_version_loads(home: Home, tmp_path: Path, version: int) -> None:
    with zipfile.ZipFile(stored(version)) as file:
        file.extractall(tmp_path / "export")
    exported = import_warehouse(home, tmp_path / "export")
    assert exported.schema == version
    assert set(exported.tables.values()) == {1}
    with reading(home) as connection:
        read_all_views(connection)
        row = connection.execute("SELECT metric, value, loaded_at FROM scores").fetchone()
    assert row == tuple(VALUES[kind] for kind in ("VARCHAR", "DOUBLE", "TIMESTAMP"))


def test_every_version_has_its_stored_export() -> None:
    lacking = [step.number for step in migrations() if not stored(step.number).exists()]
    assert not lacking, "run `python -m tests.warehouse.stored_exports` and commit what it makes"


def test_an_import_needs_an_empty_home(home: Home, tmp_path: Path) -> None:
    export_warehouse(home, tmp_path / "export")
    write_landing(evaluated(), home.incoming)
    load_landing(home)
    with pytest.raises(UsageError, match=r"not empty.*3 scores"):
        import_warehouse(home, tmp_path / "export")
    with pytest.raises(UsageError, match="exists already"):
        export_warehouse(home, tmp_path / "export")


def test_what_is_not_as_it_was_written_is_refused_whole(home: Home, tmp_path: Path) -> None:
    write_landing(evaluated(), home.incoming)
    load_landing(home)
    folder = tmp_path / "export"
    export_warehouse(home, folder)
    other = Home.create(tmp_path / "other")
    manifest = json.loads((folder / "manifest.json").read_text())

    def refused(error: type[ProxyLMError], match: str, **changes: object) -> None:
        (folder / "manifest.json").write_text(json.dumps(manifest | changes))
        with pytest.raises(error, match=match):
            import_warehouse(other, folder)
        assert not other.warehouse.exists()
        assert not list(other.path.glob(".imported*"))

    refused(ProxyLMError, "schema 999", schema=999)
    outside = {**manifest["tables"], "../../outside": 1}
    refused(InputError, "its tables are not those of schema", tables=outside)
    refused(InputError, "rows that its manifest", tables={**manifest["tables"], "runs": 9})
    refused(InputError, "is no export", rows=1)
    (folder / "scores.parquet").write_bytes(b"PAR1")
    refused(InputError, "scores.parquet is not as it was written")
    with pytest.raises(InputError, match="is no export"):
        import_warehouse(other, tmp_path / "nowhere")
