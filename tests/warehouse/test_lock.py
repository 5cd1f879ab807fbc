"""One writer at a time, across processes; a dead one never holds the lock."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from proxylm.errors import BusyError
from warehouse.database import writing
from warehouse.home import Home
from warehouse.lock import alone, locked
from warehouse.lock import holder as holder_of

HOLD = """
import sys, time
from pathlib import Path
from warehouse.home import Home
from warehouse.lock import locked
with locked(Home(Path(sys.argv[1])), "a long load"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(home: Home) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(home.path)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).resolve().parents[2],
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_second_writer_is_told_who_holds_the_warehouse(
    home: Home, holder: "subprocess.Popen[str]"
) -> None:
    with pytest.raises(BusyError) as caught, locked(home, "test", wait_seconds=0.2):
        pass
    message = str(caught.value)
    assert f"process {holder.pid}" in message
    assert "a long load" in message
    assert "PLM_LOCK_SECONDS" in message
    assert caught.value.exit_code == 75


def test_a_killed_holder_lets_go(home: Home, holder: "subprocess.Popen[str]") -> None:
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with writing(home, "test") as connection:
        assert connection.execute("SELECT count(*) FROM scores").fetchone() == (0,)


def test_a_waiting_writer_goes_on_when_the_lock_is_free(
    home: Home, holder: "subprocess.Popen[str]"
) -> None:
    waiter = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys; from pathlib import Path; from warehouse.home import Home\n"
            "from warehouse.lock import locked\n"
            "with locked(Home(Path(sys.argv[1])), 'waiting', 30): print('got it')",
            str(home.path),
        ],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).resolve().parents[2],
    )
    holder.kill()
    output, _ = waiter.communicate(timeout=30)
    assert output == "got it\n"


def test_a_holder_that_was_killed_is_remembered_by_the_next_one(
    home: Home, holder: "subprocess.Popen[str]"
) -> None:
    holder.kill()
    holder.wait()
    with locked(home, "next") as ended_well:
        assert not ended_well
    with locked(home, "the one after") as ended_well:
        assert ended_well


def test_who_holds_the_lock_can_be_asked(home: Home) -> None:
    assert holder_of(home) is None
    with locked(home, "test"):
        assert holder_of(home) is not None
        assert holder_of(home).held  # type: ignore[union-attr]
    assert holder_of(home) is None


def test_a_second_refresh_is_told_of_the_first_at_once_and_writers_are_not_held_up(
    home: Home,
) -> None:
    with alone(home, "refresh"):
        with (
            pytest.raises(BusyError, match=r"another refresh .* process \d+"),
            alone(home, "refresh"),
        ):
            pass
        with writing(home, "test"):
            pass
    with alone(home, "refresh"):
        pass
