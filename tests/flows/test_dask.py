"""A Dask cluster of two workers that share only a store with the owner, and one of them is lost."""

import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tasks.catalogue import fetch_catalogue
from tasks.load import load
from tasks.plan import plan
from tests.flows.machines import Machines, ended, evaluations, hand_out, kill
from tests.flows.test_server import free_port
from tests.toy import add_toys
from warehouse.home import Home

pytest.importorskip("prefect_dask")
pytestmark = [pytest.mark.slow, pytest.mark.server, pytest.mark.timeout(1200)]


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


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    made = Cluster(tmp_path)
    try:
        made.wait()
        made.begin()
        yield made
    finally:
        made.end()


def test_the_batch_of_a_lost_worker_goes_to_another(
    cluster: Cluster, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = add_toys(home, models=2, languages=4, cpu_seconds=2)
    fetch_catalogue(str(home.path))
    store = tmp_path / "store"
    cluster.worker("first")
    second = cluster.worker("second")
    run = hand_out(cluster, home, range(2))
    while len(evaluations(store)) < 2 or not evaluating(second):
        assert run.poll() is None
        time.sleep(0.2)
    kill(second)
    assert ended(run) == {}
    assert set(evaluations(store).values()) == {1}

    monkeypatch.setenv("PLM_STORE", str(store))
    report = load(str(home.path))
    assert (report.evaluations, report.repeated) == (wanted, 0)
    assert plan(str(home.path)).missing == 0


def evaluating(worker: psutil.Popen) -> bool:
    """Whether it is in the middle of a batch."""
    return any(
        "proxylm.evaluation" in process.cmdline() for process in worker.children(recursive=True)
    )
