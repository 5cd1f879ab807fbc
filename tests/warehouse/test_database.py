"""Migrations, transactions and the read-only copy."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from typing import Any

import duckdb
import pytest

from proxylm import __version__
from proxylm.errors import BusyError, ProxyLMError, UsageError
from proxylm.landing import arrow_schema, write_landing
from proxylm.records import TABLES
from tests.warehouse.builders import costing, evaluated, make_version_1
from warehouse.database import migrations, reading, schema_version, transaction, writing
from warehouse.home import Home
from warehouse.loader import load_landing

DUCKDB_TYPES = {
    "string": "VARCHAR",
    "int64": "BIGINT",
    "double": "DOUBLE",
    "bool": "BOOLEAN",
    "timestamp[us]": "TIMESTAMP",
    "list<item: string>": "VARCHAR[]",
}


@pytest.mark.parametrize("table", TABLES)
def test_tables_have_the_columns_of_their_records(home: Home, table: str) -> None:
    with reading(home) as connection:
        rows = connection.execute(
            "SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = ? "
            "ORDER BY column_index",
            [table],
        ).fetchall()
    expected = [
        (field.name, DUCKDB_TYPES[str(field.type).replace("element", "item")])
        for field in arrow_schema(TABLES[table])
    ]
    if table == "scores":
        expected.append(("loaded_at", "TIMESTAMP"))
    assert rows == expected


def test_every_table_view_and_column_is_described(home: Home) -> None:
    with reading(home) as connection:
        rows = connection.execute(
            "SELECT table_name, column_name FROM duckdb_columns() WHERE NOT internal "
            "AND comment IS NULL AND table_name NOT IN ('schema_migrations', "
            "'predicted_vs_observed')"
        ).fetchall()
    assert rows == []


def test_a_new_warehouse_records_its_migrations(home: Home) -> None:
    with reading(home) as connection:
        assert schema_version(connection) == (migrations()[-1].number, __version__)


def test_a_warehouse_of_a_newer_version_is_refused_with_both_versions(home: Home) -> None:
    with duckdb.connect(str(home.warehouse)) as connection:
        connection.execute("INSERT INTO schema_migrations VALUES (99, 'x', '9.9.9', now())")
    with pytest.raises(ProxyLMError) as caught, writing(home, "test"):
        pass
    message = str(caught.value)
    assert "schema 99" in message
    assert "9.9.9" in message
    assert __version__ in message
    assert "pip install" in message


def test_a_file_that_is_no_warehouse_is_refused(home: Home) -> None:
    home.warehouse.write_bytes(b"not a database" * 1000)
    with pytest.raises(ProxyLMError, match="cannot be opened"), writing(home, "test"):
        pass


HOLD = """
import fcntl, sys
file = open(sys.argv[1], "r+b")
fcntl.lockf(file, fcntl.LOCK_EX)
print("open", flush=True)
input()
"""
"""A file as DuckDB holds it that has it open to write."""


@contextmanager
def held(path: Path) -> Iterator["subprocess.Popen[str]"]:
    path.chmod(0o600)
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        yield process
        process.kill()


@pytest.mark.parametrize("way", [lambda home: writing(home, "test"), reading])
def test_a_program_that_holds_a_file_is_waited_for_and_named(
    home: Home, way: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = home.snapshot.resolve() if way is reading else home.warehouse
    with held(path) as holder:
        monkeypatch.setenv("PLM_LOCK_SECONDS", "0.2")
        said = rf"PID {holder.pid}\); waited 0\.2 s\. .*current\.duckdb instead"
        with pytest.raises(BusyError, match=said), way(home):
            pass
        monkeypatch.setenv("PLM_LOCK_SECONDS", "60")
        Timer(0.3, holder.kill).start()
        with way(home) as connection:
            assert connection.execute("SELECT count(*) FROM scores").fetchone() == (0,)


def test_an_older_warehouse_is_backed_up_and_brought_up_to_date(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = migrations()[-1].number
    newer = [*migrations(), migrations()[-1]._replace(number=98, sql="CREATE TABLE t (i INT)")]
    monkeypatch.setattr("warehouse.database.migrations", lambda: newer)
    with writing(home, "test") as connection:
        assert schema_version(connection)[0] == 98
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (0,)
    (backup,) = home.backups.glob("before-0098-*.duckdb")
    with duckdb.connect(str(backup), read_only=True) as old:
        assert schema_version(old)[0] == before


@pytest.mark.parametrize("populated", [False, True])
def test_a_warehouse_of_the_first_version_is_upgraded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, populated: bool
) -> None:
    home = Home.create(tmp_path / "plm")
    with monkeypatch.context() as old_code:
        first = migrations()[:1]
        old_code.setattr("warehouse.database.migrations", lambda: first)
        if populated:
            make_version_1(write_landing(evaluated("estimated", role="estimated"), home.incoming))
        load_landing(home)
        with reading(home) as connection:
            assert schema_version(connection)[0] == 1
            board = connection.execute("SELECT * FROM leaderboard").fetchall()
            assert len(board) == (3 if populated else 0)

    with pytest.raises(UsageError, match=r"schema 1.*plm-admin migrate"), reading(home):
        pass
    with writing(home, "anything"):
        pass
    with reading(home) as connection:
        assert schema_version(connection)[0] == migrations()[-1].number
        assert connection.execute("SELECT * FROM leaderboard").fetchall() == board
        costs = connection.execute("SELECT count(*), count(tokens_in) FROM evaluations").fetchone()
        assert costs == (len(board), 0)
    write_landing(costing(evaluated(), 1.0, 1.0, tokens_in=9), home.incoming)
    assert load_landing(home).evaluations == 3
    with reading(home) as connection:
        assert connection.execute("SELECT sum(tokens_in) FROM evaluations").fetchone() == (27,)


def test_a_migration_that_fails_leaves_the_old_schema(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = migrations()[-1]._replace(number=98, sql="CREATE TABLE t (i INT); SELECT nonsense")
    monkeypatch.setattr("warehouse.database.migrations", lambda: [*migrations(), broken])
    with pytest.raises(duckdb.Error), writing(home, "test"):
        pass
    with duckdb.connect(str(home.warehouse)) as connection:
        assert schema_version(connection)[0] == migrations()[-1].number
        names = connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()
    assert ("t",) not in names


def test_a_failed_transaction_leaves_nothing(home: Home) -> None:
    with writing(home, "test") as connection:
        insert = "INSERT INTO languages VALUES ('a', 'b', 'c', false, 'd', 'e')"
        with pytest.raises(duckdb.Error), transaction(connection):
            connection.execute(f"{insert}; SELECT nonsense")
        assert connection.execute("SELECT count(*) FROM languages").fetchone() == (0,)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM read_csv('/etc/hostname')",
        "COPY scores TO 'out.csv'",
        "ATTACH 'other.duckdb'",
        "INSTALL httpfs",
        "SET enable_external_access = true",
        "DELETE FROM scores",
        "CREATE TABLE t (i INT)",
    ],
)
def test_untrusted_sql_reads_the_copy_and_nothing_else(home: Home, query: str) -> None:
    with reading(home, untrusted=True) as connection:
        with pytest.raises(duckdb.Error):
            connection.execute(query)
        assert connection.execute("SELECT count(*) FROM leaderboard").fetchone() == (0,)


def test_a_home_without_a_copy_says_what_to_do(tmp_path_factory: pytest.TempPathFactory) -> None:
    home = Home.create(tmp_path_factory.mktemp("new") / "plm")
    with pytest.raises(UsageError, match="plm-admin init"), reading(home):
        pass
