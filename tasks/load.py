"""Stage `load`: landing files into the warehouse."""

from typing import Any

from prefect import task
from prefect.client.schemas.objects import State, TaskRun

from tasks.settings import LOCK_RETRIES, busy
from tasks.store import Store, StoreAway
from warehouse.home import Home
from warehouse.loader import LoadReport, load_landing


def load(home: str) -> LoadReport:
    """Load what lies in `landing/incoming`; publishes a copy if something changed.

    With PLM_STORE what workers have left there is collected first; StoreAway where it is away.
    """
    here = Home.find(home)
    store = Store.from_environment()
    if store is not None:
        store.collect(here)
    return load_landing(here)


def _busy_or_away(what: Any, run: TaskRun, state: "State[Any]") -> bool:
    away = isinstance(state.data, StoreAway) or "StoreAway" in (state.message or "")
    return away or busy(what, run, state)


load_task = task(name="load", retry_condition_fn=_busy_or_away, **LOCK_RETRIES)(load)
