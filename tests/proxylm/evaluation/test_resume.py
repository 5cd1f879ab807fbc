"""A worker that is killed in the middle of a training: what the next one does again."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from proxylm.corpora import split, write_corpus
from proxylm.evaluation.contract import Batch, Job, ModelSpec, TextPart
from proxylm.identity import corpus_fingerprint
from tests.django_text import pairs

SIZE = {"layers": 1, "width": 64, "heads": 2, "feed_forward": 128}


@pytest.fixture
def batch(tmp_path: Path) -> Batch:
    """Two translation Transformers over Django's messages; the second one trains for longer."""
    rows = pairs("de", 120)
    fingerprint = corpus_fingerprint(list(zip(rows.texts, rows.labels, strict=True)))
    path = tmp_path / "corpora" / "django.parquet"
    write_corpus(split(rows, fingerprint, 80, 20, 10), path, {"licence": "BSD-3-Clause"})
    part = TextPart("django", "eng_Latn", "deu_Latn", fingerprint, str(path))
    recipe = {"name": "r", "learning_rate": 2e-3, "batch_lines": 8}

    def job(epochs: int) -> Job:
        return Job(
            ModelSpec("transformer-1x64", "1", "transformer", SIZE),
            "from_scratch",
            {**recipe, "epochs": epochs},
            1,
            part,
            80,
            (part,),
            "mt",
            {"beam": 1, "max_tokens": 16},
        )

    return Batch((job(1), job(12)))


def start(batch: Batch, home: Path) -> "subprocess.Popen[bytes]":
    home.mkdir(exist_ok=True)
    path = home / "batch.json"
    path.write_text(batch.to_json())
    command = [sys.executable, "-m", "proxylm.evaluation", str(path), "--home", str(home)]
    return subprocess.Popen(command, env={**os.environ, "PLM_CHECKPOINT_SECONDS": "0.1"})


def landed(home: Path) -> list[dict[str, Any]]:
    """The runs on record with the hypotheses of their evaluations."""
    found = []
    for path in (home / "landing" / "incoming").glob("*.parquet"):
        table = pq.read_table(path)
        (run,) = (row for row in table["runs"].to_pylist() if row)
        (evaluation,) = (row for row in table["evaluations"].to_pylist() if row)
        run["said"] = pq.read_table(home / evaluation["hypotheses"])["hypothesis"].to_pylist()
        found.append(run)
    return sorted(found, key=lambda run: run["train_tokens"])


def test_a_killed_training_goes_on_from_its_checkpoint(batch: Batch, tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert start(batch, whole).wait() == 0

    process = start(batch, cut)
    checkpoint = cut / "runs" / batch.jobs[1].training_key / "checkpoint"
    deadline = time.monotonic() + 120
    while not (checkpoint / "checkpoint.safetensors").exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    (first,) = landed(cut)  # the training that had ended

    # As the plan does: what has landed is not asked for again.
    assert start(Batch(batch.jobs[1:]), cut).wait() == 0
    runs = landed(cut)
    assert len(runs) == 2
    assert runs[0] == first
    log = (cut / runs[1]["log"]).read_text()
    assert "training goes on from step" in log
    curve = [json.loads(line) for line in (cut / runs[1]["curve"]).read_text().splitlines()]
    assert [row["epoch"] for row in curve] == list(range(1, 13))
    assert runs[1]["wall_seconds"] >= curve[-1]["seconds"]
    assert not checkpoint.exists()
    # Nothing of the interruption is in the result.
    assert [run["said"] for run in runs] == [run["said"] for run in landed(whole)]
    assert [run["train_tokens"] for run in runs] == [run["train_tokens"] for run in landed(whole)]
