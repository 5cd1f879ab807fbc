"""lm-evaluation-harness: `results_*.json` with `results`, `configs` and `versions`.

Its tasks are prompts without training, so their mode is `zero_shot`. A score that was made with
examples, with an adapter or on the first lines only would be another thing: it is refused. Metrics
are computed by the harness with sacreBLEU's defaults: bleu (13a), chrf (chrF2), chrf++, ter.
"""

import re
from collections.abc import Iterator
from typing import Any

from proxylm.identity import digest
from proxylm.score_files.entries import Entry, an_object, as_text

_LANGUAGE = r"[a-z]{2,3}(?:_[A-Z][a-z]{3})?"
_PROMPT = r"(?:_prompt_\d+)?"
_TASKS = (
    (
        "mt",
        rf"(?:\w+_bench_)?(?P<corpus>flores|ntrex|mafand|salt)_(?P<source>{_LANGUAGE})"
        rf"-(?P<target>{_LANGUAGE}){_PROMPT}",
    ),
    ("mt", r"(?P<corpus>wmt\d\d|iwslt2017)-(?P<source>[a-z]{2})-(?P<target>[a-z]{2})"),
    ("intent", rf"(?P<corpus>injongo)intent_(?P<source>{_LANGUAGE}){_PROMPT}"),
)
"""Our task, and the names of the harness's tasks that are it."""
_METRICS = {
    "mt": {
        "bleu": ("BLEU", 1),
        "chrf": ("chrF2", 1),
        "chrf++": ("chrF2++", 1),
        "ter": ("TER", 1),
    },
    "intent": {"acc": ("accuracy", 100)},
}
"""Task and the harness's metric to our metric, and what it is multiplied by."""


def is_result(data: dict[str, Any]) -> bool:
    """Whether a file looks like one of this harness."""
    return isinstance(data.get("results"), dict) and isinstance(data.get("configs"), dict)


def entries(data: dict[str, Any], model: str | None) -> Iterator[Entry]:
    """Every metric of every task. Groups of tasks are left out: their members are there."""
    run = an_object(data.get("config"))
    arguments = _arguments(run.get("model_args"))
    named = model or arguments.get("pretrained") or data.get("model_name") or ""
    revision = run.get("model_sha") or arguments.get("revision") or ""
    number = 0
    groups = an_object(data.get("groups"))
    for task, values in data["results"].items():
        if task in groups:
            continue
        for key, value in an_object(values).items():
            metric, _, kept = key.partition(",")  # the filter of the answers
            if key in ("alias", "name", "sample_len") or metric.endswith("_stderr"):
                continue
            number += 1
            name = f"{task} {metric}"
            match = _match(task)
            reason = match if isinstance(match, str) else _obstacle(data, run, arguments, task)
            if reason or isinstance(match, str):
                yield Entry(number, name, {}, reason)
                continue
            ours, corpus, source, target = match
            if metric not in _METRICS[ours]:
                known = ", ".join(_METRICS[ours])
                yield Entry(number, name, {}, f"{metric} is no metric of {ours} here ({known} are)")
                continue
            our_metric, factor = _METRICS[ours][metric]
            error = an_object(values).get(f"{metric}_stderr,{kept}")
            version = an_object(data.get("versions")).get(task, "?")
            how = f"lm-eval:{task}@{version}:{digest({'arguments': arguments})[:8]}"
            n_lines = an_object(an_object(data.get("n-samples")).get(task)).get("effective")
            cells = {
                "task": ours,
                "model": str(named),
                "mode": "zero_shot",
                "source_lang": source,
                "target_lang": target,
                "test_corpus": corpus,
                "metric": our_metric,
                "value": as_text(value, factor),
                "half_width": as_text(error, 1.96 * factor) if _is_number(error) else "",
                "n_segments": as_text(n_lines) if _is_number(n_lines) else "",
                "revision": str(revision),
                "signature": f"{our_metric}|{how}|filter:{kept or 'none'}",
                "how": how,
            }
            yield Entry(number, name, cells)


def _match(task: str) -> tuple[str, str, str, str] | str:
    """Our task, corpus, source and target language; or why it is none of ours."""
    for ours, pattern in _TASKS:
        if match := re.fullmatch(pattern, task):
            parts = match.groupdict()
            return ours, parts["corpus"], parts["source"], parts.get("target") or parts["source"]
    return "this task is none of mt, intent and slot, or its languages are not in its name"


def _obstacle(
    data: dict[str, Any], run: dict[str, Any], arguments: dict[str, str], task: str
) -> str | None:
    """What makes a score another one than that of the model without training."""
    config = an_object(data["configs"].get(task))
    shots = an_object(data.get("n-shot")).get(task, config.get("num_fewshot"))
    if shots is None:
        return "the file does not say how many examples were in the prompt"
    if shots != 0:
        return f"{shots} examples were in the prompt; only zero_shot is a mode here"
    if adapter := arguments.get("peft"):
        return f"the model had an adapter, {adapter}; import it as CSV with its mode"
    lines = an_object(an_object(data.get("n-samples")).get(task))
    if run.get("limit") or lines.get("effective") != lines.get("original"):
        return "only a part of the test lines was used (limit)"
    return None


def _arguments(value: Any) -> dict[str, str]:
    """`model_args`: an object, or `name=value,name=value`."""
    if isinstance(value, dict):
        return {str(k): str(v) for k, v in value.items()}
    pairs = (part.partition("=") for part in str(value or "").split(","))
    return {name.strip(): text.strip() for name, sign, text in pairs if sign}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
