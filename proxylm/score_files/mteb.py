"""MTEB: the result of a task (`task_name`, `scores` by split), or of a model (`task_results`).

Its intent classification trains a logistic regression on the frozen model's embeddings with a few
lines a label (8 unless told otherwise), in each language by itself. That is another experiment than
training on all of a corpus, so its training corpus is `<corpus>-mteb`. The file of one task does
not name its model; `model_meta.json`, which MTEB writes beside it, does.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from proxylm.score_files.entries import Entry, an_object, as_text

_TASKS = {
    "MassiveIntentClassification": "massive",
    "MTOPIntentClassification": "mtop",
    "InjongoIntent": "injongo",
}
"""MTEB's tasks that classify intents, and their corpus."""


def is_result(data: dict[str, Any]) -> bool:
    """Whether a file looks like one of MTEB."""
    one = "task_name" in data and isinstance(data.get("scores"), dict)
    return one or isinstance(data.get("task_results"), list)


def entries(path: Path, data: dict[str, Any], model: str | None) -> Iterator[Entry]:
    """One entry a task, split and subset; a subset is a language."""
    meta = data if "task_results" in data else _meta(path)
    named = model or meta.get("model_name") or meta.get("name") or ""
    revision = meta.get("model_revision") or meta.get("revision") or ""
    number = 0
    for result in map(an_object, data.get("task_results", [data])):
        task = str(result.get("task_name"))
        for split, subsets in an_object(result.get("scores")).items():
            for subset in map(an_object, subsets if isinstance(subsets, list) else []):
                number += 1
                name = f"{task} {split} {subset.get('hf_subset')}"
                languages = subset.get("languages") or []
                if reason := _obstacle(task, split, languages, named):
                    yield Entry(number, name, {}, reason)
                    continue
                corpus = _TASKS[task]
                how = f"mteb:{task}@{result.get('dataset_revision')}"
                version = result.get("mteb_version")
                cells = {
                    "task": "intent",
                    "model": str(named),
                    "mode": "fine_tuned",
                    "source_lang": str(languages[0]),
                    "target_lang": str(languages[0]),
                    "train_corpus": f"{corpus}-mteb",
                    "test_corpus": corpus,
                    "metric": "accuracy",
                    "value": as_text(subset.get("accuracy"), 100),
                    "revision": str(revision),
                    "signature": f"accuracy|{how}|mteb:{version}|subset:{subset.get('hf_subset')}",
                    "how": how,
                }
                yield Entry(number, name, cells)


def _obstacle(task: str, split: str, languages: Any, model: str) -> str | None:
    if task not in _TASKS:
        return f"{task} is none of mt, intent and slot ({', '.join(_TASKS)} are read)"
    if split != "test":
        return f"the split {split} is not what is tested on"
    if not isinstance(languages, list) or len(languages) != 1:
        return f"a subset is one language here; this one has {languages}"
    if not model:
        return "the file does not name its model, nor is model_meta.json beside it; give --model"
    return None


def _meta(path: Path) -> dict[str, Any]:
    try:
        return an_object(json.loads((path.parent / "model_meta.json").read_bytes()))
    except (OSError, ValueError):
        return {}
