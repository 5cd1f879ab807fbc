"""Stage `load`: landing files into the warehouse."""

from prefect import task

from tasks.settings import LOCK_RETRIES, busy
from warehouse.home import Home
from warehouse.loader import LoadReport, load_landing


def load(home: str) -> LoadReport:
    """Load what lies in `landing/incoming`; publishes a copy if something changed."""
    return load_landing(Home.find(home))


load_task = task(name="load", retry_condition_fn=busy, **LOCK_RETRIES)(load)
