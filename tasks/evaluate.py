"""Stage `evaluate`: a batch of evaluations in a process of its own.

The process never opens the warehouse: it writes landing files. What dies there is recorded as a
failed run, and the rest goes on; see `proxylm/evaluation/supervisor.py`.
"""

import os
import subprocess
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

from prefect import task
from prefect.client.schemas.objects import State, TaskRun
from prefect.logging import get_logger, get_run_logger

from proxylm import __version__
from proxylm.errors import ProxyLMError
from proxylm.evaluation.contract import Batch, Job
from proxylm.evaluation.supervisor import EvaluationCrashed, Limits, Supervised, supervise
from proxylm.landing import landed_evaluations
from tasks.settings import evaluation_bytes, evaluation_seconds, home_path, workers
from tasks.store import Store, StoreAway, without, worker_home
from warehouse.home import Home


def evaluate(batch: str, home: str | None, store: str | None = None) -> None:
    """Run what is left of one batch (its JSON) and wait for it.

    With a `store` this machine needs no home: texts come from there and results go there.
    Raises EvaluationCrashed when the process cannot do any of it, and ProxyLMError when a job
    failed (it is recorded as a failed run; the other jobs are done).
    """
    wanted = Batch.from_json(batch)
    if store is None:
        failures = run_batch(wanted, home_path(home)).failures
    else:
        shared = Store(store)
        with worker_home(wanted, shared) as (left, here):
            on_end = partial(_deliver, shared, wanted, here)
            failures = run_batch(left, str(here.path), on_end=on_end).failures
    if failures:
        job, reason = failures[0]
        more = f", and {len(failures) - 1} more" if len(failures) > 1 else ""
        what = f"{job.model.model_id} {'-'.join(job.languages)}".strip()
        raise ProxyLMError(f"{what} failed: {reason}{more} (`plm-admin status` shows them)")


def run_batch(
    batch: Batch,
    home: str,
    device: str = "auto",
    budget_seconds: float | None = None,
    on_end: Callable[[Job], None] | None = None,
) -> Supervised:
    """Run what is left of a batch under supervision, see `supervisor.supervise`."""
    here = Home.find(home)
    left = without(batch, landed_evaluations(here.incoming))  # what an earlier try has left
    threads = max(1, (os.cpu_count() or 1) // workers())
    return supervise(
        left,
        here.path,
        Limits(evaluation_seconds(), evaluation_bytes()),
        threads=threads,
        device=device,
        budget_seconds=budget_seconds,
        # Libraries that count the CPUs themselves must not take those of other batches.
        environment={
            "PLM_CODE_REVISION": code_revision(),
            **os.environ,
            "OMP_NUM_THREADS": str(threads),
        },
        on_end=on_end,
    )


@cache
def code_revision() -> str:
    """The commit of this checkout, with `+` where it was changed since; else the version."""
    git = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty=+"]
    try:
        done = subprocess.run(git, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return __version__
    return done.stdout.strip()


def _deliver(store: Store, batch: Batch, home: Home, _job: Job) -> None:
    """After each job: a machine that is lost takes only the job it was at with it.

    A store that is away stops no evaluation: the next call delivers this job's files, too.
    """
    try:
        store.deliver(batch, home)
    except StoreAway as error:
        get_logger("evaluate").warning(f"{error}; delivered later")


def describe(batch: Batch) -> str:
    """What a batch is, in a few words."""
    evaluations = sum(len(job.tests) for job in batch.jobs)
    return f"{batch.jobs[0].model.model_id}: {len(batch.jobs)} trainings, {evaluations} tests"


def _evaluate_and_log(batch: str, home: str | None, store: str | None = None) -> None:
    logger = get_run_logger()
    logger.info(describe(Batch.from_json(batch)))
    evaluate(batch, home, store)


def _crashed(_task: Any, _run: TaskRun, state: "State[Any]") -> bool:
    return isinstance(state.data, EvaluationCrashed) or "EvaluationCrashed" in (state.message or "")


# A worker that cannot even begin may be able to on the next try. A failed job is tried again by
# the next refresh.
evaluate_task: Any = task(
    name="evaluate",
    retries=2,
    retry_delay_seconds=[10, 60],
    retry_jitter_factor=0.5,
    retry_condition_fn=_crashed,
)(_evaluate_and_log)
