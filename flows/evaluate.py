"""Flow `evaluate`: the fan-out of evaluation batches, here or on the machines of the `gpu` pool.

With PLM_STORE these machines share nothing but that store; else they share the home folder.
"""

import os
import time
from typing import Any
from uuid import UUID

from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import TERMINAL_STATES
from prefect.deployments import run_deployment
from prefect.futures import as_completed
from prefect.logging import get_run_logger

from proxylm.errors import ProxyLMError
from proxylm.evaluation.contract import Batch
from tasks.evaluate import describe, evaluate_task
from tasks.plan import plan_task
from tasks.settings import home_path, task_runner
from tasks.store import send_all


@flow(name="evaluate", task_runner=task_runner())
def evaluate(
    home: str | None = None, batches: list[str] | None = None, store: str | None = None
) -> int:
    """Run `batches` (JSON), or all that the plan finds missing; returns how many.

    Writes landing files only, with `store` (which goes with batches) to that; loading them is left
    to `refresh` on the warehouse's machine.
    Raises ProxyLMError at the end, with the reasons, when some failed.
    """
    path = home if store else home_path(home)
    found = plan_task(path).batches if batches is None else [Batch.from_json(b) for b in batches]
    failures = _fan_out(found, path, store)
    if failures:
        reasons = "; ".join(f"{batch}: {reason}" for batch, reason in failures.items())
        raise ProxyLMError(f"{len(failures)} of {len(found)} batches failed: {reasons}")
    return len(found)


def run_batches(batches: list[Batch], home: str) -> dict[str, str]:
    """Run batches through this flow's task runner, or with PLM_EVALUATE=pool on the `gpu` pool.

    Returns the failed ones with their reasons.
    """
    if not batches:
        return {}
    store = send_all(batches, home)
    if os.environ.get("PLM_EVALUATE") == "pool":
        return _on_pool(batches, {"home": home} if store is None else {"store": store})
    return _fan_out(batches, home, store)


LOST_TRIES = 3
"""How many machines may be lost with one batch before it is given up until the next refresh."""
POLL_SECONDS = 2.0


def _on_pool(batches: list[Batch], where: dict[str, str]) -> dict[str, str]:
    """One run of `evaluate/default` a batch; the batch of a machine that is lost goes to another.

    A run is lost when Prefect calls it crashed: at once where its worker lives, else by the
    automation of `deployments/set_up.py`. What the lost one has landed is not done again.
    """
    logger = get_run_logger()
    at_work = {_begin(batch, where): (batch, 1) for batch in batches}
    failures = {}
    with get_client(sync_client=True) as client:
        while at_work:
            time.sleep(POLL_SECONDS)
            ended = FlowRunFilter(
                id=FlowRunFilterId(any_=list(at_work)),
                state=FlowRunFilterState(
                    type=FlowRunFilterStateType(any_=list(TERMINAL_STATES)),
                ),
            )
            for run in client.read_flow_runs(flow_run_filter=ended):
                state = run.state
                assert state is not None
                batch, tries = at_work.pop(run.id)
                if state.is_crashed() and tries < LOST_TRIES:
                    logger.warning(f"evaluate: {describe(batch)}: {run.name} was lost, once more")
                    at_work[_begin(batch, where)] = (batch, tries + 1)
                elif not state.is_completed():
                    failures[describe(batch)] = f"{run.name} {state.name}: {state.message}"
                    logger.error(f"evaluate: {describe(batch)}: {failures[describe(batch)]}")
    return failures


def _begin(batch: Batch, where: dict[str, str]) -> UUID:
    parameters = {**where, "batches": [batch.to_json()]}
    run: Any = run_deployment("evaluate/default", parameters=parameters, timeout=0)
    return UUID(str(run.id))


def _fan_out(batches: list[Batch], home: str | None, store: str | None) -> dict[str, str]:
    logger = get_run_logger()
    futures = {evaluate_task.submit(batch.to_json(), home, store): batch for batch in batches}
    failures = {}
    for done, future in enumerate(as_completed(list(futures)), start=1):
        batch = futures[future]
        # One failed batch must not stop the others, nor what can be predicted without it.
        try:
            outcome = future.result(raise_on_failure=False)
        except Exception as error:  # Dask's, once so many workers were lost with it
            outcome = error
        if isinstance(outcome, BaseException):
            failures[describe(batch)] = str(outcome)
            logger.error(f"evaluate: {describe(batch)} failed: {outcome}")
        else:
            logger.info(f"evaluate: {describe(batch)} done ({done} of {len(batches)})")
    return failures
