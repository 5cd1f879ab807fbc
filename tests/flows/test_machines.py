"""Two machines that share only a store and the Prefect server, and one of them is lost."""

import json
import sys
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest

from tasks.catalogue import fetch_catalogue
from tests.flows.machines import Machines, ended, hand_out, lose_one
from tests.toy import add_toys
from warehouse.home import Home

pytestmark = [pytest.mark.slow, pytest.mark.server, pytest.mark.timeout(1200)]
ASKED = 0.65
"""Time on two machines over time on one."""
LANGUAGES, CPU_SECONDS = 4, 5.0
"""Evaluations of each model, and what one burns: more than runs and Python need to start."""


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[Machines]:
    with Machines(tmp_path) as made:
        made.wait()
        made.make_pools()
        yield made


def test_the_batch_of_a_lost_machine_goes_to_another(
    machines: Machines, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose_one(machines, home, lambda worker: bool(worker.children(recursive=True)), monkeypatch)


class Took(NamedTuple):
    """Seconds of a hand-out of batches."""

    all: float  # from the start of the program that hands out
    machines: float  # from the first run's start to the last one's end


def took(machines: Machines, home: Home, models: range) -> Took:
    begun = time.time()
    assert ended(hand_out(machines, home, models)) == {}
    seconds = time.time() - begun
    filters = {
        "flow_runs": {"start_time": {"after_": datetime.fromtimestamp(begun, UTC).isoformat()}}
    }
    request = urllib.request.Request(
        f"{machines.environment['PREFECT_API_URL']}/flow_runs/filter",
        json.dumps(filters).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        begun_runs = [run for run in json.load(answer) if run["start_time"]]  # others are scheduled
    runs = [run for run in begun_runs if run["deployment_id"]]
    assert len(runs) >= 2
    first = min(datetime.fromisoformat(run["start_time"]) for run in runs)
    last = max(datetime.fromisoformat(run["end_time"]) for run in runs)
    return Took(seconds, (last - first).total_seconds())


def test_two_machines_are_faster_than_one(machines: Machines, home: Home) -> None:
    add_toys(home, models=4, languages=LANGUAGES, cpu_seconds=CPU_SECONDS)
    fetch_catalogue(str(home.path))
    machines.worker("first")
    one = took(machines, home, range(2))
    second = machines.worker("second")
    while "started" not in machines.said("second"):
        assert second.is_running()
        time.sleep(0.2)
    two = took(machines, home, range(2, 4))
    for name, alone, together in zip(Took._fields, one, two, strict=True):
        ratio = together / alone
        sys.stderr.write(f"{name}: one {alone:.0f} s, two {together:.0f} s: {ratio:.2f}\n")
    assert two.machines <= ASKED * one.machines
