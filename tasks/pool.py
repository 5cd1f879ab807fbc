"""Batches on the `gpu` pool: one run of `evaluate/default` a batch, whatever is lost meanwhile."""

import time
from typing import Any
from uuid import UUID, uuid4

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import TERMINAL_STATES, FlowRun
from prefect.deployments import run_deployment
from prefect.exceptions import ObjectNotFound
from prefect.logging import get_run_logger

from proxylm.errors import ProxyLMError
from proxylm.evaluation.contract import Batch
from proxylm.landing import landed_evaluations
from tasks.evaluate import describe
from tasks.server import wait_for_server
from tasks.store import Store, without
from warehouse.home import Home

LOST_TRIES = 3
"""How many machines may be lost with one batch before it is given up until the next refresh."""
POLL_SECONDS = 2.0


def run_on_pool(batches: list[Batch], where: dict[str, str]) -> dict[str, str]:
    """Run the batches on the pool; returns the failed ones with their reasons.

    A run is lost when Prefect calls it crashed (at once where its worker lives, else by the
    automation of `deployments/set_up.py`) or knows it no more. Its batch then goes to another
    machine, and what the lost one has landed is not done again. A run that has landed everything
    has not failed, whatever Prefect says. A server that is away is waited for.
    Raises ServerAway where it does not come back, ProxyLMError without the deployment.
    """
    logger = get_run_logger()
    at_work = {_begin(batch, where): (batch, 1) for batch in batches}
    failures: dict[str, str] = {}
    with get_client(sync_client=True) as client:
        while at_work:
            time.sleep(POLL_SECONDS)
            ended = wait_for_server(lambda: _ended(client, list(at_work)))
            for run_id, run in ended.items():
                batch, tries = at_work.pop(run_id)
                what, name = describe(batch), run.name if run else f"run {run_id}"
                state = run.state if run else None
                if (state and state.is_completed()) or not _left(batch, where).jobs:
                    done = len(batches) - len(at_work) - len(failures)
                    logger.info(f"evaluate: {what} done ({done} of {len(batches)})")
                    continue
                if (state is None or state.is_crashed()) and tries < LOST_TRIES:
                    logger.warning(f"evaluate: {what}: {name} was lost, once more")
                    at_work[_begin(batch, where)] = (batch, tries + 1)
                else:
                    why = f"{state.name}: {state.message}" if state else "is not on the server"
                    failures[what] = f"{name} {why}"
                    logger.error(f"evaluate: {what}: {failures[what]}")
    return failures


def _begin(batch: Batch, where: dict[str, str]) -> UUID:
    parameters = {**where, "batches": [batch.to_json()]}
    once = str(uuid4())  # a request whose answer was lost begins no second run

    def ask() -> Any:
        return run_deployment(
            "evaluate/default", parameters=parameters, timeout=0, idempotency_key=once
        )

    try:
        return UUID(str(wait_for_server(ask).id))
    except ObjectNotFound:
        raise ProxyLMError(
            "the Prefect server has no deployment evaluate/default; `python "
            "deployments/set_up.py` in the checkout makes it"
        ) from None


def _ended(client: SyncPrefectClient, runs: list[UUID]) -> dict[UUID, FlowRun | None]:
    """Those of the runs that have ended; None is one that the server has no record of."""
    these = FlowRunFilterId(any_=runs)
    terminal = FlowRunFilterState(type=FlowRunFilterStateType(any_=list(TERMINAL_STATES)))
    found = client.read_flow_runs(flow_run_filter=FlowRunFilter(id=these, state=terminal))
    ended: dict[UUID, FlowRun | None] = {run.id: run for run in found}
    if client.count_flow_runs(flow_run_filter=FlowRunFilter(id=these)) < len(runs):
        ended |= {run: None for run in runs if not _is_known(client, run)}
    return ended


def _left(batch: Batch, where: dict[str, str]) -> Batch:
    """What of the batch has not landed."""
    if "store" in where:
        return without(batch, Store(where["store"]).landed(batch))
    return without(batch, landed_evaluations(Home.find(where["home"]).incoming))


def _is_known(client: SyncPrefectClient, run: UUID) -> bool:
    try:
        client.read_flow_run(run)
    except ObjectNotFound:
        return False
    return True
