"""Published copies: whole, read-only, and readers are never disturbed."""

import os
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest

from proxylm.landing import write_landing
from tests.warehouse.builders import evaluated
from warehouse.database import reading, writing
from warehouse.home import Home
from warehouse.loader import load_landing
from warehouse.snapshot import KEEP, publish_snapshot

READ = """
import duckdb, sys, pathlib
path = sys.argv[1]
print("ready", flush=True)
seen = set()
while not pathlib.Path(sys.argv[2]).exists():
    with duckdb.connect(path, read_only=True) as connection:
        seen.add(connection.execute("SELECT count(*) FROM setting_scores").fetchone()[0])
print(sorted(seen))
"""


def test_a_copy_is_read_only_and_has_the_views(home: Home) -> None:
    copy = home.snapshot.resolve()
    assert copy.stat().st_mode & 0o777 == 0o444
    with reading(home) as connection, pytest.raises(duckdb.Error, match="read-only"):
        connection.execute("DELETE FROM scores")


def test_an_open_reader_keeps_its_copy_while_a_new_one_is_published(home: Home) -> None:
    with reading(home) as reader:
        write_landing(evaluated(), home.incoming)
        load_landing(home)
        assert reader.execute("SELECT count(*) FROM scores").fetchone() == (0,)
    with reading(home) as reader:
        assert reader.execute("SELECT count(*) FROM scores").fetchone() == (3,)


def test_sql_from_another_process_works_while_loads_go_on(home: Home, tmp_path: Path) -> None:
    stop = tmp_path / "stop"
    reader = subprocess.Popen(
        [sys.executable, "-c", READ, str(home.snapshot), str(stop)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert reader.stdout is not None
    assert reader.stdout.readline() == "ready\n"
    for number in range(5):
        write_landing(evaluated(f"model-{number}"), home.incoming)
        load_landing(home)
    stop.touch()
    output, errors = reader.communicate(timeout=60)
    assert reader.returncode == 0, errors
    counts = [int(n) for n in output.strip("[]\n").split(",")]
    assert set(counts) <= {0, 3, 6, 9, 12, 15}


def test_old_copies_go_after_a_day_and_the_last_three_stay(home: Home) -> None:
    with writing(home, "test") as connection:
        for _ in range(4):
            publish_snapshot(home, connection)
        copies = sorted(home.published.glob("warehouse-*.duckdb"))
        assert len(copies) == 5
        for path in copies:
            os.utime(path, (time.time() - 90_000,) * 2)
        newest = publish_snapshot(home, connection)
    left = sorted(home.published.glob("warehouse-*.duckdb"))
    assert left == [*copies[-(KEEP - 1) :], newest]
