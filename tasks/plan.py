"""Stage `plan`: what the catalogue wants, minus what the warehouse has."""

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import duckdb
from prefect import task

from proxylm.catalogue import IMPORTED, UNPINNED, CorpusEntry, ModelEntry, read_catalogue
from proxylm.corpora import read_sizes
from proxylm.errors import InputError
from proxylm.evaluation.contract import Batch, Job, ModelSpec, TextPart
from tasks.catalogue import part_path, without_text
from warehouse.database import reading
from warehouse.home import Home

SEED = 0
JOBS_PER_BATCH = 6
"""Trainings in one batch: enough to pay for a process's start, few enough to share the work."""
TRIES = 3
"""Failed runs of one training in a row after which it is parked."""


@dataclass(frozen=True)
class Wanted:
    """What of the catalogue is asked for; None asks for all."""

    model: str | None = None
    task: str | None = None
    source: str | None = None  # language trained on; for mt translated from
    target: str | None = None  # language tested on; for mt translated into
    limit: int | None = None  # lines of each test part
    parked: bool = False  # what has been given up, too
    corpus: str | None = None  # the corpus tested on
    role: str | None = None  # proxy or estimated


@dataclass
class Plan:
    """Evaluations that are wanted, and the batches that will make the missing ones."""

    batches: list[Batch] = field(default_factory=list)
    wanted: int = 0
    present: int = 0
    waiting: dict[str, str] = field(default_factory=dict)  # corpus or model: why nothing is done
    parked: dict[str, str] = field(default_factory=dict)  # training: why it failed the last time

    @property
    def missing(self) -> int:
        return self.wanted - self.present

    @property
    def to_make(self) -> int:
        """Those of the missing ones that are in a batch, not parked."""
        return sum(len(job.tests) for batch in self.batches for job in batch.jobs)


def plan(home: str, wanted: Wanted | None = None) -> Plan:
    """The plan for a home whose landing folder has been loaded."""
    wanted = wanted or Wanted()
    here = Home.find(home)
    catalogue = read_catalogue(here.catalogue)
    with reading(here) as connection:
        keys = connection.execute("SELECT evaluation_key FROM evaluations").fetchnumpy()
        given_up = {} if wanted.parked else {p.key: p.reason for p in parked(connection)}
    present = set(keys["evaluation_key"].tolist())
    result = Plan()
    jobs: dict[str, list[Job]] = defaultdict(list)
    parts = {corpus.id: _parts(here, corpus) for corpus in catalogue.corpora}
    pairs = [part for c in catalogue.corpora if c.task == "mt" for part in parts[c.id]]
    for corpus in catalogue.corpora:
        if wanted.task not in (None, corpus.task):
            continue
        absent, reason = without_text(here, corpus)
        if absent:
            result.waiting[corpus.id] = reason
        models = [model for model in catalogue.models if corpus.task in model.tasks]
        if not models:
            result.waiting[corpus.id] = f"no model in the catalogue evaluates {corpus.task}"
        for model in models:
            if wanted.model not in (None, model.id) or wanted.role not in (None, model.role):
                continue
            if model.kind == IMPORTED:
                if wanted.model == model.id:
                    result.waiting[model.id] = "its scores are imported (`plm-admin import-scores`)"
                continue
            if model.revision == UNPINNED:
                result.waiting[model.id] = (
                    "its commit on the hub is not known; `plm-admin fetch` asks for it, or set "
                    "`revision`"
                )
                continue
            for job in _jobs(parts[corpus.id], pairs, corpus, model, wanted):
                try:
                    missing = tuple(t for t in job.tests if job.evaluation_key(t) not in present)
                except InputError as error:  # its `inference`, or a kind without the task
                    result.waiting[model.id] = str(error)
                    break
                result.wanted += len(job.tests)
                result.present += len(job.tests) - len(missing)
                if not missing:
                    continue
                left = replace(job, tests=missing)
                key = (job.training_key, left.test_names)
                if key in given_up:
                    what = "-".join(job.languages) or ", ".join(left.test_names)
                    result.parked[f"{model.id} {what}"] = given_up[key]
                else:
                    jobs[model.id].append(left)
    # The largest models first: they take longest, and the fan-out should not end on one of them.
    sizes = {model.id: model.n_parameters or 0 for model in catalogue.models}
    for model_id in sorted(jobs, key=lambda name: -sizes[name]):
        chunk = len(jobs[model_id]) if _shares_work(jobs[model_id]) else JOBS_PER_BATCH
        for start in range(0, len(jobs[model_id]), chunk):
            result.batches.append(Batch(tuple(jobs[model_id][start : start + chunk])))
    return result


class Parked(NamedTuple):
    """A training with its tests that has been given up."""

    key: tuple[str, tuple[str, ...]]  # training key and names of the tests
    model_id: str
    reason: str  # of the last failure


def parked(connection: duckdb.DuckDBPyConnection) -> list[Parked]:
    """What failed TRIES times since it last completed."""
    rows = connection.execute(
        "WITH tried AS (SELECT *, (arguments->'tests')::VARCHAR[] AS tests FROM runs "
        "WHERE origin = 'measured') "
        "SELECT training_key, tests, any_value(model_id), arg_max(reason, started_at) "
        "FROM tried t WHERE status = 'failed' AND started_at > coalesce("
        "(SELECT max(c.started_at) FROM tried c WHERE c.training_key = t.training_key "
        "AND c.tests = t.tests AND c.status = 'completed'), '-infinity'::TIMESTAMP) "
        "GROUP BY training_key, tests HAVING count(*) >= ? ORDER BY 3, 1, 2",
        [TRIES],
    ).fetchall()
    return [Parked((key, tuple(tests)), model, why) for key, tests, model, why in rows]


@dataclass(frozen=True)
class _Part:
    """One language (or pair) of a corpus that has been fetched."""

    text: TextPart
    n_train: int
    n_test: int

    @property
    def pair(self) -> tuple[str, str]:
        return self.text.source_lang, self.text.target_lang


def _parts(home: Home, corpus: CorpusEntry) -> list[_Part]:
    parts = []
    absent, _ = without_text(home, corpus)
    for entry in corpus.parts:
        if entry in absent:
            continue
        path = part_path(home, corpus.id, entry)
        sizes = read_sizes(path)
        text = TextPart(
            corpus_id=corpus.id,
            source_lang=entry.language,
            target_lang=entry.with_language or entry.language,
            fingerprint=sizes.fingerprint,
            path=str(path.relative_to(home.path)),
        )
        parts.append(_Part(text, sizes.n_train, sizes.n_test))
    return parts


def _jobs(
    parts: list[_Part],
    pairs: list[_Part],
    corpus: CorpusEntry,
    model: ModelEntry,
    wanted: Wanted,
) -> list[Job]:
    """One training a part with the tests that fit it; without training one job a tested part.

    As in the paper: for intent and slot a model is trained in one language and tested in all; for
    mt it is trained on a pair and tested on that pair in every corpus (`pairs` are those of all).
    """
    spec = ModelSpec(model.id, model.revision, model.kind, model.config)
    languages = model.train_languages
    if model.mode == "zero_shot":
        # A language that a model does not know is then a failure of its own.
        rounds: list[tuple[_Part | None, list[_Part]]] = [(None, [part]) for part in parts]
    else:
        rounds = [
            (part, [p for p in pairs if p.pair == part.pair] if corpus.task == "mt" else parts)
            for part in parts
            if part.n_train and (languages is None or part.text.source_lang in languages)
        ]
    jobs = []
    for training, tests in rounds:
        tests = [part for part in tests if part.n_test and _is_asked_for(training, part, wanted)]
        # A limit that takes all lines is none: the score is a full one. So tests are parted by it.
        limits = {part.text: _limit(wanted.limit, part.n_test) for part in tests}
        for limit in sorted(set(limits.values()), key=lambda n: n or 0):
            jobs.append(
                Job(
                    model=spec,
                    mode=model.mode,
                    recipe=model.recipe,
                    seed=SEED,
                    train=training.text if training else None,
                    train_size=training.n_train if training else None,
                    tests=tuple(text for text, own in limits.items() if own == limit),
                    task=corpus.task,
                    inference=model.inference,
                    segment_limit=limit,
                )
            )
    return jobs


def _limit(limit: int | None, n_test: int) -> int | None:
    return None if limit is None or limit >= n_test else limit


def _is_asked_for(training: _Part | None, test: _Part, wanted: Wanted) -> bool:
    """Whether the languages are those wanted; intent and slot have the source they trained on."""
    trained_on = training.text if training else test.text
    return (
        wanted.source in (None, trained_on.source_lang)
        and wanted.target in (None, test.text.target_lang)
        and wanted.corpus in (None, test.text.corpus_id)
    )


def _shares_work(jobs: list[Job]) -> bool:
    """Whether the jobs are cheaper in one process: one base model in memory serves them all."""
    model = jobs[0].model
    return model.kind == "frozen-encoder" or "path" in model.config


plan_task: Any = task(name="plan")(plan)
