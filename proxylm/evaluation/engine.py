"""Runs a batch of jobs: train or load, classify, score, and leave one landing file a job.

A job's landing file is written as soon as the job is done, so a killed worker loses at most the
job it was at, and of that one only what came after the training. A failed job is recorded and the
next one goes on. The engine never opens the warehouse and does not know which jobs are wanted.

Below HOME/runs/<training key>/ lie `weights/` (complete or absent, see `_load_weights`), one
hypotheses file a job and one log a run.
"""

import hashlib
import json
import logging
import os
import platform
import resource
import shutil
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import torch

from proxylm import identity
from proxylm.corpora import CorpusSplit, Labelled, read_corpus
from proxylm.errors import InputError, ProxyLMError
from proxylm.evaluation.contract import (
    Batch,
    Job,
    PreparedModel,
    TextPart,
    TrainedModel,
    kind_named,
    prepare,
)
from proxylm.evaluation.metrics import accuracy
from proxylm.landing import write_atomically, write_landing
from proxylm.records import Bundle, Evaluation, Run, Score, Setting

_log = logging.getLogger("proxylm.evaluation")

_MANIFEST = "manifest.json"
_HYPOTHESES = pa.schema(
    [
        ("evaluation_key", pa.string()),
        ("segment", pa.int64()),
        ("hypothesis", pa.string()),
        ("reference", pa.string()),
    ]
)


class JobResult(NamedTuple):
    """What became of one job."""

    run: Run
    landing: Path  # the landing file with the run, its evaluations and scores


def evaluate(batch: Batch, home: Path, threads: int = 1) -> list[JobResult]:
    """Run the jobs one after the other; returns a result a job, failed ones included.

    Each process computes with `threads` CPU threads: the work is spread by running batches side
    by side. The caller removes what is already done from the batch; trained weights that are there
    are used again. Progress goes to standard error, one line a job.
    """
    torch.set_num_threads(threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    models = _Models(batch, home, device)
    results = []
    for number, job in enumerate(batch.jobs, start=1):
        bundle = _run_job(job, models, home)
        landing = write_landing(bundle, home / "landing" / "incoming")
        results.append(JobResult(bundle.runs[0], landing))
        _say_progress(number, len(batch.jobs), job, bundle)
    return results


class _Models:
    """Base models in memory, one a `ModelSpec`, and the corpora that were read."""

    def __init__(self, batch: Batch, home: Path, device: str) -> None:
        self._batch = batch
        self._home = home
        self._device = device
        self._prepared: dict[str, PreparedModel] = {}
        self._corpora: dict[str, CorpusSplit] = {}
        self._load_share: dict[str, float] = {}

    def corpus(self, part: TextPart) -> CorpusSplit:
        """The lines of a part. InputError if they are not those that the key speaks of."""
        if part.path not in self._corpora:
            self._corpora[part.path] = read_corpus(self._home / part.path).split
        corpus = self._corpora[part.path]
        if corpus.fingerprint != part.fingerprint:
            raise InputError(
                f"{part.path} has fingerprint {corpus.fingerprint[:12]}, the plan says "
                f"{part.fingerprint[:12]}: plan the evaluation again"
            )
        return corpus

    def training_lines(self, job: Job) -> tuple[Labelled, Labelled]:
        """The job's training lines and the dev lines."""
        if job.train is None or job.train_size is None:
            raise InputError(
                f"{job.model.model_id} of kind {job.model.kind} has to be trained; "
                f"mode {job.mode} without a training corpus is not possible"
            )
        corpus = self.corpus(job.train)
        if len(corpus.train) < job.train_size:
            raise InputError(
                f"{job.train.path} has {len(corpus.train)} training lines; "
                f"the job asks for {job.train_size}"
            )
        size = job.train_size
        return Labelled(corpus.train.texts[:size], corpus.train.labels[:size]), corpus.dev

    def test_lines(self, part: TextPart) -> Labelled:
        """The test lines of a part, at least one."""
        lines = self.corpus(part).test
        if not lines:
            raise InputError(f"{part.path} has no test lines")
        return lines

    def model(self, job: Job) -> tuple[PreparedModel, float]:
        """The job's base model and the job's share of the seconds its loading took."""
        spec = identity.digest(asdict(job.model))
        if spec not in self._prepared:
            begun = time.perf_counter()
            self._prepared[spec] = prepare(job.model, self._device)
            sharers = [other for other in self._batch.jobs if other.model == job.model]
            self._load_share[spec] = (time.perf_counter() - begun) / len(sharers)
            self._expect(self._prepared[spec], sharers)
        return self._prepared[spec], self._load_share[spec]

    def _expect(self, model: PreparedModel, jobs: list[Job]) -> None:
        for job in jobs:
            try:
                uses = [self.test_lines(test).texts for test in job.tests]
                if not (_folder(job, self._home) / "weights").exists():
                    uses.append(self.training_lines(job)[0].texts)
            except InputError:
                continue  # that job reports its own error when its turn comes
            for texts in uses:
                model.expect(texts)


@dataclass
class _Progress:
    """What is known of a job while it runs."""

    bundle: Bundle = field(default_factory=Bundle)
    weights: str = "trained"
    wall_seconds: float = 0.0
    shared_seconds: float = 0.0  # see `PreparedModel.settle`, over all calls of this job
    model: PreparedModel | None = None

    def settle(self) -> float:
        """What `PreparedModel.settle` says of the last call, also added to `shared_seconds`."""
        seconds = self.model.settle() if self.model is not None else 0.0
        self.shared_seconds += seconds
        return seconds


def _run_job(job: Job, models: _Models, home: Path) -> Bundle:
    """The records of one job: on failure the failed run alone."""
    started = datetime.now(UTC)
    run_id = identity.digest(
        [job.training_key, started.isoformat(), os.getpid(), platform.node(), time.monotonic_ns()]
    )
    folder = _folder(job, home)
    folder.mkdir(parents=True, exist_ok=True)
    log_path = folder / f"log-{run_id[:12]}.txt"
    state = _Progress()
    reason = None
    begun = time.perf_counter()
    with _logging_to(log_path):
        _log.info("job %s", json.dumps(asdict(job), ensure_ascii=False))
        try:
            _train_and_test(job, models, home, run_id, state)
        except Exception as error:  # one job's failure is data; the batch goes on
            _log.error("%s", traceback.format_exc())
            reason = _one_line(error)
            state.bundle = Bundle()
            state.settle()
            state.wall_seconds = time.perf_counter() - begun + state.shared_seconds
    state.bundle.runs.append(
        _run_record(job, state, run_id, started, reason, log_path.relative_to(home))
    )
    return state.bundle


def _train_and_test(job: Job, models: _Models, home: Path, run_id: str, state: _Progress) -> None:
    folder = _folder(job, home)
    model, load_share = models.model(job)
    state.model = model

    begun = time.perf_counter()
    trained = _load_weights(model, folder / "weights")
    if trained is not None:
        state.weights = "reused"
        _log.info("weights reused")
    else:
        train, dev = models.training_lines(job)
        trained = model.fit(train, dev, job.recipe, job.seed)
        _save_weights(trained, folder)
    state.wall_seconds = time.perf_counter() - begun + state.settle() + load_share

    hypotheses: dict[str, list[str | int]] = {name: [] for name in _HYPOTHESES.names}
    measured = []
    for test in job.tests:
        lines = models.test_lines(test)
        begun = time.perf_counter()
        found = trained.classify(lines.texts)
        seconds = time.perf_counter() - begun + state.settle()
        key = job.evaluation_key(test)
        measured.append((key, test, accuracy(found, lines.labels), seconds))
        hypotheses["evaluation_key"] += [key] * len(lines)
        hypotheses["segment"] += range(len(lines))
        hypotheses["hypothesis"] += found
        hypotheses["reference"] += lines.labels
        _log.info("%s-%s accuracy %.2f", test.corpus_id, test.target_lang, measured[-1][2].value)
    kept = _write_hypotheses(pa.table(hypotheses, _HYPOTHESES), folder).relative_to(home)

    kind = kind_named(job.model.kind)
    for key, test, measurement, seconds in measured:
        source, target = job.setting_languages(test)
        assert job.train is not None  # the weights above came from it
        train_corpus = job.train.corpus_id
        state.bundle.settings.append(
            Setting(
                setting_key=identity.setting_key(
                    job.task, source, target, train_corpus, job.train_size, test.corpus_id
                ),
                task=job.task,
                source_lang=source,
                target_lang=target,
                train_corpus=train_corpus,
                train_size=job.train_size,
                test_corpus=test.corpus_id,
                run_group=identity.run_group(
                    job.task, source, target, train_corpus, job.train_size
                ),
            )
        )
        state.bundle.evaluations.append(
            Evaluation(
                evaluation_key=key,
                training_key=job.training_key,
                run_id=run_id,
                task=job.task,
                source_lang=source,
                target_lang=target,
                test_corpus=test.corpus_id,
                test_fingerprint=test.fingerprint,
                split_version=identity.SPLIT_VERSION,
                decoding=kind.decoding,
                precision=kind.precision,
                backend=kind.backend,
                segment_limit=None,
                n_segments=measurement.n_segments,
                wall_seconds=seconds,
                hypotheses=kept.as_posix(),
                origin="measured",
            )
        )
        state.bundle.scores.append(
            Score(
                score_key=identity.score_key(key, measurement.metric, measurement.signature),
                evaluation_key=key,
                metric=measurement.metric,
                value=measurement.value,
                half_width=measurement.half_width,
                half_width_method=measurement.half_width_method,
                n_segments=measurement.n_segments,
                signature=measurement.signature,
                origin="measured",
                source=f"run {run_id[:12]}",
            )
        )


def _run_record(
    job: Job,
    state: _Progress,
    run_id: str,
    started: datetime,
    reason: str | None,
    log: Path,
) -> Run:
    device = _device_name(state.model.device) if state.model is not None else None
    on_gpu = device is not None and device != "cpu"
    arguments = {
        "task": job.task,
        "recipe": job.recipe,
        "config": job.model.config,
        "kind": job.model.kind,
        "weights": state.weights,
        "threads": torch.get_num_threads(),
        "tests": [f"{test.corpus_id}:{test.target_lang}" for test in job.tests],
    }
    return Run(
        run_id=run_id,
        training_key=job.training_key,
        model_id=job.model.model_id,
        revision=job.model.revision,
        mode=job.mode,
        recipe=job.recipe_id,
        seed=str(job.seed),
        train_corpus=job.train.corpus_id if job.train else None,
        train_fingerprint=job.train.fingerprint if job.train else None,
        train_size=job.train_size,
        languages=job.languages,
        origin="measured",
        source="proxylm.evaluation",
        status="completed" if reason is None else "failed",
        reason=reason,
        device=device,
        started_at=started.replace(tzinfo=None),
        wall_seconds=state.wall_seconds,
        gpu_seconds=state.wall_seconds if on_gpu else None,
        peak_memory_bytes=_peak_memory_bytes(),
        arguments=identity.canonical_json(arguments),
        packages=identity.canonical_json(_package_versions(job)),
        code_revision=os.environ.get("PLM_CODE_REVISION"),
        log=log.as_posix(),
    )


def _one_line(error: Exception) -> str:
    """The message's first line; what is not written for users says its class too."""
    line = (str(error).splitlines() or [""])[0][:300]
    return line if isinstance(error, ProxyLMError) else f"{type(error).__name__}: {line}"


def _folder(job: Job, home: Path) -> Path:
    return home / "runs" / job.training_key


def _save_weights(trained: TrainedModel, folder: Path) -> None:
    """Write `weights/` beside a manifest of hashes and rename it into place: all or nothing."""
    temporary = folder / f".weights-{os.getpid()}.tmp"
    final = folder / "weights"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    trained.save(temporary)
    write_atomically(
        temporary / _MANIFEST, json.dumps(_file_hashes(temporary), sort_keys=True).encode()
    )
    shutil.rmtree(final, ignore_errors=True)  # there, but not complete: see _load_weights
    temporary.rename(final)


def _load_weights(model: PreparedModel, folder: Path) -> TrainedModel | None:
    """The trained model, or None unless every file is there with the hash of the manifest."""
    if not folder.exists():
        return None
    manifest = folder / _MANIFEST
    try:
        complete = json.loads(manifest.read_text(encoding="utf-8")) == _file_hashes(folder)
    except (OSError, ValueError):
        complete = False
    if not complete:
        _log.warning("%s is not complete: training again", folder)
        return None
    return model.load(folder)


def _file_hashes(folder: Path) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.iterdir())
        if path.name != _MANIFEST
    }


def _write_hypotheses(table: pa.Table, folder: Path) -> Path:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    data = sink.getvalue()
    path = folder / f"hypotheses-{hashlib.sha256(data).hexdigest()[:16]}.parquet"
    write_atomically(path, memoryview(data))
    return path


@contextmanager
def _logging_to(path: Path) -> Iterator[None]:
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    level = _log.level
    _log.addHandler(handler)
    _log.setLevel(logging.INFO)
    try:
        yield
    finally:
        _log.setLevel(level)
        _log.removeHandler(handler)
        handler.close()


def _say_progress(number: int, of: int, job: Job, bundle: Bundle) -> None:
    run = bundle.runs[0]
    what = f"[{number}/{of}] {job.model.model_id} {'-'.join(job.languages)}"
    if run.reason is not None:
        line = f"{what} failed: {run.reason} (log: {run.log})"
    else:
        spent = run.wall_seconds or 0.0
        spent += sum(evaluation.wall_seconds or 0.0 for evaluation in bundle.evaluations)
        line = f"{what} {len(bundle.scores)} tests {spent:.1f} s"
    sys.stderr.write(line + "\n")


def _peak_memory_bytes() -> int:
    """Largest resident size of this process so far (the kernel counts it in KiB on Linux)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _device_name(device: str) -> str:
    return device if device == "cpu" else torch.cuda.get_device_name(device)


def _package_versions(job: Job) -> dict[str, str]:
    try:
        packages = kind_named(job.model.kind).packages
    except InputError:
        packages = ()
    return {name: version(name) for name in packages} | {"python": platform.python_version()}
