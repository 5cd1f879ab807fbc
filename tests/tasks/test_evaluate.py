"""The stage `evaluate`: limits from the environment, and a lost worker told from a failed job."""

import psutil
import pytest

from tasks.catalogue import fetch_catalogue
from tasks.evaluate import EvaluationCrashed, evaluate, run_batch
from tasks.plan import plan
from tasks.settings import evaluation_bytes
from warehouse.home import Home


def test_the_machine_s_memory_is_shared_out_among_the_workers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PLM_WORKERS", "4")
    total = psutil.virtual_memory().total
    assert 0.84 * total < 4 * evaluation_bytes() < 0.86 * total


def test_a_worker_above_its_memory_is_stopped_before_it_begins(
    tiny_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(tiny_home.path)
    fetch_catalogue(path)
    monkeypatch.setenv("PLM_EVALUATION_MEMORY_BYTES", str(10 * 1024**2))
    with pytest.raises(EvaluationCrashed, match=r"may use 0\.01 \(PLM_EVALUATION_MEMORY_BYTES\)"):
        run_batch(plan(path).batches[0], path)
    assert list(tiny_home.incoming.glob("*.parquet")) == []


def test_a_worker_that_ends_at_once_with_1_is_not_taken_for_a_failed_job(
    tiny_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(tiny_home.path)
    fetch_catalogue(path)
    monkeypatch.setattr("sys.executable", "/bin/false")
    with pytest.raises(EvaluationCrashed, match="ended with exit code 1: no output"):
        evaluate(plan(path).batches[0].to_json(), path)
