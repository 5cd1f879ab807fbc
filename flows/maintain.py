"""Flow `maintain`: backup, data checks, freshness, compaction, clean-up, growth."""

from prefect import flow

from tasks.alerts import alert
from tasks.maintain import Maintained, maintain_task
from tasks.settings import home_path


@flow(name="maintain", on_failure=[alert], on_crashed=[alert])
def maintain(home: str | None = None) -> Maintained:
    """Look after a home. Fails, with all done, where a check finds rows or nothing is loaded."""
    maintained: Maintained = maintain_task(home_path(home))
    return maintained
