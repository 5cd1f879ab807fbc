"""Stage `plan`: what the catalogue wants, minus what the warehouse has."""

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import Any

from prefect import task

from proxylm.catalogue import CorpusEntry, ModelEntry, read_catalogue
from proxylm.corpora import read_corpus
from proxylm.evaluation.contract import Batch, Job, ModelSpec, TextPart
from tasks.catalogue import part_path
from warehouse.database import reading
from warehouse.home import Home

SEED = 0
JOBS_PER_BATCH = 6
"""Trainings in one batch: enough to pay for a process's start, few enough to share the work."""


@dataclass
class Plan:
    """Evaluations that are wanted, and the batches that will make the missing ones."""

    batches: list[Batch] = field(default_factory=list)
    wanted: int = 0
    present: int = 0
    waiting: dict[str, str] = field(default_factory=dict)  # corpus: why nothing evaluates it

    @property
    def missing(self) -> int:
        return self.wanted - self.present


def plan(home: str) -> Plan:
    """The plan for a home whose landing folder has been loaded."""
    here = Home.find(home)
    catalogue = read_catalogue(here.catalogue)
    with reading(here) as connection:
        rows = connection.execute("SELECT evaluation_key FROM evaluations").fetchall()
    present = {row[0] for row in rows}
    result = Plan()
    jobs: dict[str, list[Job]] = defaultdict(list)
    for corpus in catalogue.corpora:
        models = [model for model in catalogue.models if corpus.task in model.tasks]
        if not models:
            result.waiting[corpus.id] = f"no model in the catalogue evaluates {corpus.task}"
        parts = _parts(here, corpus)
        for model in models:
            for job in _jobs(parts, corpus, model):
                missing = tuple(t for t in job.tests if job.evaluation_key(t) not in present)
                result.wanted += len(job.tests)
                result.present += len(job.tests) - len(missing)
                if missing:
                    jobs[model.id].append(replace(job, tests=missing))
    # The largest models first: they take longest, and the fan-out should not end on one of them.
    sizes = {model.id: model.n_parameters or 0 for model in catalogue.models}
    for model_id in sorted(jobs, key=lambda name: -sizes[name]):
        chunk = len(jobs[model_id]) if _shares_work(jobs[model_id]) else JOBS_PER_BATCH
        for start in range(0, len(jobs[model_id]), chunk):
            result.batches.append(Batch(tuple(jobs[model_id][start : start + chunk])))
    return result


def _parts(home: Home, corpus: CorpusEntry) -> list[tuple[TextPart, int]]:
    """The fetched texts of a corpus, each with its number of training lines."""
    parts = []
    for entry in corpus.parts:
        path = part_path(home, corpus.id, entry)
        split = read_corpus(path).split
        part = TextPart(
            corpus_id=corpus.id,
            source_lang=entry.language,
            target_lang=entry.with_language or entry.language,
            fingerprint=split.fingerprint,
            path=str(path.relative_to(home.path)),
        )
        parts.append((part, len(split.train.texts)))
    return parts


def _jobs(parts: list[tuple[TextPart, int]], corpus: CorpusEntry, model: ModelEntry) -> list[Job]:
    spec = ModelSpec(model.id, model.revision, model.kind, model.config)
    tests = tuple(part for part, _ in parts)
    return [
        Job(spec, model.mode, model.recipe, SEED, part, n_train, tests, corpus.task)
        for part, n_train in parts
        if n_train and (model.train_languages is None or part.source_lang in model.train_languages)
    ]


def _shares_work(jobs: list[Job]) -> bool:
    """Whether the jobs are cheaper in one process: a frozen encoder reads each text once."""
    return jobs[0].model.kind == "frozen-encoder"


plan_task: Any = task(name="plan")(plan)
