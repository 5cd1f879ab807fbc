"""What happens to a batch whose jobs hang, crash or eat the memory: recorded, and the rest runs."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet as pq
import pytest

from proxylm.corpora import Labelled, split, write_corpus
from proxylm.evaluation.contract import Batch, Job, ModelSpec, TextPart
from proxylm.evaluation.supervisor import EvaluationCrashed, Limits, Supervised, supervise
from proxylm.identity import corpus_fingerprint

GIB = 1024**3
LIMITS = Limits(seconds=60, memory_bytes=3 * GIB)
HANGS = [sys.executable, "-c", "import time; time.sleep(600)"]
CRASHES = ["sh", "-c", "kill -SEGV $PPID"]  # takes the worker with it
EATS = [sys.executable, "-c", "import time; x = b'x' * (3 << 30); time.sleep(600)"]
WORKS = ["cat"]


@pytest.fixture
def translation(tmp_path: Path) -> Callable[[str, list[str]], Job]:
    """A job of kind `command` over a small corpus."""
    rows = Labelled(tuple(f"line {i}" for i in range(20)), tuple(f"line {i}" for i in range(20)))
    fingerprint = corpus_fingerprint(list(zip(rows.texts, rows.labels, strict=True)))
    path = tmp_path / "corpora" / "toy.parquet"
    write_corpus(split(rows, fingerprint, 10, 10), path, {})
    part = TextPart("toy", "eng_Latn", "spa_Latn", fingerprint, str(path))

    def make(name: str, command: list[str]) -> Job:
        spec = ModelSpec(name, "1", "command", {"command": command})
        return Job(spec, "zero_shot", {"name": "none"}, 0, None, None, (part,), "mt")

    return make


def landed_runs(home: Path) -> dict[str, dict[str, Any]]:
    runs = {}
    for path in (home / "landing" / "incoming").glob("*.parquet"):
        for row in pq.read_table(path)["runs"].to_pylist():
            if row is not None:
                runs[row["model_id"]] = row
    return runs


def reasons(done: Supervised) -> dict[str, str]:
    return {failure.job.model.model_id: failure.reason for failure in done.failures}


def workers(home: Path) -> list[psutil.Process]:
    """The processes that evaluate for this home."""
    running = psutil.process_iter(["cmdline"])
    return [p for p in running if {"proxylm.evaluation", str(home)} <= {*(p.info["cmdline"] or [])}]


def test_three_failures_are_recorded_and_the_fourth_job_succeeds(
    translation: Callable[[str, list[str]], Job], tmp_path: Path
) -> None:
    jobs = (
        translation("hangs", HANGS),
        translation("crashes", CRASHES),
        translation("eats", EATS),
        translation("works", WORKS),
    )
    ended: list[str] = []
    done = supervise(
        Batch(jobs),
        tmp_path,
        Limits(seconds=10, memory_bytes=3 * GIB // 2),
        on_end=lambda job: ended.append(job.model.model_id),
    )
    assert ended == ["hangs", "crashes", "eats", "works"]
    said = reasons(done)
    assert said["hangs"] == "stopped after 10 s (PLM_EVALUATION_SECONDS)"
    assert said["crashes"] == "ended by signal SIGSEGV"
    assert said["eats"].endswith("GiB of memory, may use 1.50 (PLM_EVALUATION_MEMORY_BYTES)")
    assert "works" not in said
    runs = landed_runs(tmp_path)
    assert {name: run["status"] for name, run in runs.items()} == {
        "hangs": "failed",
        "crashes": "failed",
        "eats": "failed",
        "works": "completed",
    }
    for name, reason in said.items():
        assert runs[name]["reason"] == reason
        assert (tmp_path / runs[name]["log"]).is_file()
    assert runs["hangs"]["wall_seconds"] > 9
    assert runs["eats"]["peak_memory_bytes"] > 3 * GIB // 2
    assert done.device_seconds > 8
    # Nothing of them is left running, the programs that they started included.
    commands = [p.info["cmdline"] for p in psutil.process_iter(["cmdline"])]
    assert HANGS not in commands
    assert EATS not in commands


def test_a_failure_that_the_worker_records_itself_is_reported_too(
    translation: Callable[[str, list[str]], Job], tmp_path: Path
) -> None:
    jobs = (translation("fails", ["sh", "-c", "exit 3"]), translation("works", WORKS))
    done = supervise(Batch(jobs), tmp_path, LIMITS)
    assert reasons(done) == {"fails": "sh ended with 3: no output"}
    assert landed_runs(tmp_path)["works"]["status"] == "completed"


def test_nothing_is_begun_past_the_budget(
    translation: Callable[[str, list[str]], Job], tmp_path: Path
) -> None:
    slow = ["sh", "-c", "sleep 1; cat"]
    jobs = tuple(translation(f"slow-{number}", slow) for number in range(4))
    done = supervise(Batch(jobs), tmp_path, LIMITS, budget_seconds=1.5)
    # More than one second is spent after the first job: another one would pass the budget.
    assert done.not_begun == 3
    assert set(landed_runs(tmp_path)) == {"slow-0"}
    assert not done.failures


def test_a_worker_that_cannot_begin_says_why(
    translation: Callable[[str, list[str]], Job], tmp_path: Path
) -> None:
    batch = Batch((translation("works", WORKS),))
    with pytest.raises(EvaluationCrashed, match=r"exit code 2: device cuda:9 cannot be used here"):
        supervise(batch, tmp_path, LIMITS, device="cuda:9")
    with pytest.raises(EvaluationCrashed, match="ended with exit code 7: no module"):
        supervise(batch, tmp_path, LIMITS, worker=["sh", "-c", "echo no module; exit 7"])
    # As an exception of Python leaves it, and a job that failed: they must not be confused.
    with pytest.raises(EvaluationCrashed, match="ended with exit code 1: ImportError: no torch"):
        supervise(
            batch, tmp_path, LIMITS, worker=["sh", "-c", "echo ImportError: no torch; exit 1"]
        )
    assert landed_runs(tmp_path) == {}


def test_a_worker_that_dies_after_its_last_job_has_lost_nothing(
    translation: Callable[[str, list[str]], Job], tmp_path: Path
) -> None:
    script = f'{sys.executable} -m proxylm.evaluation "$@"; kill -SEGV $$'
    jobs = (translation("fails", ["sh", "-c", "exit 3"]), translation("works", WORKS))
    done = supervise(Batch(jobs), tmp_path, LIMITS, worker=["sh", "-c", script, "sh"])
    assert reasons(done) == {"fails": "sh ended with 3: no output"}
    assert done.not_begun == 0
    assert len(list((tmp_path / "landing" / "incoming").glob("*.parquet"))) == 2


def test_what_a_killed_worker_had_started_is_killed_too(
    translation: Callable[[str, list[str]], Job], tmp_path: Path
) -> None:
    command = ["sh", "-c", "sleep 0.5; kill -KILL $PPID; exec sleep 321.25"]
    done = supervise(Batch((translation("outlives", command),)), tmp_path, LIMITS)
    assert reasons(done)["outlives"].startswith("ended by signal SIGKILL")
    assert ["sleep", "321.25"] not in [p.info["cmdline"] for p in psutil.process_iter(["cmdline"])]


def test_a_worker_dies_with_its_supervisor(
    translation: Callable[[str, list[str]], Job], tmp_path: Path
) -> None:
    batch = tmp_path / "batch.json"
    mark = ["sleep", "612.75"]
    batch.write_text(Batch((translation("hangs", mark),)).to_json())
    program = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        from proxylm.evaluation.contract import Batch
        from proxylm.evaluation.supervisor import Limits, supervise
        supervise(Batch.from_json(Path(sys.argv[1]).read_text()), Path(sys.argv[2]),
                  Limits(600, 1 << 34))
        """
    )
    process = subprocess.Popen([sys.executable, "-c", program, str(batch), str(tmp_path)])

    def at_work() -> bool:
        return mark in [running.info["cmdline"] for running in psutil.process_iter(["cmdline"])]

    wait_for(at_work)
    assert workers(tmp_path)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    wait_for(lambda: not workers(tmp_path))
    wait_for(lambda: not at_work())  # nor what the worker had started


def test_a_killed_worker_repeats_no_job_that_had_ended(
    translation: Callable[[str, list[str]], Job], tmp_path: Path
) -> None:
    slow = ["sh", "-c", "sleep 1; cat"]
    jobs = tuple(translation(f"slow-{number}", slow) for number in range(3))
    ended: list[str] = []

    def kill_after_the_first(job: Job) -> None:
        ended.append(job.model.model_id)
        if len(ended) == 1:
            (worker,) = workers(tmp_path)
            time.sleep(0.3)  # it is at the next job by now
            worker.kill()

    done = supervise(Batch(jobs), tmp_path, LIMITS, on_end=kill_after_the_first)
    assert ended == ["slow-0", "slow-1", "slow-2"]
    (failure,) = done.failures
    assert failure.job == jobs[1]
    assert failure.reason.startswith("ended by signal SIGKILL, perhaps because")
    runs = landed_runs(tmp_path)
    assert [runs[name]["status"] for name in ended] == ["completed", "failed", "completed"]
    assert len(list((tmp_path / "landing" / "incoming").iterdir())) == 3


def wait_for(condition: Callable[[], Any], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
