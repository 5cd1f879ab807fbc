"""Two machines that share only a store and the Prefect server, and one of them is lost."""

import contextlib
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psutil
import pyarrow.parquet as pq
import pytest

from tasks.catalogue import fetch_catalogue
from tasks.load import load
from tasks.plan import plan
from tests.flows.test_server import CHECKOUT, free_port
from tests.toy import add_toys
from warehouse.home import Home

pytestmark = [pytest.mark.slow, pytest.mark.server, pytest.mark.timeout(1200)]
START_SECONDS = 240
ASKED = 0.65
"""Time on two machines over time on one."""

RUN = """
import json, sys
from prefect import flow
from flows.evaluate import run_batches
from proxylm.evaluation.contract import Batch
home, batches = sys.argv[1], json.loads(open(sys.argv[2]).read())
failures = flow(run_batches)([Batch.from_json(b) for b in batches], home)
print(json.dumps(failures))
"""


class Machines:
    """A server, and workers of the `gpu` pool without a home."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        port = free_port()
        self.environment = {
            **os.environ,
            "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
            "PREFECT_HOME": str(folder / "owner"),
            "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
            "PREFECT_LOGGING_LEVEL": "WARNING",
            "PLM_EVALUATE": "pool",
            "PLM_STORE": str(folder / "store"),
            "PLM_WORKERS": "1",
            "OMP_NUM_THREADS": "1",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PWD": str(CHECKOUT),
        }
        self._started: list[psutil.Popen] = []
        self.start("server", "server", "start", "--host", "127.0.0.1", "--port", str(port))

    def begin(self) -> None:
        """Wait for the server, then make pools, deployment and automation."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            assert time.monotonic() < deadline, self.said("server")
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{self.environment['PREFECT_API_URL']}/health").close()
                break
            time.sleep(0.2)
        self.prefect("work-pool", "create", "gpu", "--type", "process")
        self.prefect("work-pool", "create", "plm", "--type", "process")
        self.prefect("--no-prompt", "deploy", "--name", "evaluate/default")
        self.python(str(CHECKOUT / "deployments" / "automations.py"))

    def start(self, name: str, *arguments: str, **extra: str) -> psutil.Popen:
        with (self._folder / f"{name}.log").open("wb") as output:
            process = psutil.Popen(
                [sys.executable, "-m", "prefect", *arguments],
                env={**self.environment, **extra},
                cwd=CHECKOUT,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self._started.append(process)
        return process

    def said(self, name: str) -> str:
        return (self._folder / f"{name}.log").read_text(errors="replace")

    def worker(self, name: str) -> psutil.Popen:
        own = {"PREFECT_HOME": str(self._folder / name), "PLM_HOME": str(self._folder / "nowhere")}
        return self.start(name, "worker", "start", "--pool", "gpu", "--limit", "1", **own)

    def prefect(self, *arguments: str) -> None:
        self.python("-m", "prefect", *arguments)

    def python(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments],
            env=self.environment,
            cwd=CHECKOUT,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def end(self) -> None:
        for process in reversed(self._started):
            kill(process)


def kill(process: psutil.Popen) -> None:
    """SIGKILL to a process and all it started, as when a machine goes away."""
    if process.is_running():
        for one in [process, *process.children(recursive=True)]:
            one.kill()
    process.wait()


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[Machines]:
    made = Machines(tmp_path)
    try:
        made.begin()
        yield made
    finally:
        made.end()


def begin(machines: Machines, home: Home, models: range) -> "subprocess.Popen[str]":
    """Hand the batches of some of the toys to the pool."""
    path = home.path / "batches.json"
    names = {f"toy-{m}" for m in models}
    batches = [b for b in plan(str(home.path)).batches if b.jobs[0].model.model_id in names]
    path.write_text(json.dumps([batch.to_json() for batch in batches]))
    return subprocess.Popen(
        [sys.executable, "-c", RUN, str(home.path), str(path)],
        env=machines.environment,
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        text=True,
    )


def evaluations(store: Path) -> Counter[str]:
    """How often each evaluation has landed in the store."""
    return Counter(
        row["evaluation_key"]
        for path in store.glob("landing/*/*.parquet")
        for row in pq.read_table(path)["evaluations"].to_pylist()
        if row
    )


def ended(run: "subprocess.Popen[str]") -> dict[str, str]:
    """The failures of what `begin` began."""
    failures: dict[str, str] = json.loads(run.communicate()[0].splitlines()[-1])
    return failures


def test_the_batch_of_a_lost_machine_goes_to_another(
    machines: Machines, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = add_toys(home, models=2, cpu_seconds=2)
    fetch_catalogue(str(home.path))
    store = tmp_path / "store"
    machines.worker("first")
    second = machines.worker("second")
    run = begin(machines, home, range(2))
    while len(evaluations(store)) < 2 or not second.children(recursive=True):
        assert run.poll() is None
        time.sleep(0.2)
    kill(second)
    assert ended(run) == {}
    assert set(evaluations(store).values()) == {1}

    monkeypatch.setenv("PLM_STORE", str(store))
    report = load(str(home.path))
    assert (report.evaluations, report.repeated) == (wanted, 0)
    assert plan(str(home.path)).missing == 0


def test_two_machines_are_faster_than_one(machines: Machines, home: Home) -> None:
    add_toys(home, models=4, cpu_seconds=5)
    fetch_catalogue(str(home.path))
    machines.worker("first")
    begun = time.monotonic()
    assert ended(begin(machines, home, range(2))) == {}
    one = time.monotonic() - begun

    machines.worker("second")
    while "started" not in machines.said("second"):
        time.sleep(0.2)
    begun = time.monotonic()
    assert ended(begin(machines, home, range(2, 4))) == {}
    two = time.monotonic() - begun
    sys.stderr.write(f"one machine {one:.0f} s, two {two:.0f} s: {two / one:.2f}\n")
    assert two <= ASKED * one
