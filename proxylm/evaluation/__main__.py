"""A worker process: `python -m proxylm.evaluation BATCH.json --home HOME [--threads N]`.

Leaves with 0 when every job is done, 1 when one failed (the landing files say which and why), 2
when the batch cannot be read.
"""

import argparse
import sys
from pathlib import Path

from proxylm.errors import InputError
from proxylm.evaluation.contract import Batch


def main() -> int:
    """Run the batch; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m proxylm.evaluation")
    parser.add_argument("batch", type=Path, help="JSON file with the jobs")
    parser.add_argument("--home", type=Path, required=True, help="folder of the project, PLM_HOME")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (default 1)")
    arguments = parser.parse_args()
    try:
        batch = Batch.from_json(arguments.batch.read_text(encoding="utf-8"))
    except (OSError, InputError) as error:
        sys.stderr.write(f"{arguments.batch}: {error}\n")
        return 2
    # Only now: loading torch takes seconds, which a wrong argument should not cost.
    from proxylm.evaluation.engine import evaluate

    results = evaluate(batch, arguments.home, arguments.threads)
    return 1 if any(result.run.status == "failed" for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
