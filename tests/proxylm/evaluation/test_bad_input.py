"""Corpora and disks that make an evaluation fail: it is recorded, nothing is half-written."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from proxylm.corpora import CorpusSplit, Labelled, write_corpus
from proxylm.evaluation.contract import Batch, Job, ModelSpec, TextPart
from proxylm.evaluation.engine import evaluate
from proxylm.identity import corpus_fingerprint

MakeJob = Callable[..., Job]
NETWORK = {"layers": 1, "width": 32, "heads": 2, "feed_forward": 32}


@pytest.fixture
def job(tmp_path: Path) -> MakeJob:
    """A job on English-Russian lines; `command` None trains a small Transformer."""

    def make(
        train: list[tuple[str, str]],
        test: list[tuple[str, str]],
        command: list[str] | None = None,
        **recipe: Any,
    ) -> Job:
        parts = [
            Labelled(tuple(a for a, _ in rows), tuple(b for _, b in rows)) for rows in (train, test)
        ]
        fingerprint = corpus_fingerprint([*train, *test])
        path = tmp_path / "corpora" / f"{fingerprint[:8]}.parquet"
        text = CorpusSplit(parts[0], Labelled((), ()), parts[1], fingerprint)
        write_corpus(text, path, {})
        part = TextPart("toy", "eng_Latn", "rus_Cyrl", fingerprint, str(path))
        if command is not None:
            spec = ModelSpec("copies", "1", "command", {"command": command})
            return Job(spec, "zero_shot", {"name": "none"}, 0, None, None, (part,), "mt")
        recipe = {"name": "r", "learning_rate": 1e-3, "epochs": 2, **recipe}
        spec = ModelSpec("transformer-1x32", "1", "transformer", NETWORK)
        how = {"beam": 1, "max_tokens": 8}
        return Job(spec, "from_scratch", recipe, 0, part, len(train) or 1, (part,), "mt", how)

    return make


LINES = [(f"line number {i}", f"строка номер {i}") for i in range(30)]


def outcome(job: Job, home: Path) -> tuple[str, str | None, int]:
    """Status and reason of the run, and the number of scores that landed."""
    (result,) = evaluate(Batch((job,)), home)
    scores = [row for row in pq.read_table(result.landing)["scores"].to_pylist() if row]
    return result.run.status, result.run.reason, len(scores)


def test_one_training_line_and_one_test_line_are_enough(job: MakeJob, tmp_path: Path) -> None:
    assert outcome(job(LINES[:1], LINES[1:2]), tmp_path) == ("completed", None, 4)


def test_no_line_is_a_failure_that_says_where(job: MakeJob, tmp_path: Path) -> None:
    status, reason, scores = outcome(job([], LINES), tmp_path)
    assert (status, scores) == ("failed", 0)
    assert reason is not None
    assert "has 0 training lines" in reason
    status, reason, _ = outcome(job(LINES, []), tmp_path)
    assert status == "failed"
    assert reason is not None
    assert "has no test lines" in reason


def test_text_in_the_wrong_script_is_a_failure(job: MakeJob, tmp_path: Path) -> None:
    latin = [(text, "stroka nomer") for text, _ in LINES]
    status, reason, _ = outcome(job(latin, LINES), tmp_path)
    assert status == "failed"
    assert reason is not None
    assert "0% of the letters are in the script of rus_Cyrl (Cyrl)" in reason


def test_a_loss_that_explodes_is_a_failure_and_leaves_no_weights(
    job: MakeJob, tmp_path: Path
) -> None:
    wild = job(LINES, LINES[:3], learning_rate=1e30, epochs=5, clip=1e30, batch_lines=5)
    status, reason, scores = outcome(wild, tmp_path)
    assert (status, scores) == ("failed", 0)
    assert reason is not None
    assert "lower the learning rate" in reason
    assert not (tmp_path / "runs" / wild.training_key / "weights").exists()


def test_a_disk_that_is_full_while_hypotheses_are_written(job: MakeJob, tmp_path: Path) -> None:
    noise = "import sys, random; r = random.Random(0)\n" + (
        "for _ in sys.stdin: print(''.join(chr(r.randrange(0x400, 0x9000)) for _ in range(4000)))"
    )
    batch = tmp_path / "batch.json"
    jobs = (job([], LINES, [sys.executable, "-c", noise]), job([], LINES, ["cat"]))
    batch.write_text(Batch(jobs).to_json())
    worker = f"{sys.executable} -m proxylm.evaluation {batch} --home {tmp_path}"
    # No file may pass 128 KiB: the noisy hypotheses do, everything else is smaller.
    done = subprocess.run(["bash", "-c", f"ulimit -f 128; exec {worker}"], capture_output=True)
    assert done.returncode == 1, done.stderr[-1000:]
    runs = {}
    for path in (tmp_path / "landing" / "incoming").iterdir():
        for row in pq.read_table(path)["runs"].to_pylist():
            if row is not None:
                runs[json.loads(row["arguments"])["config"]["command"][0]] = row
    assert runs["cat"]["status"] == "completed"
    failed = runs[sys.executable]
    assert failed["status"] == "failed"
    assert "File too large" in failed["reason"]
    left = [path for path in tmp_path.rglob("*") if ".tmp" in path.name]
    assert left == []
