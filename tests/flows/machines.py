"""Machines that share only a store and the Prefect server, for tests that lose one."""

import contextlib
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Self

import psutil
import pyarrow.parquet as pq
import pytest

from tasks.catalogue import fetch_catalogue
from tasks.load import load
from tasks.plan import plan
from tests.flows.test_server import CHECKOUT, free_port
from tests.toy import add_toys
from warehouse.home import Home

START_SECONDS = 240

RUN = """
import json, sys
from prefect import flow
from flows.evaluate import run_batches
from proxylm.evaluation.contract import Batch
from tasks.settings import task_runner
home, batches = sys.argv[1], json.loads(open(sys.argv[2]).read())
failures = flow(task_runner=task_runner())(run_batches)([Batch.from_json(b) for b in batches], home)
print(json.dumps(failures))
"""


class Machines:
    """A server, an owner with a home, and workers that share a store with it and nothing else."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        port = free_port()
        self.environment = {
            **os.environ,
            "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
            "PREFECT_HOME": str(folder / "owner"),
            "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
            "PREFECT_LOGGING_LEVEL": "WARNING",
            "PLM_STORE": str(folder / "store"),
            "PLM_WORKERS": "1",
            "OMP_NUM_THREADS": "1",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }
        self._started: list[psutil.Popen] = []
        self.serve()

    def serve(self) -> None:
        """The server, at its address: also once more, with the database it had."""
        port = self.environment["PREFECT_API_URL"].split(":")[-1].removesuffix("/api")
        serve = ["server", "start", "--host", "127.0.0.1", "--port", port]
        self.server = self.start("server", "prefect", *serve)

    def wait(self) -> None:
        """Until the server answers."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            assert time.monotonic() < deadline, self.said("server")
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{self.environment['PREFECT_API_URL']}/health").close()
                break
            time.sleep(0.2)

    def make_pools(self) -> None:
        """Pools, deployments and automation; batches go to the pool `gpu`."""
        self.environment["PLM_EVALUATE"] = "pool"
        self.python(str(CHECKOUT / "deployments" / "set_up.py"))

    def start(self, name: str, module: str, *arguments: str) -> psutil.Popen:
        """A process of a machine of that name, which has folders of its own."""
        own = self._folder / name
        own.mkdir(exist_ok=True)
        extra = {"PREFECT_HOME": str(own), "PLM_HOME": str(own / "none"), "TMPDIR": str(own)}
        with (self._folder / f"{name}.log").open("wb") as output:
            process = psutil.Popen(
                [sys.executable, "-m", module, *arguments],
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
        """A worker of the pool `gpu`."""
        return self.start(name, "prefect", "worker", "start", "--pool", "gpu", "--limit", "1")

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

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        for process in reversed(self._started):
            kill(process)


def kill(process: psutil.Popen) -> None:
    """SIGKILL to a process and all it started, as when a machine goes away."""
    if process.is_running():
        for one in [process, *process.children(recursive=True)]:
            one.kill()
    process.wait()


def hand_out(
    machines: Machines, home: Home, models: range | None = None
) -> "subprocess.Popen[str]":
    """Let the owner hand out what is planned, or the batches of some of the toys."""
    path = home.path / "batches.json"
    names = None if models is None else {f"toy-{m}" for m in models}
    batches = [
        batch
        for batch in plan(str(home.path)).batches
        if names is None or batch.jobs[0].model.model_id in names
    ]
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
    """The failures of what `hand_out` began."""
    failures: dict[str, str] = json.loads(run.communicate()[0].splitlines()[-1])
    return failures


def evaluating(worker: psutil.Popen) -> bool:
    """Whether it is in the middle of a batch."""
    return any(
        "proxylm.evaluation" in process.cmdline() for process in worker.children(recursive=True)
    )


def lose_one(
    machines: Machines,
    home: Home,
    at_work: Callable[[psutil.Popen], bool],
    monkeypatch: pytest.MonkeyPatch,
    languages: int = 8,
) -> None:
    """Kill one of two workers in the middle of a batch: all is there once, and nothing is missing.

    `at_work` says whether a worker is in the middle of one.
    """
    wanted = add_toys(home, models=2, languages=languages, cpu_seconds=2)
    fetch_catalogue(str(home.path))
    store = Path(machines.environment["PLM_STORE"])
    machines.worker("first")
    second = machines.worker("second")
    run = hand_out(machines, home)
    while len(evaluations(store)) < 2 or not at_work(second):
        assert run.poll() is None
        assert second.poll() is None, machines.said("second")
        time.sleep(0.2)
    kill(second)
    assert ended(run) == {}
    all_there_once(machines, home, wanted, monkeypatch)


def all_there_once(
    machines: Machines, home: Home, wanted: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every evaluation has landed once, and the owner loads it."""
    store = Path(machines.environment["PLM_STORE"])
    assert set(evaluations(store).values()) == {1}
    monkeypatch.setenv("PLM_STORE", str(store))
    report = load(str(home.path))
    assert (report.evaluations, report.repeated) == (wanted, 0)
    assert plan(str(home.path)).missing == 0
