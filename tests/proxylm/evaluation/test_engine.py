"""A batch of jobs from JSON to landing files: what is kept, used again, and survives."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from proxylm import identity
from proxylm.evaluation import byte_transformer
from proxylm.evaluation.contract import Batch, Job, TextPart, Training
from proxylm.evaluation.engine import evaluate

MakePart = Callable[[str], TextPart]


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The seeds of the trainings that really took place."""
    seeds: list[int] = []
    fit = byte_transformer.ByteTransformer.fit

    def counted(self: Any, training: Training) -> Any:
        seeds.append(training.seed)
        return fit(self, training)

    monkeypatch.setattr(byte_transformer.ByteTransformer, "fit", counted)
    return seeds


def landed(path: Path) -> dict[str, list[dict[str, Any]]]:
    """Table name to the records in a landing file."""
    table = pq.read_table(path)
    return {
        name: [row for row in table[name].to_pylist() if row is not None]
        for name in table.column_names
    }


def short(job: Job) -> Job:
    return replace(job, recipe={**job.recipe, "epochs": 1})


def test_a_job_lands_its_run_evaluations_scores_and_settings(
    job: Job, part: MakePart, tmp_path: Path
) -> None:
    galician = part("glg_Latn")
    job = replace(job, tests=(*job.tests, galician))
    (result,) = evaluate(Batch((job,)), tmp_path)
    assert result.landing.parent == tmp_path / "landing" / "incoming"
    records = landed(result.landing)
    (run,) = records["runs"]
    assert (run["status"], run["reason"], run["origin"]) == ("completed", None, "measured")
    assert run["training_key"] == job.training_key
    assert run["languages"] == ["spa_Latn"]
    assert run["wall_seconds"] > 0
    assert run["peak_memory_bytes"] > 50e6
    assert json.loads(run["arguments"])["weights"] == "trained"
    assert set(json.loads(run["packages"])) == {"torch", "safetensors", "python"}

    assert [row["evaluation_key"] for row in records["evaluations"]] == [
        job.evaluation_key(test) for test in job.tests
    ]
    assert [(s["source_lang"], s["target_lang"]) for s in records["settings"]] == [
        ("spa_Latn", "spa_Latn"),
        ("spa_Latn", "glg_Latn"),
    ]
    assert {s["run_group"] for s in records["settings"]} == {"toy:spa_Latn"}
    home, abroad = records["scores"]
    assert home["value"] > abroad["value"]
    assert home["signature"] == "accuracy|n:60|v:1"
    assert not any(records[name] for name in ("languages", "models", "corpora", "features"))


def test_scores_can_be_recomputed_from_the_kept_hypotheses(job: Job, tmp_path: Path) -> None:
    (result,) = evaluate(Batch((job,)), tmp_path)
    records = landed(result.landing)
    (evaluation,), (score,) = records["evaluations"], records["scores"]
    kept = pq.read_table(tmp_path / evaluation["hypotheses"]).to_pylist()
    assert {row["evaluation_key"] for row in kept} == {evaluation["evaluation_key"]}
    assert [row["segment"] for row in kept] == list(range(evaluation["n_segments"]))
    correct = sum(row["hypothesis"] == row["reference"] for row in kept)
    assert 100 * correct / len(kept) == score["value"]
    assert score["score_key"] == identity.score_key(
        evaluation["evaluation_key"], "accuracy", score["signature"]
    )


def test_a_new_test_language_reuses_the_trained_weights(
    job: Job, part: MakePart, tmp_path: Path, trainings: list[int]
) -> None:
    evaluate(Batch((job,)), tmp_path)
    (again,) = evaluate(Batch((replace(job, tests=(part("glg_Latn"), *job.tests)),)), tmp_path)
    assert trainings == [1]
    (first_landing,) = {
        path for path in (tmp_path / "landing" / "incoming").iterdir() if path != again.landing
    }
    first, second = landed(first_landing), landed(again.landing)
    assert json.loads(second["runs"][0]["arguments"])["weights"] == "reused"
    assert second["runs"][0]["run_id"] != first["runs"][0]["run_id"]
    assert second["runs"][0]["wall_seconds"] < first["runs"][0]["wall_seconds"]
    assert second["scores"][1]["value"] == first["scores"][0]["value"]


@pytest.mark.parametrize("damage", ["no manifest", "file missing", "file cut short"])
def test_weights_that_are_not_complete_are_trained_again(
    job: Job, tmp_path: Path, trainings: list[int], damage: str
) -> None:
    job = short(job)
    evaluate(Batch((job,)), tmp_path)
    weights = tmp_path / "runs" / job.training_key / "weights"
    if damage == "no manifest":
        (weights / "manifest.json").unlink()
    elif damage == "file missing":
        (weights / "labels.json").unlink()
    else:
        whole = (weights / "model.safetensors").read_bytes()
        (weights / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    (result,) = evaluate(Batch((job,)), tmp_path)
    assert result.run.status == "completed"
    assert trainings == [1, 1]
    evaluate(Batch((job,)), tmp_path)
    assert trainings == [1, 1]


def test_a_failed_job_is_recorded_and_the_others_go_on(
    job: Job, part: MakePart, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    absent = replace(part("glg_Latn"), path=str(tmp_path / "absent.parquet"))
    other = replace(part("glg_Latn"), fingerprint="0" * 64)
    jobs = (
        replace(short(job), tests=(*job.tests, absent)),
        replace(short(job), tests=(other,)),
        replace(short(job), train_size=5000),
        replace(short(job), mode="zero_shot", train=None, train_size=None),
        replace(short(job), model=replace(job.model, config={})),
        short(job),
    )
    results = evaluate(Batch(jobs), tmp_path)
    assert [result.run.status for result in results] == ["failed"] * 5 + ["completed"]
    expected = [
        "no such corpus file",
        "plan the evaluation again",
        "5000",
        "to be trained",
        "lacks",
    ]
    for result, words in zip(results, expected, strict=False):
        records = landed(result.landing)
        assert words in records["runs"][0]["reason"]
        assert not records["evaluations"]
        assert not records["scores"]
        assert "Traceback" in (tmp_path / records["runs"][0]["log"]).read_text()
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 6
    assert "absent.parquet: there is no such corpus file" in lines[0]
    assert "1 tests" in lines[5]


def test_shared_encoding_is_paid_once_over_the_batch(
    encoder_job: Job, part: MakePart, tmp_path: Path
) -> None:
    galician = part("glg_Latn")
    tests = (*encoder_job.tests, galician)
    batch = Batch(
        (replace(encoder_job, tests=tests), replace(encoder_job, train=galician, tests=tests))
    )
    begun = time.perf_counter()
    results = evaluate(batch, tmp_path)
    elapsed = time.perf_counter() - begun
    costs = []
    for result in results:
        records = landed(result.landing)
        costs.append(
            records["runs"][0]["wall_seconds"]
            + sum(row["wall_seconds"] for row in records["evaluations"])
        )
        assert all(row["wall_seconds"] > 0 for row in records["evaluations"])
    assert 0.4 * elapsed < sum(costs) <= elapsed
    assert max(costs) < 0.75 * sum(costs)


def test_a_killed_worker_loses_at_most_the_job_it_was_at(job: Job, tmp_path: Path) -> None:
    jobs = [replace(short(job), seed=seed) for seed in range(60)]
    batch = tmp_path / "batch.json"
    batch.write_text(Batch(tuple(jobs)).to_json(), encoding="utf-8")
    command = [sys.executable, "-m", "proxylm.evaluation", str(batch), "--home", str(tmp_path)]
    worker = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=dict(os.environ))
    assert worker.stderr is not None
    done = [worker.stderr.readline() for _ in range(2)]
    worker.send_signal(signal.SIGKILL)
    done += worker.stderr.read().splitlines()
    worker.wait()
    worker.stderr.close()
    landings = list((tmp_path / "landing" / "incoming").glob("*.parquet"))
    assert len(done) <= len(landings) <= len(done) + 1 < len(jobs)
    assert all(landed(path)["scores"] for path in landings)

    batch.write_text(Batch(tuple(jobs[:2])).to_json(), encoding="utf-8")
    again = subprocess.run(command, capture_output=True, text=True, check=True)
    assert len(again.stderr.splitlines()) == 2


def test_the_worker_says_with_its_exit_code_how_it_went(job: Job, tmp_path: Path) -> None:
    batch = tmp_path / "batch.json"
    command = [sys.executable, "-m", "proxylm.evaluation", str(batch), "--home", str(tmp_path)]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 2
    broken = replace(job, train_size=5000)
    batch.write_text(Batch((broken,)).to_json(), encoding="utf-8")
    assert subprocess.run(command, capture_output=True, check=False).returncode == 1
