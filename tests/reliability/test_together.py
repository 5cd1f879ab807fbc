"""Many at once: writers beside readers, two refreshes, clocks that jump."""

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from proxylm.landing import write_landing
from tests.warehouse.builders import evaluated
from warehouse.database import reading
from warehouse.home import Home
from warehouse.loader import load_landing
from warehouse.snapshot import KEEP, publish_snapshot

pytestmark = pytest.mark.timeout(3600)  # the slow ones, on a busy machine
CHECKOUT = Path(__file__).resolve().parents[2]

WRITE = """
import sys
from pathlib import Path
from proxylm.errors import BusyError
from proxylm.landing import write_landing
from tests.warehouse.builders import evaluated
from warehouse.home import Home
from warehouse.loader import load_landing
home, writer, files, rows = Home(Path(sys.argv[1])), *map(int, sys.argv[2:])
targets = tuple(f"x{chr(97 + n // 26)}{chr(97 + n % 26)}_Latn" for n in range(rows))
for number in range(files):
    write_landing(evaluated(f"model-{writer}-{number}", "xaa_Latn", targets), home.incoming)
    try:
        load_landing(home)
    except BusyError as error:  # what landed is loaded by whoever comes next
        print("busy", error)
"""
READ = """
import sys, time
from pathlib import Path
from warehouse.database import reading
from warehouse.home import Home
home, stop = Home(Path(sys.argv[1])), Path(sys.argv[2])
print("ready", flush=True)
times = []
while not stop.exists():
    begun = time.perf_counter()
    with reading(home) as connection:
        connection.execute("SELECT model_id, avg(value) FROM setting_scores GROUP BY 1").fetchall()
    times.append(time.perf_counter() - begun)
    time.sleep(0.02)
print(sorted(times)[int(0.99 * len(times))], len(times))
"""


def start(code: str, *arguments: object) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=CHECKOUT,
        env={**os.environ, "PLM_LOCK_SECONDS": "120"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize(
    ("writers", "readers", "files", "rows"),
    [(3, 2, 2, 25), pytest.param(8, 4, 10, 125, marks=pytest.mark.slow)],
)
def test_every_row_of_every_writer_arrives_while_readers_read(
    home: Home,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    writers: int,
    readers: int,
    files: int,
    rows: int,
) -> None:
    stop = tmp_path / "stop"
    request.addfinalizer(stop.touch)  # readers end also where the test fails
    looking = [start(READ, home.path, stop) for _ in range(readers)]
    for reader in looking:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "ready\n"
    busy = [start(WRITE, home.path, number, files, rows) for number in range(writers)]
    for writer in busy:
        said, errors = writer.communicate(timeout=1800)
        assert writer.returncode == 0, errors
        assert all(line.startswith("busy the warehouse") for line in said.splitlines())
    stop.touch()
    for reader in looking:
        _, errors = reader.communicate(timeout=60)
        assert reader.returncode == 0, errors  # no lock error, ever
    load_landing(home)
    with reading(home) as connection:
        assert connection.execute("SELECT count(*) FROM scores").fetchone() == (
            writers * files * rows,
        )
        assert connection.execute("SELECT * FROM data_checks").fetchall() == []
    assert not list(home.rejected.iterdir())


@pytest.mark.slow
def test_a_query_takes_no_longer_while_others_write(home: Home, tmp_path: Path) -> None:
    """Beside a process that computes as much as the writer does, but writes nothing."""

    def p99(writer: str) -> float:
        stop = tmp_path / f"stop-{time.monotonic_ns()}"
        other = start(writer, home.path, time.monotonic_ns() % 10_000, 20, 60)
        reader = start(READ, home.path, stop)
        _, errors = other.communicate(timeout=1800)
        assert other.returncode == 0, errors
        stop.touch()
        said, errors = reader.communicate(timeout=60)
        assert reader.returncode == 0, errors
        return float(said.split()[1])

    idle = WRITE.replace("load_landing(home)\n", "sum(range(10_000_000))\n").replace(
        "home.incoming)", "home.path / 'elsewhere')"
    )
    loading, quiet = p99(WRITE), p99(idle)
    sys.stderr.write(f"p99 of a query: {loading:.3f} s while loading, {quiet:.3f} s idle\n")
    assert loading <= 2 * quiet


def test_a_clock_that_jumps_back_loses_no_copy(home: Home) -> None:
    from warehouse.database import writing

    future = time.time() + 10 * 365 * 86_400
    with writing(home, "test") as connection:
        for _ in range(KEEP):
            os.utime(publish_snapshot(home, connection), (future, future))
    write_landing(evaluated(), home.incoming)
    load_landing(home)
    with reading(home) as connection:
        assert connection.execute("SELECT count(*) FROM scores").fetchone() == (3,)
    assert home.snapshot.resolve() == sorted(home.published.glob("warehouse-*.duckdb"))[-1]


def test_a_run_from_before_the_clock_jumped_is_loaded_as_it_is(home: Home) -> None:
    """A machine whose clock stood at 1970 has measured nothing less."""
    from datetime import datetime

    bundle = evaluated()
    early = replace(bundle.runs[0], started_at=datetime(1970, 1, 1))
    write_landing(replace(bundle, runs=[early]), home.incoming)
    assert load_landing(home).evaluations == 3
    with reading(home) as connection:
        assert connection.execute("SELECT * FROM data_checks").fetchall() == []
