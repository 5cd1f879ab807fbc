"""The benchmark of throughput runs, on a small scale, and judges by what it measured."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.slow
def test_the_benchmark_compares_all_ways_and_its_exit_code_is_its_verdict() -> None:
    pytest.importorskip("ctranslate2", reason="needs the extra ct2")
    arguments = ["--threads=1", "--seconds-of-training=60", "--lines=32", "--repeats=1"]
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks/inference.py"), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    rows = [line.split() for line in done.stdout.splitlines()]
    table = {
        " ".join(row[:-6]): [float(number.strip("%")) for number in row[-6:]]
        for row in rows
        if len(row) > 6 and row[-2].endswith("%")
    }
    assert {"engine", "transformers, 1 line", "ctranslate2 fp32", "ctranslate2 int8"} <= set(table)
    seconds, _, ratio, _, same, _ = table["engine"]
    assert same >= 99
    assert table["ctranslate2 fp32"][4] >= 99
    assert ratio == pytest.approx(table["transformers, 1 line"][0] / seconds, rel=0.05)
    assert ("missed:" in done.stdout) == (done.returncode == 1)
    assert ("missed:" in done.stdout) != ("all that was asked for is met" in done.stdout)
