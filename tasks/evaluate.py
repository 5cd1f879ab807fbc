"""Stage `evaluate`: a batch of evaluations in a process of its own.

The process never opens the warehouse: it writes landing files. A batch that hangs is killed with
all its children when its time is over; what it had finished is in the landing folder.
"""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from prefect import task
from prefect.client.schemas.objects import State, TaskRun
from prefect.logging import get_run_logger

from proxylm import __version__
from proxylm.errors import ProxyLMError
from proxylm.evaluation.contract import Batch
from proxylm.identity import digest
from proxylm.landing import landed_evaluations, write_atomically
from tasks.settings import evaluation_seconds, workers
from warehouse.home import Home

JOB_FAILED = 1
"""Exit code of a worker that went through its batch but recorded a failed job."""


class EvaluationCrashed(ProxyLMError):
    """The process of a batch died; what it had finished is in the landing folder."""


def evaluate(batch: str, home: str) -> None:
    """Run what is left of one batch (its JSON) and wait for it.

    Raises EvaluationCrashed when the process dies, and ProxyLMError when its time is over or when
    a job failed (it is recorded as a failed run; the other jobs are done).
    """
    here = Home.find(home)
    left = _not_landed(Batch.from_json(batch), here)
    if not left.jobs:
        return
    name = digest(left.to_json())[:16]
    folder = here.runs / "batches"
    folder.mkdir(exist_ok=True)
    path, log = folder / f"{name}.json", folder / f"{name}.log"
    write_atomically(path, left.to_json().encode())
    threads = max(1, (os.cpu_count() or 1) // workers())
    command = [sys.executable, "-m", "proxylm.evaluation", str(path), "--home", str(here.path)]
    command += ["--threads", str(threads)]
    limit = evaluation_seconds()
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            # Libraries that count the CPUs themselves must not take those of other batches.
            env={
                "PLM_CODE_REVISION": code_revision(),
                **os.environ,
                "OMP_NUM_THREADS": str(threads),
            },
            start_new_session=True,
        )
        try:
            status = process.wait(limit)
        except subprocess.TimeoutExpired:
            raise ProxyLMError(
                f"batch {name} was stopped after {limit:g} s (PLM_EVALUATION_SECONDS); see {log}"
            ) from None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    if status == JOB_FAILED:
        raise ProxyLMError(f"batch {name}: {_tail(log)} (see {log}, and `plm-admin status`)")
    if status:
        raise EvaluationCrashed(f"batch {name} ended with {status}: {_tail(log)} (see {log})")


@cache
def code_revision() -> str:
    """The commit of this checkout, with `+` where it was changed since; else the version."""
    git = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty=+"]
    try:
        done = subprocess.run(git, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return __version__
    return done.stdout.strip()


def _not_landed(batch: Batch, home: Home) -> Batch:
    """The batch without what an earlier try has left in the landing folder."""
    landed = landed_evaluations(home.incoming)
    left = []
    for job in batch.jobs:
        tests = tuple(test for test in job.tests if job.evaluation_key(test) not in landed)
        if tests:
            left.append(replace(job, tests=tests))
    return Batch(tuple(left))


def describe(batch: Batch) -> str:
    """What a batch is, in a few words."""
    evaluations = sum(len(job.tests) for job in batch.jobs)
    return f"{batch.jobs[0].model.model_id}: {len(batch.jobs)} trainings, {evaluations} tests"


def _evaluate_and_log(batch: str, home: str) -> None:
    logger = get_run_logger()
    logger.info(describe(Batch.from_json(batch)))
    evaluate(batch, home)


def _tail(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else "no output"


def _crashed(_task: Any, _run: TaskRun, state: "State[Any]") -> bool:
    return isinstance(state.data, EvaluationCrashed) or "EvaluationCrashed" in (state.message or "")


# A lost process or a full memory may be over on the next try. A failed job would fail again.
evaluate_task: Any = task(
    name="evaluate",
    retries=2,
    retry_delay_seconds=[10, 60],
    retry_jitter_factor=0.5,
    retry_condition_fn=_crashed,
)(_evaluate_and_log)
