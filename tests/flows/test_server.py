"""The real thing: a Prefect server, pools, deployments, a worker, and runs that Prefect starts."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from warehouse.database import reading
from warehouse.home import Home

CHECKOUT = Path(__file__).resolve().parents[2]
START_SECONDS = 240
pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.timeout(600)]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Served:
    """What `make serve` brought up."""

    def __init__(self, url: str, environment: dict[str, str]) -> None:
        self.url = url
        self.environment = environment

    def prefect(self, *arguments: str, seconds: float = 300) -> str:
        """Run the `prefect` command against the server."""
        done = subprocess.run(
            [sys.executable, "-m", "prefect", *arguments],
            env=self.environment,
            cwd=CHECKOUT,
            capture_output=True,
            text=True,
            timeout=seconds,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """Ask the server's API."""
        request = urllib.request.Request(
            self.url + path,
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)


@pytest.fixture
def served(tiny_home: Home, tmp_path: Path) -> Iterator[Served]:
    port = free_port()
    url = f"http://127.0.0.1:{port}/api"
    environment = {
        **os.environ,
        "PLM_HOME": str(tiny_home.path),
        "PLM_PORT": str(port),
        "PLM_EVALUATE": "pool",  # refresh hands its batches to the gpu pool's worker
        "PREFECT_HOME": str(tmp_path / "prefect"),
        "PREFECT_LOGGING_LEVEL": "WARNING",
        "NO_COLOR": "1",
    }
    log = tmp_path / "serve.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, str(CHECKOUT / "deployments" / "serve.py")],
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=tmp_path,
        )
    deadline = time.monotonic() + START_SECONDS
    while "ready:" not in log.read_text():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.2)
    yield Served(url, {**environment, "PREFECT_API_URL": url})
    process.terminate()
    assert process.wait(90) == 0


def board(home: Home) -> list[tuple[Any, ...]]:
    with reading(home) as connection:
        return connection.execute(
            "SELECT status, count(*) FROM leaderboard GROUP BY ALL ORDER BY ALL"
        ).fetchall()


def test_a_deployment_runs_by_command_and_by_schedule(served: Served, tiny_home: Home) -> None:
    deployments = served.post("/deployments/filter", {})
    names = {deployment["entrypoint"].split(":")[1] for deployment in deployments}
    assert names == {"refresh", "catalogue", "evaluate", "retrain", "publish", "maintain"}
    scheduled = {d["entrypoint"] for d in deployments if d["schedules"]}
    assert "flows/refresh.py:refresh" in scheduled
    assert all(s["active"] for d in deployments for s in d["schedules"])

    assert board(tiny_home) == []
    output = served.prefect("deployment", "run", "refresh/default", "--watch")
    assert "Completed" in output
    runs = served.post("/flow_runs/filter", {"flows": {"name": {"any_": ["refresh"]}}})
    finished = [run for run in runs if run["state_type"] == "COMPLETED"]
    assert len(finished) == 1
    fanned_out = served.post("/flow_runs/filter", {"flows": {"name": {"any_": ["evaluate"]}}})
    assert {run["state_type"] for run in fanned_out} == {"COMPLETED"}  # one run a batch
    assert board(tiny_home) == [("observed", 20), ("predicted", 5)]
    assert (tiny_home.site / "index.html").is_file()
    artifacts = served.post("/artifacts/filter", {"artifacts": {"key": {"any_": ["leaderboard"]}}})
    assert len(json.loads(artifacts[0]["data"])) == 25

    # A schedule seconds ahead: the scheduler, not a person, starts the run.
    publish = next(d for d in deployments if d["entrypoint"].endswith(":publish"))
    before = (tiny_home.site / "index.html").stat().st_mtime_ns
    served.prefect("deployment", "schedule", "create", "publish/default", "--interval", "15")
    deadline = time.monotonic() + 120
    while True:
        runs = served.post(
            "/flow_runs/filter",
            {
                "flow_runs": {
                    "deployment_id": {"any_": [publish["id"]]},
                    "state": {"type": {"any_": ["COMPLETED"]}},
                }
            },
        )
        if any(run["auto_scheduled"] for run in runs):
            break
        assert time.monotonic() < deadline, "no scheduled run of publish/default was completed"
        time.sleep(1)
    assert (tiny_home.site / "index.html").stat().st_mtime_ns > before


def test_every_deployment_names_a_flow_that_exists() -> None:
    blocks = yaml.safe_load((CHECKOUT / "prefect.yaml").read_text())["deployments"]
    for block in blocks:
        path, function = block["entrypoint"].split(":")
        assert Path(path).stem == function
        assert f"def {function}(" in (CHECKOUT / path).read_text()
    assert {Path(b["entrypoint"].split(":")[0]).name for b in blocks} == {
        path.name for path in (CHECKOUT / "flows").glob("*.py") if path.name != "__init__.py"
    }
