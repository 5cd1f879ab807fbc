"""Makes the automation that finds lost machines, on the server at PREFECT_API_URL.

A flow run whose machine is gone stays `Running`. With PREFECT_FLOWS_HEARTBEAT_FREQUENCY set for the
workers (serve.py, compose.yaml, the units and manifests here do so) each run says every 30 s that
it is there; when it has said nothing for three times as long it is called crashed, and `refresh`
gives its batch to another machine. Run it once; it replaces what it made before.

    python deployments/automations.py
"""

import contextlib
from datetime import timedelta

from prefect.automations import Automation
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState
from prefect.events.schemas.automations import EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification

NAME = "Call runs of lost machines crashed"
HEARTBEAT_SECONDS = 30
"""The least that Prefect accepts."""
SILENT_SECONDS = 3 * HEARTBEAT_SECONDS


def make() -> None:
    """The automation, in place of an earlier one of its name."""
    ends = {f"prefect.flow-run.{name}" for name in ("Completed", "Failed", "Cancelled", "Crashed")}
    wanted = Automation(
        name=NAME,
        trigger=EventTrigger(
            after={"prefect.flow-run.heartbeat"},
            expect={"prefect.flow-run.heartbeat", *ends},
            match=ResourceSpecification({"prefect.resource.id": ["prefect.flow-run.*"]}),
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=timedelta(seconds=SILENT_SECONDS),
        ),
        actions=[ChangeFlowRunState(state=StateType.CRASHED, message="Its machine was lost.")],
    )
    with contextlib.suppress(ValueError):  # there is none yet
        Automation.read(name=NAME).delete()
    wanted.create()


if __name__ == "__main__":
    make()
    print(f"made: {NAME}, after {SILENT_SECONDS} s without a sign")
