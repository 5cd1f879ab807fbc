"""Makes what the flows need on the server at PREFECT_API_URL: pools, deployments, an automation.

Type it once in the checkout, and again after an upgrade; what it made before is replaced.

    python deployments/set_up.py

The automation finds lost machines. A flow run whose machine is gone stays `Running`. With
PREFECT_FLOWS_HEARTBEAT_FREQUENCY set for the workers (serve.py and settings.env do so) each run
says every 30 s that it is there; when it has said nothing for three times as long it is called
crashed, and `refresh` gives its batch to another machine.
"""

import contextlib
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import httpx
from prefect.automations import Automation
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState
from prefect.events.schemas.automations import EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification

CHECKOUT = Path(__file__).resolve().parent.parent
POOLS = {"plm": 1, "gpu": None}
"""Work pools and how many runs they take at once; `gpu` takes one a worker."""
AUTOMATION = "Call runs of lost machines crashed"
HEARTBEAT_SECONDS = 30
"""The least that Prefect accepts."""
SILENT_SECONDS = 3 * HEARTBEAT_SECONDS


def main() -> None:
    """Pools, deployments and automation. Raises SystemExit with what Prefect says."""
    if not os.environ.get("PREFECT_API_URL"):
        raise SystemExit("set PREFECT_API_URL to the server's address, http://HOST:4200/api")
    check_access()
    for pool, limit in POOLS.items():
        _prefect("work-pool", "create", pool, "--type", "process", "--overwrite")
        if limit is not None:
            _prefect("work-pool", "set-concurrency-limit", pool, str(limit))
    _prefect("--no-prompt", "deploy", "--all")
    make_automation()
    print(f"made: pools {', '.join(POOLS)}, the deployments of prefect.yaml, and the automation")
    print(f"  {AUTOMATION!r}, after {SILENT_SECONDS} s without a sign")


def check_access() -> None:
    """Raises SystemExit with the way on where the server does not answer or does not let us in."""
    url = os.environ["PREFECT_API_URL"]
    try:
        with get_client(sync_client=True) as client:
            client.read_work_pools(limit=1)
    except httpx.HTTPStatusError as error:
        status = error.response.status_code
        remedy = (
            "set PREFECT_API_AUTH_STRING to the server's" if status == 401 else "is it Prefect?"
        )
        raise SystemExit(f"{url} answers {status}; {remedy}") from None
    except httpx.HTTPError as error:
        raise SystemExit(
            f"{url} does not answer ({error}); start the server with `prefect server start`, "
            "or set PREFECT_API_URL to its address"
        ) from None


def _prefect(*arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "prefect", *arguments],
        env={**os.environ, "PWD": str(CHECKOUT)},  # prefect.yaml takes the flows' folder from it
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SystemExit(f"prefect {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")


def make_automation() -> None:
    """The automation, in place of an earlier one of its name."""
    ends = {f"prefect.flow-run.{name}" for name in ("Completed", "Failed", "Cancelled", "Crashed")}
    wanted = Automation(
        name=AUTOMATION,
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
        Automation.read(name=AUTOMATION).delete()
    wanted.create()


if __name__ == "__main__":
    main()
