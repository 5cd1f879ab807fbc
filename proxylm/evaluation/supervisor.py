"""Runs a batch in a process of its own and outlives whatever happens there.

The worker says in an append-only file which job it is at. A job that takes too long or too much
memory is killed with everything it started; one that crashes is noticed. Each becomes a failed run
on record, and a new worker goes on with the jobs that are left. Loads no model and no torch.
"""

import contextlib
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
    Raises EvaluationCrashed when a worker is lost before it begins a job.
    """
    result = Supervised([], 0.0, 0)
    left = batch.jobs
    while left:
        budget = None if budget_seconds is None else budget_seconds - result.device_seconds
        process = _Worker(Batch(left), home, threads, device, budget, environment, worker, on_end)
        try:
            reason = process.watch(limits)
            accused = process.at
        finally:
            process.kill()  # also when this process is asked to end
        for number, said in process.ended.items():
            result.device_seconds += said.seconds
            if said.reason is not None:
                result.failures.append(JobFailure(left[number], said.reason))
        if reason is None:
            result.not_begun = len(left) - len(process.ended)
            break
        if accused is None or accused != process.at:
            # No job was at work, or it came to its end after all while the process was stopped.
            if not process.ended:
                raise EvaluationCrashed(f"{reason} (log: {process.log})")
            left = left[len(process.ended) :]
            continue
        seconds = time.monotonic() - process.begun
        land_failure(
            left[accused],
            reason,
            home,
            started=process.started,
            wall_seconds=seconds,
            device=None if device == "auto" else device,
            log=process.log.relative_to(home).as_posix(),
            peak_memory_bytes=process.peak_bytes or None,
        )
        result.failures.append(JobFailure(left[accused], reason))
        if on_end is not None:
            on_end(left[accused])
        result.device_seconds += seconds
        left = left[accused + 1 :]
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
        self._root = psutil.Process(self._process.pid)
        self._seen = {self._root}

    def watch(self, limits: Limits) -> str | None:
        """Wait for the end, or for a limit to be passed; why it must not go on, or None."""
        while True:
            status = self._process.poll()
            self._read_progress()
            if status is not None:
                return self._why_it_ended(status)
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
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self._process.wait()
        self._read_progress()
        self._progress.unlink(missing_ok=True)

    def _family(self) -> set[psutil.Process]:
        """The worker and what it started: also what has outlived it, as far as it was seen."""
        with contextlib.suppress(psutil.NoSuchProcess):
            self._seen.update(self._root.children(recursive=True))
        # Not one that has got the number of a process that is gone.
        self._seen = {process for process in self._seen if process.is_running()}
        return self._seen

    def _used_bytes(self) -> int:
        used = 0
        for process in self._family():
            with contextlib.suppress(psutil.NoSuchProcess):
                used += process.memory_info().rss
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
                    self.at, self.begun = None, time.monotonic()
                    if self._on_end is not None:
                        self._on_end(self._jobs[said["job"]])

    def _why_it_ended(self, status: int) -> str | None:
        """None for a worker that went through its jobs, whether they failed or not."""
        failed = any(said.reason is not None for said in self.ended.values())
        if self.at is None and status == (1 if failed else 0):
            return None
        if status >= 0:
            return f"ended with exit code {status}: {self._last_words()}"
        name = signal.Signals(-status).name
        hint = ", perhaps because the machine's memory was full" if name == "SIGKILL" else ""
        return f"ended by signal {name}{hint}"

    def _last_words(self) -> str:
        text = self.log.read_text(errors="replace")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        return lines[-1][:300] if lines else "no output"
