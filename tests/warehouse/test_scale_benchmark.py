"""The benchmark of scale makes the warehouse that its steps need, and names the steps there are."""

import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "scale.py"


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, str(BENCHMARK), "--share=0.01", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_a_step_alone_has_its_warehouse() -> None:
    done = run("--steps=board")
    steps = [line.split()[0] for line in done.stdout.splitlines()]
    assert steps == ["step", "build", "publish", "board"], done.stderr


def test_a_step_that_does_not_exist_is_refused() -> None:
    done = run("--steps=bord")
    assert done.returncode == 2
    assert "no step bord; there are build, publish, board, load, plan, retrain" in done.stderr
