"""Flow `maintain`: back up the warehouse and check its data."""

from prefect import flow

from tasks.alerts import alert
from tasks.maintain import Maintained, maintain_task
from tasks.settings import home_path


@flow(name="maintain", on_failure=[alert], on_crashed=[alert])
def maintain(home: str | None = None) -> Maintained:
    """A verified backup and the data checks. Fails where a check finds rows."""
    maintained: Maintained = maintain_task(home_path(home))
    return maintained
