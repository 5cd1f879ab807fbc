"""Flow `catalogue`: fetch the texts of new corpora and languages, and register new models."""

from prefect import flow

from tasks.catalogue import Fetched, catalogue_task
from tasks.settings import home_path


@flow(name="catalogue")
def catalogue(home: str | None = None) -> Fetched:
    """Fetch what the catalogue names; `refresh` or `evaluate` then evaluates it."""
    fetched: Fetched = catalogue_task(home_path(home))
    return fetched
