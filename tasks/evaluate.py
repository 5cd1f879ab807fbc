"""Stage `evaluate`: a batch of evaluations in a process of its own.

The process never opens the warehouse: it writes landing files. A batch that hangs is killed with
all its children when its time is over; what it had finished is in the landing folder.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from prefect import task
from prefect.logging import get_run_logger

from proxylm.errors import ProxyLMError
from proxylm.evaluation.contract import Batch
from proxylm.identity import digest
from proxylm.landing import write_atomically
from tasks.settings import evaluation_seconds, workers
from warehouse.home import Home


def evaluate(batch: str, home: str) -> None:
    """Run one batch (its JSON) and wait for it.

    Raises ProxyLMError with the end of its log when the process fails or its time is over.
    """
    here = Home.find(home)
    name = digest(batch)[:16]
    folder = here.runs / "batches"
    folder.mkdir(exist_ok=True)
    path, log = folder / f"{name}.json", folder / f"{name}.log"
    write_atomically(path, batch.encode())
    threads = max(1, (os.cpu_count() or 1) // workers())
    command = [sys.executable, "-m", "proxylm.evaluation", str(path), "--home", str(here.path)]
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    limit = evaluation_seconds()
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
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
    if status:
        raise ProxyLMError(f"batch {name} ended with exit code {status}: {_tail(log)} (see {log})")


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


# A lost machine or a full memory may be over on the next try; finished jobs are not repeated.
evaluate_task: Any = task(
    name="evaluate", retries=2, retry_delay_seconds=[10, 60], retry_jitter_factor=0.5
)(_evaluate_and_log)
