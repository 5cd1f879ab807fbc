"""A worker process: `python -m proxylm.evaluation BATCH.json --home HOME [--threads N] ...`.

Leaves with 0 when every job is done, 1 when one failed (the landing files say which and why), 2
when the batch cannot be read.
"""

import argparse
import contextlib
import faulthandler
import json
import os
import sys
from pathlib import Path

from proxylm.errors import InputError
from proxylm.evaluation.contract import Batch
from proxylm.evaluation.mortal import die_with


def main() -> int:
    """Run the batch; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m proxylm.evaluation")
    parser.add_argument("batch", type=Path, help="JSON file with the jobs")
    parser.add_argument("--home", type=Path, required=True, help="folder of the project, PLM_HOME")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (default 1)")
    parser.add_argument("--device", default="auto", help="auto (default), cpu, cuda or cuda:N")
    parser.add_argument("--progress", type=Path, help="file that says which job it is at")
    parser.add_argument("--budget-seconds", type=float, help="begin no job that would pass this")
    arguments = parser.parse_args()
    try:
        batch = Batch.from_json(arguments.batch.read_text(encoding="utf-8"))
    except (OSError, InputError) as error:
        sys.stderr.write(f"{arguments.batch}: {error}\n")
        return 2
    faulthandler.enable()  # a crash leaves its stack in the log
    if arguments.progress is not None:
        _be_expendable()
    # Only now: loading torch takes seconds, which a wrong argument should not cost.
    from proxylm.evaluation.engine import evaluate

    def say(event: str, job: int, seconds: float = 0.0, reason: str | None = None) -> None:
        if arguments.progress is None:
            return
        line = json.dumps({"event": event, "job": job, "seconds": seconds, "reason": reason})
        with arguments.progress.open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    try:
        results = evaluate(
            batch,
            arguments.home,
            arguments.threads,
            arguments.device,
            on_job=say,
            budget_seconds=arguments.budget_seconds,
        )
    except InputError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 1 if any(result.run.status == "failed" for result in results) else 0


def _be_expendable() -> None:
    """Let the kernel take this process first when memory ends, and with its supervisor."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
    die_with(os.getppid())


if __name__ == "__main__":
    sys.exit(main())
