"""The record of a run, for the engine that made it and for the supervisor that saw it die.

It loads no model and no machine-learning package.
"""

import json
import os
import platform
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from proxylm import identity
from proxylm.evaluation.contract import Job
from proxylm.landing import write_landing
from proxylm.records import Bundle, Run


def new_run_id(job: Job, started: datetime) -> str:
    """A key for one execution: no two share it, on whatever machine."""
    return identity.digest(
        [job.training_key, started.isoformat(), os.getpid(), platform.node(), time.monotonic_ns()]
    )


def run_record(
    job: Job,
    *,
    run_id: str,
    started: datetime,  # with its time zone
    reason: str | None,  # None: it completed
    device: str | None,
    wall_seconds: float | None,
    gpu_seconds: float | None,
    peak_memory_bytes: int | None,
    peak_gpu_memory_bytes: int | None = None,
    energy_joules: float | None = None,
    train_tokens: int | None = None,
    curve: str | None = None,
    log: str | None = None,
    weights: str | None = None,
    threads: int | None = None,
    packages: Mapping[str, str] | None = None,
) -> Run:
    """The run of a job; paths are below the home folder."""
    arguments = {
        "task": job.task,
        "recipe": job.recipe,
        "config": job.model.config,
        "kind": job.model.kind,
        "inference": job.inference,
        "limit": job.segment_limit,
        "weights": weights,
        "threads": threads,
        "tests": list(job.test_names),
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
        started_at=started.astimezone(UTC).replace(tzinfo=None),
        wall_seconds=wall_seconds,
        gpu_seconds=gpu_seconds,
        peak_memory_bytes=peak_memory_bytes,
        arguments=identity.canonical_json(arguments),
        packages=json.dumps(packages, sort_keys=True) if packages is not None else None,
        code_revision=os.environ.get("PLM_CODE_REVISION"),
        log=log,
        curve=curve,
        train_tokens=train_tokens,
        peak_gpu_memory_bytes=peak_gpu_memory_bytes,
        energy_joules=energy_joules,
    )


def land_failure(
    job: Job,
    reason: str,
    home: Path,
    *,
    started: datetime,
    wall_seconds: float,
    device: str | None,
    log: str | None,
    peak_memory_bytes: int | None = None,
) -> Path:
    """Leave the landing file of a job whose process died; returns its path."""
    run = run_record(
        job,
        run_id=new_run_id(job, started),
        started=started,
        reason=reason,
        device=device,
        wall_seconds=wall_seconds,
        gpu_seconds=None,
        peak_memory_bytes=peak_memory_bytes,
        log=log,
    )
    return write_landing(Bundle(runs=[run]), home / "landing" / "incoming")
