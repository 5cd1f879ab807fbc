"""Runs a batch in a process of its own and outlives whatever happens there.

The worker says in an append-only file which job it is at. A job that takes too long or too much
memory is killed with everything it started; one that crashes is noticed. Each becomes a failed run
on record, and a new worker goes on with the jobs that are left. Loads no model and no torch.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import psutil

from proxylm.errors import ProxyLMError
from proxylm.evaluation.contract import Batch, Job
from proxylm.evaluation.outcome import land_failure
from proxylm.identity import digest
from proxylm.landing import write_atomically

POLL_SECONDS = 0.1
GIB = 1024**3


class EvaluationCrashed(ProxyLMError):
    """The worker of a batch died before it began a job."""


class Limits(NamedTuple):
    """What one job may take."""

    seconds: float
    memory_bytes: int  # resident, of the worker and all it started


class JobFailure(NamedTuple):
    """A job that is recorded as failed."""

    job: Job
    reason: str


class _Ended(NamedTuple):
    seconds: float
    reason: str | None  # why it failed


@dataclass
class Supervised:
    """What became of a batch."""

    failures: list[JobFailure]
    device_seconds: float  # of the jobs that ended, failed ones included
    not_begun: int  # jobs left because the budget was spent


def supervise(
    batch: Batch,
    home: Path,
    limits: Limits,
    *,
    threads: int = 1,
    device: str = "auto",
    budget_seconds: float | None = None,
    environment: Mapping[str, str] | None = None,
    worker: Sequence[str] = (),
    on_end: Callable[[Job], None] | None = None,
) -> Supervised:
    """Run all jobs of the batch, each to its end or its limits.

    No job is begun that would probably pass `budget_seconds`, a sum over the jobs' seconds.
    `on_end` is told of each job that ended, well or not.
    Raises EvaluationCrashed when a worker dies before it begins a job.
    """
    result = Supervised([], 0.0, 0)
    left = batch.jobs
    while left:
        budget = None if budget_seconds is None else budget_seconds - result.device_seconds
        process = _Worker(Batch(left), home, threads, device, budget, environment, worker, on_end)
        try:
            reason = process.watch(limits)
        finally:
            process.kill()  # also when this process is asked to end
        for number, said in process.ended.items():
            result.device_seconds += said.seconds
            if said.reason is not None:
                result.failures.append(JobFailure(left[number], said.reason))
        at = process.at
        if at is None:
            result.not_begun = len(left) - len(process.ended)
            if reason is not None:
                raise EvaluationCrashed(f"{reason}: {process.tail()} (log: {process.log})")
            break
        seconds = time.monotonic() - process.begun
        reason = reason or "ended without a word"
        land_failure(
            left[at],
            reason,
            home,
            started=process.started,
            wall_seconds=seconds,
            device=None if device == "auto" else device,
            log=process.log.relative_to(home).as_posix(),
            peak_memory_bytes=process.peak_bytes or None,
        )
        result.failures.append(JobFailure(left[at], reason))
        if on_end is not None:
            on_end(left[at])
        result.device_seconds += seconds
        left = left[at + 1 :]
    return result


class _Worker:
    """A worker process and what it has said so far."""

    def __init__(
        self,
        batch: Batch,
        home: Path,
        threads: int,
        device: str,
        budget: float | None,
        environment: Mapping[str, str] | None,
        worker: Sequence[str],
        on_end: Callable[[Job], None] | None,
    ) -> None:
        self._jobs = batch.jobs
        self._on_end = on_end
        text = batch.to_json()
        name = digest(text)[:16]
        folder = home / "runs" / "batches"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{name}.json"
        write_atomically(path, text.encode())
        self.log = folder / f"{name}.log"
        self._progress = folder / f"{name}.{os.getpid()}.{time.monotonic_ns()}.progress"
        self._progress.touch()
        self._read = 0
        self.at: int | None = None  # the job it is at
        self.begun = time.monotonic()  # that job, or the process
        self.started = datetime.now(UTC)
        self.ended: dict[int, _Ended] = {}
        self.peak_bytes = 0
        command = [
            *(worker or (sys.executable, "-m", "proxylm.evaluation")),
            str(path),
            "--home",
            str(home),
            "--threads",
            str(threads),
        ]
        command += ["--device", device, "--progress", str(self._progress)]
        if budget is not None:
            command += ["--budget-seconds", str(budget)]
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=None if environment is None else dict(environment),
                start_new_session=True,
            )

    def watch(self, limits: Limits) -> str | None:
        """Wait for the end, or bring it about; why the job it was at is lost, or None."""
        while True:
            status = self._process.poll()
            self._read_progress()
            if status is not None:
                return _how_it_ended(status)
            if time.monotonic() - self.begun > limits.seconds:
                return f"stopped after {limits.seconds:g} s (PLM_EVALUATION_SECONDS)"
            used = self._used_bytes()
            self.peak_bytes = max(self.peak_bytes, used)
            if used > limits.memory_bytes:
                return (
                    f"used {used / GIB:.2f} GiB of memory, may use {limits.memory_bytes / GIB:.2f} "
                    "(PLM_EVALUATION_MEMORY_BYTES)"
                )
            time.sleep(POLL_SECONDS)

    def kill(self) -> None:
        """End the worker and all it started; nothing happens if they are gone."""
        for process in self._family():
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        self._process.wait()
        self._read_progress()
        self._progress.unlink(missing_ok=True)

    def tail(self) -> str:
        """The last line of the log."""
        text = self.log.read_text(errors="replace")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        return lines[-1] if lines else "no output"

    def _family(self) -> list[psutil.Process]:
        try:
            process = psutil.Process(self._process.pid)
            return [*process.children(recursive=True), process]
        except psutil.NoSuchProcess:
            return []

    def _used_bytes(self) -> int:
        used = 0
        for process in self._family():
            try:
                used += process.memory_info().rss
            except psutil.NoSuchProcess:
                continue
        return used

    def _read_progress(self) -> None:
        with self._progress.open("rb") as file:
            file.seek(self._read)
            for line in file:
                if not line.endswith(b"\n"):
                    break  # being written at this moment
                self._read += len(line)
                said = json.loads(line)
                if said["event"] == "begin":
                    self.at, self.begun = said["job"], time.monotonic()
                    self.started, self.peak_bytes = datetime.now(UTC), 0
                else:
                    self.ended[said["job"]] = _Ended(said["seconds"], said["reason"])
                    self.at = None
                    if self._on_end is not None:
                        self._on_end(self._jobs[said["job"]])


def _how_it_ended(status: int) -> str | None:
    if status in (0, 1):  # went through its jobs; 1: some are recorded as failed
        return None
    if status < 0:
        name = signal.Signals(-status).name
        hint = ", perhaps because the machine's memory was full" if name == "SIGKILL" else ""
        return f"ended by signal {name}{hint}"
    return f"ended with exit code {status}"
