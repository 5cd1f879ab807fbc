"""A user's own observed scores: CSV, JSON lines or a harness's result file into records.

The columns, which are also the keys of a JSON line, are described in docs/import-scores.md. Result
files become the same columns in `score_files`; what imports share is in `imports.py`.
"""

import json
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

from proxylm import identity
from proxylm.catalogue import did_you_mean
from proxylm.errors import InputError, UsageError
from proxylm.imports import (
    ImportedRow,
    ImportedRows,
    Rejection,
    imported_evaluation,
    imported_run,
    number,
    read_csv,
)
from proxylm.languages import resolve
from proxylm.records import MODES, TASK_METRICS, TASKS, Corpus, Language, Model, Score, Setting
from proxylm.score_files import read_results

REQUIRED = ("task", "model", "mode", "source_lang", "target_lang", "test_corpus", "metric", "value")
OPTIONAL = ("train_corpus", "train_size", "half_width", "n_segments", "revision", "signature")


_HOW = "how"
"""Of result files only: what was prompted or trained, in place of a recipe."""


def read_scores(path: Path, models: Collection[Model], model: str | None = None) -> ImportedRows:
    """Read a user's scores; `models` are those that are known.

    `model` names the one that a harness's result file (`.json`) is about, where the file does not
    or calls it otherwise. Raises InputError where the file as a whole cannot be read. Rows that
    cannot be used are in `rejected`, with their line (of a result file: the score's number) and
    reason.
    """
    if model is not None and path.suffix != ".json":
        raise UsageError(f"{path} has a column `model`; --model is for result files (.json)")
    known = {model.model_id: model for model in models}
    result = ImportedRows(path, [], [], [])
    seen: dict[str, int] = {}
    revisions: dict[tuple[str, str], Model] = {}
    for line, cells in _lines(path, known, model):
        try:
            if isinstance(cells, str):
                raise InputError(cells)
            row = _row(path, line, cells, known)
            key = row.scores[0].score_key
            if key in seen:
                raise InputError(f"the same score as {result.unit} {seen[key]}")
            seen[key] = line
        except (InputError, UsageError) as error:
            result.rejected.append(Rejection(line, str(error)))
            continue
        result.rows.append(row)
        run = row.runs[0]
        template = known[run.model_id]
        revisions[run.model_id, run.revision] = Model(
            run.model_id,
            run.revision,
            template.architecture,
            template.n_parameters,
            template.proxy_modes,
            template.estimated_modes,
            str(path.name),
        )
    result.models = list(revisions.values())
    return result


def _lines(
    path: Path, known: Iterable[str], model: str | None
) -> Iterator[tuple[int, dict[str, str] | str]]:
    """Number and cells of each row, or why it cannot be used."""
    if path.suffix == ".json":
        for entry in read_results(path, model):
            if entry.reason:
                yield entry.number, f"{entry.name}: {entry.reason}"
            else:
                named = _known_name(entry.cells["model"], known)
                yield entry.number, {**entry.cells, "model": named}
        return
    if path.suffix in (".jsonl", ".ndjson"):
        yield from _json_lines(path)
        return
    lines = read_csv(path)
    _, header = next(lines)
    names = [name.strip() for name in header]
    _check_names(str(path), names)
    for line, cells in lines:
        # A row of the wrong length reaches _row, which rejects it by its line.
        yield line, dict(zip(names, cells, strict=False)) if len(cells) == len(names) else {}


def _known_name(name: str, known: Iterable[str]) -> str:
    """The known model of that name; owner and case of a hub's name do not matter."""
    short = name.rpartition("/")[2].casefold()
    same = [model for model in known if model.casefold() == short]
    return same[0] if name not in known and len(same) == 1 else name


def _json_lines(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; check the path") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 (byte {error.start}); convert it first") from None
    if not text.strip():
        raise InputError(f"{path} is empty; it needs one JSON object a line")
    for line, content in enumerate(text.splitlines(), start=1):
        if not content.strip():
            continue
        try:
            record: Any = json.loads(content)
        except ValueError as error:
            raise InputError(f"{path}, line {line}: not JSON ({error})") from None
        if not isinstance(record, dict):
            raise InputError(f"{path}, line {line}: not a JSON object")
        _check_names(f"{path}, line {line}", list(record))
        yield line, {k: "" if v is None else str(v) for k, v in record.items()}


def _check_names(place: str, names: list[str]) -> None:
    if missing := [name for name in REQUIRED if name not in names]:
        raise InputError(f"{place}: column {', '.join(missing)} is missing")
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"{place}: column {name} stands twice")
        if name not in REQUIRED + OPTIONAL:
            hint = did_you_mean(name, REQUIRED + OPTIONAL)
            raise InputError(f"{place}: unknown column {name!r}{hint}")


def _row(path: Path, line: int, cells: dict[str, str], known: dict[str, Model]) -> ImportedRow:
    if not cells:
        raise InputError("not as many cells as the header has")
    text = {name: (cells.get(name) or "").strip() for name in (*REQUIRED, *OPTIONAL, _HOW)}
    for name in REQUIRED:
        if not text[name]:
            raise InputError(f"{name} is empty")
    task, mode, model_id = text["task"], text["mode"], text["model"]
    _one_of("task", task, TASKS)
    _one_of("mode", mode, MODES)
    _one_of("metric", text["metric"], TASK_METRICS[task])
    if model_id not in known:
        raise InputError(
            f"unknown model {model_id!r}{did_you_mean(model_id, known) or ';'} "
            "add it with `plm-admin add-model`"
        )
    trained = mode != "zero_shot"
    if trained and not text["train_corpus"]:
        raise InputError(f"train_corpus is empty; {mode} needs one")
    languages = [resolve(text["source_lang"]), resolve(text["target_lang"])]
    source, target = languages[0].code, languages[1].code
    size = _whole(text["train_size"], "train_size")
    n_segments = _whole(text["n_segments"], "n_segments")
    value, half_width = _score(text)
    train, test = text["train_corpus"] if trained else None, text["test_corpus"]
    row = ImportedRow(line)
    setting = Setting(
        identity.setting_key(task, source, target, train or "", size, test),
        task,
        source,
        target,
        train or "",
        size,
        test,
        identity.run_group(task, source, target, train or "", size),
    )
    if trained:
        row.setting = setting
    both = (source, target)
    trained_on = (both if task == "mt" else both[:1]) if trained else ()
    revision, how = text["revision"] or "user", text[_HOW] or "user"
    run = imported_run(
        model_id=model_id,
        revision=revision,
        mode=mode,
        recipe=how,
        seed="user",
        train_corpus=train,
        train_fingerprint=_fingerprint(train) if train else None,
        train_size=size if trained else None,
        languages=trained_on,
        source=path.name,
    )
    evaluation = imported_evaluation(run, setting, _fingerprint(test), n_segments)
    signature = text["signature"] or f"{text['metric']}|user"
    row.runs, row.evaluations = [run], [evaluation]
    row.scores = [
        Score(
            identity.score_key(evaluation.evaluation_key, text["metric"], signature),
            evaluation.evaluation_key,
            text["metric"],
            value,
            half_width,
            "given" if half_width is not None else None,
            n_segments,
            signature,
            "imported",
            f"{path.name}:{line}",
        )
    ]
    row.languages = [
        Language(x.code, x.name, x.script, x.script_assumed, x.spelling, path.name)
        for x in languages
    ]
    sides = both if task == "mt" else (target, target)
    row.corpora = [
        Corpus(test, *sides, _fingerprint(test), task, None, None, n_segments, None, path.name)
    ]
    return row


def _score(text: dict[str, str]) -> tuple[float, float | None]:
    metric = text["metric"]
    value = number(text["value"], "value")
    top = {"comet": 1.0, "TER": float("inf")}.get(metric, 100.0)
    if not 0 <= value <= top:
        hint = "; give it as 0-1" if metric == "comet" else "; give it as 0-100"
        raise InputError(f"value is {value:g}, outside {metric}'s range{hint}")
    half_width = number(text["half_width"], "half_width") if text["half_width"] else None
    if half_width is not None and half_width < 0:
        raise InputError(f"half_width is {half_width:g}, below 0")
    return value, half_width


def _whole(text: str, column: str) -> int | None:
    if not text:
        return None
    value = number(text, column)
    if value != int(value) or value <= 0:
        raise InputError(f"{column} is {text!r}, not a number of lines")
    return int(value)


def _one_of(column: str, value: str, allowed: Collection[str]) -> None:
    if value not in allowed:
        hint = did_you_mean(value, allowed)
        raise InputError(f"{column} is {value!r}, not one of {', '.join(allowed)}{hint}")


def _fingerprint(corpus: str) -> str:
    return f"user:{corpus}"
