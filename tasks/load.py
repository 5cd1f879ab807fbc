"""Stage `load`: landing files into the warehouse."""

from prefect import task

from tasks.settings import LOCK_RETRIES, busy
from tasks.store import Store
from warehouse.home import Home
from warehouse.loader import LoadReport, load_landing


def load(home: str) -> LoadReport:
    """Load what lies in `landing/incoming`; publishes a copy if something changed.

    With PLM_STORE what workers have left there is collected first.
    """
    here = Home.find(home)
    store = Store.from_environment()
    if store is not None:
        store.collect(here)
    return load_landing(here)


load_task = task(name="load", retry_condition_fn=busy, **LOCK_RETRIES)(load)
