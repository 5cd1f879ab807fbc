"""A Dask cluster that shares only a store with the owner, and loses its workers."""

import sys
from pathlib import Path

import psutil
import pytest

from tasks.catalogue import fetch_catalogue
from tasks.load import load
from tasks.plan import plan
from tests.flows.machines import Machines, ended, evaluating, hand_out, lose_one
from tests.flows.test_server import free_port
from tests.toy import add_toys
from warehouse.home import Home

pytest.importorskip("prefect_dask")
pytestmark = [pytest.mark.slow, pytest.mark.server, pytest.mark.timeout(1200)]
DEADLY = """
import psutil
evaluation, worker = psutil.Process().parents()[:2]
worker.kill()
"""


class Cluster(Machines):
    """A scheduler at an address of its own, for workers of one slot."""

    def begin(self) -> None:
        """The scheduler; batches go through it."""
        self.address = f"127.0.0.1:{free_port()}"
        host, port = self.address.split(":")
        self.start("scheduler", "distributed.cli.dask_scheduler", "--host", host, "--port", port)
        self.environment["PLM_RUNNER"] = f"dask://{self.address}"

    def worker(self, name: str) -> psutil.Popen:
        """A worker of the cluster."""
        one = ["--nthreads", "1", "--no-dashboard", "--name", name]
        return self.start(name, "distributed.cli.dask_worker", f"tcp://{self.address}", *one)


def test_the_batch_of_a_lost_worker_goes_to_another(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Cluster(tmp_path) as cluster:
        cluster.wait()
        cluster.begin()
        lose_one(cluster, home, evaluating, monkeypatch, languages=4)


def test_a_batch_that_kills_every_worker_is_a_failed_batch_and_the_others_land(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = add_toys(home, models=2, languages=2)
    program = home.path / "deadly.py"
    program.write_text(DEADLY)
    (home.catalogue / "deadly.yaml").write_text(
        "models:\n  - {id: deadly, kind: command, mode: zero_shot, role: proxy, tasks: [mt],\n"
        f"     config: {{command: [{sys.executable}, {program}]}}}}\n"
    )
    fetch_catalogue(str(home.path))
    with Cluster(tmp_path) as cluster:
        # None: at the first death Dask gives up every batch that waits at that worker.
        cluster.environment["DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES"] = "0"
        cluster.wait()
        cluster.begin()
        cluster.worker("only")  # dask starts it again whenever it was killed
        failures = ended(hand_out(cluster, home))
    ((what, reason),) = failures.items()
    assert what == "deadly: 2 trainings, 2 tests"
    assert "all those workers died while running it" in reason
    monkeypatch.setenv("PLM_STORE", cluster.environment["PLM_STORE"])
    report = load(str(home.path))
    assert (report.evaluations, report.repeated) == (wanted, 0)
    assert plan(str(home.path)).missing == 2
