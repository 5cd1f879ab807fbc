"""Flow `evaluate`: the fan-out of evaluation batches, here or on the machines of the `gpu` pool.

With PLM_STORE these machines share nothing but that store; else they share the home folder.
"""

import os

from prefect import flow
from prefect.futures import as_completed
from prefect.logging import get_run_logger

from proxylm.errors import ProxyLMError
from proxylm.evaluation.contract import Batch
from tasks.evaluate import describe, evaluate_task
from tasks.plan import plan_task
from tasks.pool import run_on_pool
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
        return run_on_pool(batches, {"home": home} if store is None else {"store": store})
    return _fan_out(batches, home, store)


def _fan_out(batches: list[Batch], home: str | None, store: str | None) -> dict[str, str]:
    """Run batches through the flow's task runner; the failed ones with their reasons.

    One failed batch must not stop the others, nor what can be predicted without it. Where a batch
    kills its workers Dask gives up those that waited at them, too: each is run once more, alone.
    """
    logger = get_run_logger()
    failures, lost = _run(batches, home, store)
    for batch, reason in lost:
        logger.warning(f"evaluate: {describe(batch)}: {reason}; once more, alone")
        again, lost_again = _run([batch], home, store)
        failures |= again | {describe(batch): why for _, why in lost_again}
    for what, reason in failures.items():
        logger.error(f"evaluate: {what} failed: {reason}")
    return failures


def _run(
    batches: list[Batch], home: str | None, store: str | None
) -> tuple[dict[str, str], list[tuple[Batch, str]]]:
    """The failed batches, and those that were lost with their workers, with the reasons."""
    logger = get_run_logger()
    futures = {evaluate_task.submit(batch.to_json(), home, store): batch for batch in batches}
    failures, lost = {}, []
    for done, future in enumerate(as_completed(list(futures)), start=1):
        batch = futures[future]
        try:
            outcome = future.result(raise_on_failure=False)
        except Exception as error:  # the runner's own, Dask's KilledWorker
            lost.append((batch, str(error)))
            continue
        if isinstance(outcome, BaseException):
            failures[describe(batch)] = str(outcome)
        else:
            logger.info(f"evaluate: {describe(batch)} done ({done} of {len(batches)})")
    return failures, lost
