"""Flow `evaluate`: the fan-out of evaluation batches, here or on the `gpu` pool."""

import os
from typing import Any

from prefect import flow
from prefect.deployments import run_deployment
from prefect.futures import as_completed
from prefect.logging import get_run_logger

from proxylm.errors import ProxyLMError
from proxylm.evaluation.contract import Batch
from tasks.evaluate import describe, evaluate_task
from tasks.plan import plan_task
from tasks.settings import home_path, task_runner


@flow(name="evaluate", task_runner=task_runner())
def evaluate(home: str | None = None, batches: list[str] | None = None) -> int:
    """Run `batches` (JSON), or all that the plan finds missing; returns how many.

    Writes landing files only; loading them is left to `refresh` on the warehouse's machine.
    Raises ProxyLMError at the end, with the reasons, when some failed.
    """
    path = home_path(home)
    found = plan_task(path).batches if batches is None else [Batch.from_json(b) for b in batches]
    failures = _fan_out(found, path)
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
    if os.environ.get("PLM_EVALUATE") != "pool":
        return _fan_out(batches, home)
    run: Any = run_deployment(
        "evaluate/default",
        parameters={"home": home, "batches": [batch.to_json() for batch in batches]},
    )
    if not run.state.is_completed():
        return {"evaluate/default": f"{run.name} ended as {run.state.name}: {run.state.message}"}
    return {}


def _fan_out(batches: list[Batch], home: str) -> dict[str, str]:
    logger = get_run_logger()
    futures = {evaluate_task.submit(batch.to_json(), home): batch for batch in batches}
    failures = {}
    for done, future in enumerate(as_completed(list(futures)), start=1):
        batch = futures[future]
        # One failed batch must not stop the others, nor what can be predicted without it.
        outcome = future.result(raise_on_failure=False)
        if isinstance(outcome, BaseException):
            failures[describe(batch)] = str(outcome)
            logger.error(f"evaluate: {describe(batch)} failed: {outcome}")
        else:
            logger.info(f"evaluate: {describe(batch)} done ({done} of {len(batches)})")
    return failures
