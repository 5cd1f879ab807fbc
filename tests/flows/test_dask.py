"""A Dask cluster of two workers that share only a store with the owner, and one of them is lost."""

from pathlib import Path

import psutil
import pytest

from tests.flows.machines import Machines, evaluating, lose_one
from tests.flows.test_server import free_port
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


def test_the_batch_of_a_lost_worker_goes_to_another(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Cluster(tmp_path) as cluster:
        cluster.wait()
        cluster.begin()
        lose_one(cluster, home, evaluating, monkeypatch, languages=4)
