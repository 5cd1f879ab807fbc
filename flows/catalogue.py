"""Flow `catalogue`: ask the sources what is new, fetch the texts of new corpora and languages.

New models are registered, too. A source that cannot be asked stops nothing else; the run fails at
the end, so that an automation can tell somebody.
"""

from prefect import flow
from prefect.logging import get_run_logger

from proxylm.errors import ProxyLMError
from tasks.alerts import alert
from tasks.catalogue import Fetched, catalogue_task
from tasks.settings import home_path
from tasks.sources import sources_task


@flow(name="catalogue", on_failure=[alert], on_crashed=[alert])
def catalogue(home: str | None = None) -> Fetched:
    """Fetch what is new; `refresh` or `evaluate` then evaluates what was admitted."""
    logger = get_run_logger()
    path = home_path(home)
    asked = sources_task(path)
    logger.info(
        f"sources: {asked.sources} asked in {asked.requests} requests ({asked.unchanged} "
        f"unchanged, {asked.retries} retries), {len(asked.admitted)} admitted, {asked.open} "
        "proposals wait for a person"
    )
    for name, reason in asked.failures.items():
        logger.error(f"sources: {name!r}: {reason}")
    fetched: Fetched = catalogue_task(path)
    for corpus, reason in fetched.waiting.items():
        logger.warning(f"catalogue: {corpus} waits: {reason}")
    if asked.failures:
        raise ProxyLMError(f"sources that failed: {', '.join(asked.failures)}")
    return fetched
