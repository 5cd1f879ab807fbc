"""Settings that several stages share: retries, the task runner, time limits.

Read from the environment when a flow starts, so that the same flow runs on one machine or many.
"""

import os
from contextlib import AbstractContextManager
from typing import Any

import psutil
from prefect.client.schemas.objects import State, TaskRun
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner
from prefect.tasks import Task

from proxylm.errors import BusyError, UsageError
from warehouse import lock
from warehouse.home import Home

LOCK_RETRIES: dict[str, Any] = {"retries": 3, "retry_delay_seconds": [5, 20, 60]}
"""For stages that write: a busy warehouse is the one failure that waiting mends."""


def busy(_task: "Task[..., Any]", _run: TaskRun, state: "State[Any]") -> bool:
    """Whether a failed task found the warehouse held by another process."""
    return isinstance(state.data, BusyError) or "BusyError" in (state.message or "")


def home_path(home: str | None) -> str:
    """The home folder a flow works on: its parameter, else PLM_HOME, else ./plm."""
    return str(Home.find(home).path)


def alone(home: str, purpose: str) -> AbstractContextManager[None]:
    """Be the only process at `purpose` in `home`, see `warehouse.lock.alone`."""
    return lock.alone(Home.find(home), purpose)


def workers() -> int:
    """Evaluations that run at the same time on this machine: PLM_WORKERS, else its CPUs."""
    return int(os.environ.get("PLM_WORKERS") or os.cpu_count() or 1)


def evaluation_seconds() -> float:
    """Time limit of one training with its tests: PLM_EVALUATION_SECONDS, else six hours."""
    return float(os.environ.get("PLM_EVALUATION_SECONDS") or 6 * 3600)


def evaluation_bytes() -> int:
    """Memory one worker may take: PLM_EVALUATION_MEMORY_BYTES, else its share of 85 %."""
    given = os.environ.get("PLM_EVALUATION_MEMORY_BYTES")
    return int(given) if given else int(0.85 * psutil.virtual_memory().total / workers())


def task_runner() -> "TaskRunner[Any]":
    """Where the fan-out runs: PLM_RUNNER, `threads` (default), `dask://host:port`, `ray://...`."""
    name = os.environ.get("PLM_RUNNER", "threads")
    if name == "threads":
        return ThreadPoolTaskRunner(max_workers=workers())
    if name.startswith("dask://"):
        from prefect_dask import DaskTaskRunner

        dask: TaskRunner[Any] = DaskTaskRunner(address=name.replace("dask://", "tcp://", 1))
        return dask
    if name.startswith("ray://"):
        from prefect_ray import RayTaskRunner

        ray: TaskRunner[Any] = RayTaskRunner(address=name)
        return ray
    raise UsageError(f"PLM_RUNNER is {name!r}; use threads, dask://host:port or ray://host:port")
