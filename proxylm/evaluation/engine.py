"""Runs a batch of jobs: train or load, answer, score, and leave one landing file a job.

A job's landing file is written as soon as the job is done, so a killed worker loses at most the
job it was at, and of that one only what came after its last checkpoint. A failed job is recorded
and the next one goes on. The engine never opens the warehouse and does not know which jobs are
wanted.

Below HOME/runs/<training key>/ lie `weights/` (complete or absent, see `keeping.load_weights`),
`checkpoint/` while a training goes on, and one file of hypotheses, one training curve and one log
a run.
"""

import json
import logging
import platform
import resource
import shutil
import sys
import time
import traceback
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple, Protocol

import torch

from proxylm import identity
from proxylm.corpora import Labelled
from proxylm.errors import InputError, ProxyLMError
from proxylm.evaluation.batching import free_cache
from proxylm.evaluation.contract import (
    Answers,
    Batch,
    Job,
    PreparedModel,
    Query,
    TextPart,
    TrainedModel,
    Training,
    TrainingLog,
    kind_named,
    prepare,
)
from proxylm.evaluation.energy import read_joules
from proxylm.evaluation.keeping import (
    Said,
    load_weights,
    logging_to,
    save_weights,
    write_curve,
    write_hypotheses,
)
from proxylm.evaluation.metrics import measure, spm_status
from proxylm.evaluation.outcome import new_run_id, run_record
from proxylm.evaluation.texts import Texts, label_set
from proxylm.landing import write_landing
from proxylm.records import Bundle, Evaluation, Run, Score, Setting

_log = logging.getLogger("proxylm.evaluation")


class OnJob(Protocol):
    """Told of each job: `begin`, then `end` with its seconds and, if it failed, why."""

    def __call__(
        self, event: str, job: int, seconds: float = 0.0, reason: str | None = None
    ) -> None: ...


class JobResult(NamedTuple):
    """What became of one job."""

    run: Run
    landing: Path  # the landing file with the run, its evaluations and scores


def evaluate(
    batch: Batch,
    home: Path,
    threads: int = 1,
    device: str = "auto",
    on_job: OnJob | None = None,
    budget_seconds: float | None = None,
) -> list[JobResult]:
    """Run the jobs one after the other; returns a result a job, failed ones included.

    Each process computes with `threads` CPU threads: the work is spread by running batches side
    by side. `device` is a torch device; `auto` takes a GPU where there is one. The caller removes
    what is already done from the batch; trained weights that are there are used again. No job is
    begun that, at the mean of those before it, would pass `budget_seconds`. Progress goes to
    standard error, one line a job.
    """
    torch.set_num_threads(threads)
    models = _Models(batch, home, chosen_device(device))
    results: list[JobResult] = []
    spent = 0.0
    for index, job in enumerate(batch.jobs):
        expected = spent / len(results) if results else 0.0
        if budget_seconds is not None and spent + expected >= budget_seconds:
            sys.stderr.write(f"{len(batch.jobs) - index} jobs are left: the budget is spent\n")
            break
        if on_job is not None:
            on_job("begin", index)
        meter = _Meter()
        bundle = _run_job(job, models, home)
        landing = write_landing(bundle, home / "landing" / "incoming")
        results.append(JobResult(bundle.runs[0], landing))
        _say_progress(index + 1, len(batch.jobs), job, bundle)
        seconds = meter.seconds()
        spent += seconds
        if on_job is not None:
            on_job("end", index, seconds, bundle.runs[0].reason)
    return results


def chosen_device(device: str) -> str:
    """The torch device for what the user said. InputError where this machine does not have it."""
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise InputError(
            f"device {device} cannot be used here ({str(error).splitlines()[0]}); "
            "use auto, cpu or cuda"
        ) from None
    return device


class _Models:
    """Base models in memory, one a `ModelSpec`."""

    def __init__(self, batch: Batch, home: Path, device: str) -> None:
        self.texts = Texts(home)
        self._batch = batch
        self._home = home
        self._device = device
        self._prepared: dict[str, PreparedModel] = {}
        self._load_share: dict[str, float] = {}

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
                uses = [self.texts.test_lines(t, job.segment_limit).texts for t in job.tests]
                if job.train and not (_folder(job, self._home) / "weights").exists():
                    uses.append(self.texts.training_lines(job)[0].texts)
            except InputError:
                continue  # that job reports its own error when its turn comes
            for texts in uses:
                model.expect(texts)


class _Meter:
    """What a stretch of work cost: wall seconds, GPU seconds and energy."""

    def __init__(self) -> None:
        self._begun = time.perf_counter()
        self._joules = read_joules()

    def seconds(self) -> float:
        return time.perf_counter() - self._begun

    def joules(self) -> float | None:
        now = read_joules()
        return now - self._joules if now is not None and self._joules is not None else None


@dataclass
class _Progress:
    """What is known of a job while it runs."""

    bundle: Bundle = field(default_factory=Bundle)
    log: TrainingLog = field(default_factory=TrainingLog)
    weights: str = "trained"
    wall_seconds: float = 0.0
    energy_joules: float | None = None
    shared_seconds: float = 0.0  # see `PreparedModel.settle`, over all calls of this job
    model: PreparedModel | None = None
    trained: TrainedModel | None = None

    def settle(self) -> float:
        """What `PreparedModel.settle` says of the last call, also added to `shared_seconds`."""
        seconds = self.model.settle() if self.model is not None else 0.0
        self.shared_seconds += seconds
        return seconds


def _run_job(job: Job, models: _Models, home: Path) -> Bundle:
    """The records of one job: on failure the failed run alone."""
    started = datetime.now(UTC)
    run_id = new_run_id(job, started)
    folder = _folder(job, home)
    folder.mkdir(parents=True, exist_ok=True)
    log_path = folder / f"log-{run_id[:12]}.txt"
    state = _Progress()
    reason = None
    meter = _Meter()
    with logging_to(log_path):
        _log.info("job %s", json.dumps(asdict(job), ensure_ascii=False))
        try:
            _train_and_test(job, models, home, run_id, state)
        except Exception as error:  # one job's failure is data; the batch goes on
            _log.error("%s", traceback.format_exc())
            reason = _one_line(error)
            state.bundle = Bundle()
            state.settle()
            state.wall_seconds = meter.seconds() + state.shared_seconds
            state.energy_joules = meter.joules()
        finally:
            if state.trained is not None:
                state.trained.release()
                state.trained = None
            free_cache()
    device = _device_name(state.model.device) if state.model is not None else None
    on_gpu = device is not None and device != "cpu"
    curve = folder / f"curve-{run_id[:12]}.jsonl" if state.log.curve else None
    if curve is not None:
        write_curve(state.log.curve, curve)
    state.bundle.runs.append(
        run_record(
            job,
            run_id=run_id,
            started=started,
            reason=reason,
            device=device,
            wall_seconds=state.wall_seconds,
            gpu_seconds=state.wall_seconds if on_gpu else None,
            peak_memory_bytes=_peak_memory_bytes(),
            peak_gpu_memory_bytes=torch.cuda.max_memory_allocated() if on_gpu else None,
            energy_joules=state.energy_joules,
            train_tokens=state.log.tokens or None,
            curve=curve.relative_to(home).as_posix() if curve is not None else None,
            log=log_path.relative_to(home).as_posix(),
            weights=state.weights,
            threads=torch.get_num_threads(),
            packages=_package_versions(job),
        )
    )
    return state.bundle


def _train_and_test(job: Job, models: _Models, home: Path, run_id: str, state: _Progress) -> None:
    _ = job.how  # before anything is loaded: it refuses what the kind does not do
    folder = _folder(job, home)
    model, load_share = models.model(job)
    state.model = model
    if model.device != "cpu":
        torch.cuda.reset_peak_memory_stats(model.device)

    meter = _Meter()
    state.trained = _trained(job, models, model, folder, state)
    state.wall_seconds = meter.seconds() + state.settle() + load_share + state.log.earlier_seconds
    state.energy_joules = meter.joules()

    tested = [_test(job, test, models, state) for test in job.tests]
    # First kept, then scored: what was generated is not lost with a metric that fails.
    said = [Said(job.evaluation_key(t.part), t.lines, t.answers.hypotheses) for t in tested]
    kept = write_hypotheses(said, folder).relative_to(home).as_posix()
    if job.task == "mt":
        _log.info("spBLEU: %s", spm_status())
    for one in tested:
        _add_records(state.bundle, job, one, run_id, kept, on_gpu=model.device != "cpu")


def _test(job: Job, test: TextPart, models: _Models, state: _Progress) -> "_Tested":
    """The answers to one test part. ProxyLMError where there is not one for each line."""
    assert state.trained is not None
    lines = models.texts.test_lines(test, job.segment_limit)
    query = Query(
        task=job.task,
        texts=lines.texts,
        source_lang=test.source_lang,
        target_lang=test.target_lang,
        labels=models.texts.labels(job, test),
        inference=job.how,
    )
    meter = _Meter()
    answers = state.trained.answer(query)
    seconds = meter.seconds() + state.settle()
    joules = meter.joules()
    if len(answers.hypotheses) != len(lines):
        raise ProxyLMError(
            f"{len(answers.hypotheses)} answers to {len(lines)} lines of {test.path}"
        )
    return _Tested(test, lines, answers, seconds, joules)


class _Tested(NamedTuple):
    """One test part and what came out."""

    part: TextPart
    lines: Labelled
    answers: Answers
    seconds: float
    joules: float | None


def _trained(
    job: Job, models: _Models, model: PreparedModel, folder: Path, state: _Progress
) -> TrainedModel:
    """The job's model: as it is, from its weights, or trained now."""
    if job.mode == "zero_shot":
        state.weights = "untrained"
        return model.untrained(job.recipe)
    train, dev = models.texts.training_lines(job)
    trained = load_weights(model, folder / "weights")
    if trained is not None:
        state.weights = "reused"
        _log.info("weights reused")
        return trained
    assert job.train is not None  # training_lines refuses a job without
    training = Training(
        task=job.task,
        train=train,
        dev=dev,
        source_lang=job.train.source_lang,
        target_lang=job.train.target_lang,
        labels=label_set(job.task, train),
        recipe=job.recipe,
        seed=job.seed,
        checkpoint=folder / "checkpoint",
        log=state.log,
    )
    trained = model.fit(training)
    save_weights(trained, folder)
    shutil.rmtree(training.checkpoint, ignore_errors=True)
    return trained


def _add_records(
    bundle: Bundle, job: Job, tested: _Tested, run_id: str, kept: str, on_gpu: bool
) -> None:
    """Add the evaluation, its scores and, where there was a training, its setting."""
    test, lines = tested.part, tested.lines
    measured = measure(
        job.task,
        tested.answers.hypotheses,
        lines.labels,
        sources=lines.texts,
        target_lang=test.target_lang,
    )
    said = ", ".join(f"{m.metric} {m.value:.2f}" for m in measured)
    _log.info("%s-%s %s", test.corpus_id, test.target_lang, said)
    source, target = job.setting_languages(test)
    key = job.evaluation_key(test)
    if job.train is not None:  # a zero-shot score serves the settings that others make
        corpus, size = job.train.corpus_id, job.train_size
        bundle.settings.append(
            Setting(
                setting_key=identity.setting_key(
                    job.task, source, target, corpus, size, test.corpus_id
                ),
                task=job.task,
                source_lang=source,
                target_lang=target,
                train_corpus=corpus,
                train_size=size,
                test_corpus=test.corpus_id,
                run_group=identity.run_group(job.task, source, target, corpus, size),
            )
        )
    bundle.evaluations.append(
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
            decoding=job.decoding,
            precision=job.how.precision,
            backend=job.how.backend,
            segment_limit=job.segment_limit,
            n_segments=len(lines),
            wall_seconds=tested.seconds,
            hypotheses=kept,
            origin="measured",
            tokens_in=tested.answers.tokens_in,
            tokens_out=tested.answers.tokens_out,
            gpu_seconds=tested.seconds if on_gpu else None,
            energy_joules=tested.joules,
        )
    )
    bundle.scores.extend(
        Score(
            score_key=identity.score_key(key, m.metric, m.signature),
            evaluation_key=key,
            metric=m.metric,
            value=m.value,
            half_width=m.half_width,
            half_width_method=m.half_width_method,
            n_segments=m.n_segments,
            signature=m.signature,
            origin="measured",
            source=f"run {run_id[:12]}",
        )
        for m in measured
    )


def _one_line(error: Exception) -> str:
    """The message's first line; what is not written for users says its class too."""
    line = (str(error).splitlines() or [""])[0][:300]
    return line if isinstance(error, ProxyLMError) else f"{type(error).__name__}: {line}"


def _folder(job: Job, home: Path) -> Path:
    return home / "runs" / job.training_key


def _say_progress(number: int, of: int, job: Job, bundle: Bundle) -> None:
    run = bundle.runs[0]
    what = f"[{number}/{of}] {job.model.model_id} {'-'.join(job.languages)}"
    if run.reason is not None:
        line = f"{what} failed: {run.reason} (log: {run.log})"
    else:
        spent = run.wall_seconds or 0.0
        spent += sum(evaluation.wall_seconds or 0.0 for evaluation in bundle.evaluations)
        line = f"{what} {len(bundle.evaluations)} tests {spent:.1f} s"
    sys.stderr.write(line + "\n")


def _peak_memory_bytes() -> int:
    """Largest resident size of this process so far (the kernel counts it in KiB on Linux)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _device_name(device: str) -> str:
    return device if device == "cpu" else torch.cuda.get_device_name(device)


def _package_versions(job: Job) -> dict[str, str]:
    found = {"python": platform.python_version()}
    try:
        packages = kind_named(job.model.kind).packages
    except InputError:
        return found
    for name in packages:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue  # an optional one that was not used
    return found
