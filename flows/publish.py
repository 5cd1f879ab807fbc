"""Flow `publish`: the board from the newest published copy."""

from prefect import flow

from tasks.alerts import alert
from tasks.publish import Published, publish_task
from tasks.settings import home_path


@flow(name="publish", on_failure=[alert], on_crashed=[alert])
def publish(home: str | None = None) -> Published:
    """Render the board and its data files."""
    published: Published = publish_task(home_path(home))
    return published
