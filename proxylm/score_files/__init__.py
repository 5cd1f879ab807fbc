"""Result files of evaluation harnesses, as rows of a user's scores.

Each harness has a module that knows its layout and which of its tasks, metrics and languages are
ours. Nothing is guessed: what cannot be mapped is an entry with its reason.
"""

import json
from collections.abc import Iterator
from pathlib import Path

from proxylm.errors import InputError
from proxylm.score_files import lm_eval, mteb
from proxylm.score_files.entries import Entry


def read_results(path: Path, model: str | None = None) -> Iterator[Entry]:
    """The scores of a result file, in its order; `model` goes before the name in the file.

    Raises InputError for a file that is not JSON or of no harness that is known.
    """
    try:
        data = json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; check the path") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not JSON ({error})") from None
    if isinstance(data, dict) and lm_eval.is_result(data):
        return lm_eval.entries(data, model)
    if isinstance(data, dict) and mteb.is_result(data):
        return mteb.entries(path, data, model)
    raise InputError(
        f"{path} is no result of lm-evaluation-harness (it would have `results` and `configs`) or "
        "MTEB (`task_name` and `scores`, or `task_results`)"
    )
