"""What every import of scores from outside has in common: rows, rejections, runs without cost.

`published.py` and `user_scores.py` read their formats into these. Nothing here writes.
"""

import csv
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from proxylm import identity
from proxylm.errors import InputError
from proxylm.records import (
    Bundle,
    Corpus,
    Evaluation,
    Feature,
    Language,
    Model,
    Run,
    Score,
    Setting,
)

T = TypeVar("T")


@dataclass(frozen=True)
class Rejection:
    """A row that cannot be used."""

    line: int  # line of the file, the header is line 1; of a result file the score's number
    reason: str


@dataclass
class ImportedRow:
    """The records of one line."""

    line: int
    languages: list[Language] = field(default_factory=list)
    corpora: list[Corpus] = field(default_factory=list)
    setting: Setting | None = None
    runs: list[Run] = field(default_factory=list)
    evaluations: list[Evaluation] = field(default_factory=list)
    scores: list[Score] = field(default_factory=list)
    features: list[Feature] = field(default_factory=list)


@dataclass
class ImportedRows:
    """What a file gave: rows read = rows loaded + rows rejected."""

    path: Path
    rows: list[ImportedRow]
    rejected: list[Rejection]
    models: list[Model]

    @property
    def read(self) -> int:
        return len(self.rows) + len(self.rejected)

    @property
    def unit(self) -> str:
        """What `line` counts: a harness's result file has scores instead of lines."""
        return "score" if self.path.suffix == ".json" else "line"

    def reject_contradictions(self, known: dict[str, float]) -> None:
        """Move rows with a score that `known` (score_key to value) has with another value."""
        kept = []
        for row in self.rows:
            clash = next(
                (s for s in row.scores if known.get(s.score_key, s.value) != s.value), None
            )
            if clash is None:
                kept.append(row)
            else:
                reason = (
                    f"{clash.metric} is {clash.value:g} here and {known[clash.score_key]:g} in the "
                    "warehouse; scores are never rewritten"
                )
                self.rejected.append(Rejection(row.line, reason))
        self.rows = kept
        self.rejected.sort(key=lambda rejection: rejection.line)

    def score_keys(self) -> list[str]:
        """Keys of all scores of the rows that are left."""
        return [score.score_key for row in self.rows for score in row.scores]

    @property
    def bundle(self) -> Bundle:
        """The records of the rows that are left, each key once."""
        rows = self.rows
        used = {run.model_id for row in rows for run in row.runs}
        return Bundle(
            languages=_once((x for r in rows for x in r.languages), "language"),
            models=[model for model in self.models if model.model_id in used],
            corpora=_merged_corpora(x for r in rows for x in r.corpora),
            settings=_once((r.setting for r in rows if r.setting), "setting_key"),
            runs=_once((x for r in rows for x in r.runs), "run_id"),
            evaluations=_once((x for r in rows for x in r.evaluations), "evaluation_key"),
            scores=_once((x for r in rows for x in r.scores), "score_key"),
            features=[x for r in rows for x in r.features],
        )


def read_csv(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Lines of a CSV file as (line number, cells), the header first; blank lines are left out.

    Raises InputError for a file that is absent, empty, not UTF-8 or not CSV.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; check the path") from None
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}: not UTF-8 (byte {error.start}); convert it, for example with iconv"
        ) from None
    reader = csv.reader(text.splitlines(keepends=True), strict=True)
    found = False
    try:
        for cells in reader:
            if cells:
                found = True
                yield reader.line_num, cells
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.line_num}: not CSV ({error})") from None
    if not found:
        raise InputError(f"{path} is empty; it needs a header line and rows")


def number(text: str, column: str) -> float:
    """A finite number. Raises InputError naming the column otherwise."""
    try:
        value = float(text)
    except ValueError:
        raise InputError(f"{column} is {text!r}, not a number") from None
    if not math.isfinite(value):
        raise InputError(f"{column} is {text!r}, not a finite number")
    return value


def imported_run(
    *,
    model_id: str,
    revision: str,
    mode: str,
    recipe: str,
    seed: str,
    train_corpus: str | None,
    train_fingerprint: str | None,
    train_size: int | None,
    languages: tuple[str, ...],
    source: str,
) -> Run:
    """The one run of an imported training key. Its cost is unknown.

    Without a training corpus it is zero-shot; what was prompted is as little known as the recipe.
    """
    training_key = identity.training_key(
        model_id=model_id,
        revision=revision,
        mode=mode,
        recipe=recipe,
        seed=seed,
        train_corpus=train_corpus,
        train_fingerprint=train_fingerprint,
        train_size=train_size,
        languages=languages,
        prompt=recipe if mode == "zero_shot" else None,
    )
    return Run(
        run_id=identity.digest({"imported": training_key}),
        training_key=training_key,
        model_id=model_id,
        revision=revision,
        mode=mode,
        recipe=recipe,
        seed=seed,
        train_corpus=train_corpus,
        train_fingerprint=train_fingerprint,
        train_size=train_size,
        languages=languages,
        origin="imported",
        source=source,
        status="completed",
        reason=None,
        device=None,
        started_at=None,
        wall_seconds=None,
        gpu_seconds=None,
        peak_memory_bytes=None,
        arguments=None,
        packages=None,
        code_revision=None,
        log=None,
    )


def imported_evaluation(
    run: Run, setting: Setting, test_fingerprint: str, n_segments: int | None
) -> Evaluation:
    """The evaluation of an imported run on the test corpus of `setting`."""
    key = identity.evaluation_key(
        training_key=run.training_key,
        task=setting.task,
        source_lang=setting.source_lang,
        target_lang=setting.target_lang,
        test_corpus=setting.test_corpus,
        test_fingerprint=test_fingerprint,
        split_version=run.recipe,
        decoding=run.recipe,
        precision=run.recipe,
        backend=run.recipe,
    )
    return Evaluation(
        evaluation_key=key,
        training_key=run.training_key,
        run_id=run.run_id,
        task=setting.task,
        source_lang=setting.source_lang,
        target_lang=setting.target_lang,
        test_corpus=setting.test_corpus,
        test_fingerprint=test_fingerprint,
        split_version=run.recipe,
        decoding=run.recipe,
        precision=run.recipe,
        backend=run.recipe,
        segment_limit=None,
        n_segments=n_segments,
        wall_seconds=None,
        hypotheses=None,
        origin="imported",
    )


def _once(records: Iterable[T], key: str) -> list[T]:
    kept: dict[str, T] = {}
    for record in records:
        kept.setdefault(getattr(record, key), record)
    return list(kept.values())


def _merged_corpora(corpora: Iterable[Corpus]) -> list[Corpus]:
    """One record a corpus and languages; sizes known from any row are kept, the largest."""
    merged: dict[tuple[str, str, str], Corpus] = {}
    for corpus in corpora:
        key = (corpus.corpus_id, corpus.source_lang, corpus.target_lang)
        other = merged.get(key, corpus)
        merged[key] = replace(
            corpus,
            n_train=max(filter(None, (corpus.n_train, other.n_train)), default=None),
            n_test=max(filter(None, (corpus.n_test, other.n_test)), default=None),
        )
    return list(merged.values())
