"""Export and import of a whole warehouse: identical content, also from older versions."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from proxylm.errors import InputError, ProxyLMError, UsageError
from proxylm.landing import write_landing
from tests.warehouse.builders import evaluated
from warehouse import database
from warehouse.database import migrations, reading, schema_version, table_counts, writing
from warehouse.exchange import export_warehouse, import_warehouse
from warehouse.home import Home
from warehouse.loader import load_landing

VALUES: dict[str, Any] = {
    "VARCHAR": "a 'text'\nin two lines, ü",
    "BIGINT": 7,
    "DOUBLE": 0.1,
    "BOOLEAN": True,
    "TIMESTAMP": datetime(2026, 1, 2, 3, 4, 5, 678901),
    "VARCHAR[]": ["x", "y'"],
}


def content(connection: duckdb.DuckDBPyConnection) -> dict[str, list[tuple[Any, ...]]]:
    return {
        name: connection.execute(f'FROM "{name}" ORDER BY ALL').fetchall()
        for name in table_counts(connection)
    }


def fill_every_table(home: Home) -> None:
    """One row in each table, whatever its columns are."""
    with writing(home, "test") as connection:
        for name in table_counts(connection):
            types = connection.execute(
                "SELECT data_type FROM duckdb_columns() WHERE table_name = ? ORDER BY column_index",
                [name],
            ).fetchall()
            marks = ", ".join("?" for _ in types)
            connection.execute(
                f'INSERT INTO "{name}" VALUES ({marks})', [VALUES[kind] for (kind,) in types]
            )
        database.publish_snapshot(home, connection)


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
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: int, populated: bool
) -> None:
    old = Home.create(tmp_path / "old")
    steps = [step for step in migrations() if step.number <= version]
    with monkeypatch.context() as old_code:
        for module in ("database", "exchange"):
            old_code.setattr(f"warehouse.{module}.migrations", lambda: steps)
        load_landing(old)
        if populated:
            fill_every_table(old)
        exported = export_warehouse(old, tmp_path / "export")
    assert exported.schema == version
    new = Home.create(tmp_path / "new")
    import_warehouse(new, tmp_path / "export")
    with writing(old, "upgrade") as upgraded, reading(new) as imported:
        assert schema_version(upgraded)[0] == schema_version(imported)[0] == migrations()[-1].number
        assert content(upgraded) == content(imported)
        counts = table_counts(upgraded)
        assert all(counts[name] >= rows for name, rows in exported.tables.items() if name in counts)
        views = upgraded.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal")
        for (view,) in views.fetchall():
            upgraded.execute(f"SELECT * FROM {view}").fetchall()


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
