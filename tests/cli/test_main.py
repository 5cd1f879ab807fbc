"""The command line as such: start-up, help, exit codes, errors without traceback."""

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from warehouse.home import Home

CHECKOUT = Path(__file__).resolve().parents[2]
HEAVY = {
    "rich",
    "torch",
    "transformers",
    "duckdb",
    "prefect",
    "pandas",
    "pyarrow",
    "numpy",
    "sklearn",
}


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['plm-admin', '--help']\n"
        "from cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        f"print(sorted({HEAVY} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=CHECKOUT, check=True
    )
    assert done.stderr.strip() == "[]"
    assert "leaderboard" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["list", "modles"], "cannot list 'modles'; use one of"),
        (["leaderboard", "--task", "translation"], "unknown task 'translation'"),
        (["leaderboard", "--model", "aya"], "unknown model 'aya'"),
        (["leaderboard", "--language", "swahilii"], "did you mean"),
        (["import-records"], "name the files to import, or give --download"),
        (["predict", "--task", "intent", "--source", "sw", "--target", "fr"], "no prediction"),
    ],
)
def test_a_mistake_is_one_line_on_stderr_and_exit_code_2(
    plm: Run, home: Home, arguments: list[str], message: str
) -> None:
    result = plm(*arguments)
    assert result.code == 2
    assert result.out == ""
    assert message in result.err
    assert len(result.err.strip().splitlines()) == 1


def test_an_unknown_option_is_a_usage_error(plm: Run) -> None:
    assert plm("status", "--nonsense").code == 2


@pytest.mark.parametrize(
    "arguments",
    [["status"], ["leaderboard"], ["list", "models"], ["retrain"], ["publish"], ["refresh"]],
)
def test_without_a_home_every_command_says_how_to_make_one(plm: Run, arguments: list[str]) -> None:
    result = plm(*arguments)
    assert result.code == 2
    assert "plm-admin init" in result.err


def test_a_busy_warehouse_ends_with_75_and_names_the_holder(
    plm: Run, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    from warehouse.lock import locked

    monkeypatch.setenv("PLM_LOCK_SECONDS", "0.1")
    with locked(home, "somebody's load"):
        result = plm("migrate")
    assert result.code == 75
    assert "somebody's load" in result.err


def test_a_full_disk_is_one_line(plm: Run, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device", "plm/site/index.html")

    monkeypatch.setattr(os, "fsync", full)
    result = plm("publish")
    assert result.code == 1
    assert result.err == "error: plm/site/index.html: No space left on device\n"
    assert not home.site.exists()
    assert list((home.path / "sites").iterdir()) == []


def test_a_system_error_without_a_file_says_what_it_is(
    plm: Run, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(descriptor: int) -> None:
        raise OSError("libsomething.so.1: cannot open shared object file")

    monkeypatch.setattr(os, "fsync", broken)
    assert plm("publish").err == "error: libsomething.so.1: cannot open shared object file\n"


def test_the_version_is_that_of_the_package(plm: Run) -> None:
    assert plm("--version").out == f"plm-admin {version('proxylm-ops')}\n"


def test_ctrl_c_ends_with_130(home: Home) -> None:
    code = (
        "import os, signal, sys\n"
        "import warehouse.home\n"
        "def find(*_): os.kill(os.getpid(), signal.SIGINT); return None\n"
        "warehouse.home.Home.find = find\n"
        "sys.argv = ['plm-admin', 'status']\n"
        "from cli.main import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=CHECKOUT
    )
    assert done.returncode == 130
    assert "Traceback" not in done.stderr


def test_a_closed_pipe_is_no_error(published_home: Home) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", "from cli.main import main; main()", "list", "settings"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=CHECKOUT,
        env={**os.environ, "PLM_HOME": str(published_home.path)},
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(60) == 0
    assert process.stderr.read() == b""
    process.stderr.close()
