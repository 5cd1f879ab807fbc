"""A Ray cluster of two workers that share only a store with the owner, and one of them is lost."""

import tempfile
import time
from pathlib import Path

import psutil
import pytest

from tests.flows.machines import Machines, evaluating, lose_one
from tests.flows.test_server import free_port
from warehouse.home import Home

pytest.importorskip("prefect_ray", reason="needs the extra `ray`")
pytestmark = [pytest.mark.slow, pytest.mark.server, pytest.mark.timeout(1200)]


class Cluster(Machines):
    """A head that takes no batches, for workers of one slot."""

    def begin(self, sockets: str) -> None:
        """The head; batches go through it. `sockets` is a folder with a short path."""
        port, client = str(free_port()), str(free_port())
        self.address = f"127.0.0.1:{port}"
        # Ray gives way to all others by itself, which on a busy machine takes minutes.
        self.environment |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0"}
        self.environment["PLM_RUNNER"] = f"ray://127.0.0.1:{client}"
        self._node(
            "head", "--head", "--node-ip-address", "127.0.0.1", "--port", port, "--num-cpus", "0",
            "--ray-client-server-port", client, "--temp-dir", sockets,
            "--include-dashboard", "false",
        )  # fmt: skip

    def worker(self, name: str) -> psutil.Popen:
        """A worker of the cluster."""
        return self._node(name, "--address", self.address, "--num-cpus", "1")

    def _node(self, name: str, *arguments: str) -> psutil.Popen:
        """One after the other: of two that begin at the same address at once, one gives up."""
        small = ["--object-store-memory", "100000000", "--block"]
        node = self.start(name, "ray.scripts.scripts", "start", *arguments, *small)
        while "Ray runtime started" not in self.said(name):
            assert node.poll() is None, self.said(name)
            time.sleep(0.2)
        return node


def test_the_batch_of_a_lost_worker_goes_to_another(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tempfile.TemporaryDirectory() as sockets, Cluster(tmp_path) as cluster:
        cluster.wait()
        cluster.begin(sockets)
        lose_one(cluster, home, evaluating, monkeypatch, languages=4)
