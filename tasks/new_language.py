"""A language that has just been added: its neighbours, its proxies' cost, its first prediction.

What `add-language` shows. The proxies are evaluated here and now in its text alone; everything else
that the catalogue wants of it is left to the next refresh.
"""

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

from proxylm.catalogue import CorpusEntry, PartEntry, read_catalogue
from proxylm.corpora import read_corpus
from proxylm.errors import InputError
from proxylm.evaluation.contract import Batch, Job
from proxylm.neighbours import Neighbour, nearest
from proxylm.predictor.inputs import Frames, Target, build_inputs
from proxylm.predictor.store import no_proxy_reason
from proxylm.records import HEADLINE_METRICS, TASK_METRICS
from tasks.catalogue import fetch_catalogue, part_path
from tasks.decide import decide
from tasks.evaluate import run_batch
from tasks.features import features
from tasks.load import load
from tasks.plan import Plan, Wanted, plan
from tasks.predict import current_predictors, predict
from tasks.retrain import retrain
from tasks.settings import workers
from warehouse.database import reading
from warehouse.frames import read_frames
from warehouse.home import Home


class NewPart(NamedTuple):
    """The text that was added: one language of a corpus, or a pair."""

    corpus: CorpusEntry
    part: PartEntry

    @property
    def language(self) -> str:
        """The language that the board will show."""
        sides = [self.part.language, self.part.with_language]
        return str(next((code for code in sides if code and code != "eng_Latn"), sides[0]))

    def wanted(self, role: str) -> Wanted:
        """The evaluations on this text of the models in that role."""
        source = self.part.language if self.part.with_language else None
        target = self.part.with_language or self.part.language
        return Wanted(
            task=self.corpus.task, source=source, target=target, corpus=self.corpus.id, role=role
        )


def find_part(
    home: str, corpus_id: str, language: str, with_language: str | None = None
) -> NewPart | None:
    """The part of a corpus in that language (a FLORES-200 style code); None where it has none."""
    for corpus in read_catalogue(Home.find(home).catalogue).corpora:
        for part in corpus.parts:
            if (corpus.id, part.language, part.with_language) == (
                corpus_id,
                language,
                with_language,
            ):
                return NewPart(corpus, part)
    return None


class Work(NamedTuple):
    """What one model has to do for the text."""

    model_id: str
    mode: str
    evaluations: int
    trainings: int  # 0: the weights of all are kept
    seconds: float | None  # of the device, as measured here before; None: it never ran the task


class Said(NamedTuple):
    """What is known about one estimated model in the new language."""

    model_id: str
    mode: str
    metric: str
    settings: int = 0
    predicted: int = 0
    mean: float | None = None  # of the predictions; the next five are those of the best setting
    source_lang: str | None = None
    best: float | None = None
    lower: float | None = None
    upper: float | None = None
    level: float | None = None
    observed: int = 0
    reasons: tuple[str, ...] = ()  # why there is no prediction, or no interval


@dataclass(frozen=True)
class FirstLook:
    """What `--now` found."""

    evaluations: int
    failures: tuple[str, ...]
    said: tuple[Said, ...]


def neighbours(home: str, part: NewPart) -> list[Neighbour]:
    """The nearest languages in which an estimated model of the task has an observed score."""
    with reading(Home.find(home)) as connection:
        rows = connection.execute(
            "SELECT DISTINCT CASE WHEN task = 'mt' AND target_lang = 'eng_Latn' THEN source_lang "
            "ELSE target_lang END FROM leaderboard WHERE task = ? AND observed IS NOT NULL",
            [part.corpus.task],
        ).fetchall()
    return nearest(part.language, (row[0] for row in rows))


def work(home: str, part: NewPart, role: str) -> list[Work]:
    """What the models in that role have yet to do for the text, and how long it took elsewhere.

    Makes the catalogue's texts that are not there yet.
    """
    here = Home.find(home)
    fetch_catalogue(home)
    made = plan(home, part.wanted(role))
    with reading(here) as connection:
        rows = connection.execute(
            "SELECT model_id, mode, min(seconds_per_train_line), min(seconds_per_test_line) "
            "FROM throughput WHERE task = ? GROUP BY ALL",
            [part.corpus.task],
        ).fetchall()
    speeds = {(model_id, mode): (train, test) for model_id, mode, train, test in rows}
    lines = len(read_corpus(part_path(here, part.corpus.id, part.part)).split.test)
    found = []
    for batch in _by_model(made):
        new = [job for job in batch.jobs if not (here.runs / job.training_key / "weights").is_dir()]
        evaluations = sum(len(job.tests) for job in batch.jobs)
        model, mode = batch.jobs[0].model.model_id, batch.jobs[0].mode
        per_train, per_test = speeds.get((model, mode), (None, None))
        seconds = None if per_test is None else per_test * lines * evaluations
        if new:
            size = sum(job.train_size or 0 for job in new)
            known = seconds is not None and per_train is not None
            seconds = seconds + per_train * size if known else None
        found.append(Work(model, mode, evaluations, len(new), seconds))
    return found


def look_now(home: str, part: NewPart, on_end: Callable[[Job], None] | None = None) -> FirstLook:
    """Evaluate the proxies on the text, predict, decide, and say what is known about each model.

    The predictors are those that there are; where there is none they are fitted first. A proxy
    that fails is recorded and left out.
    """
    batches = _by_model(plan(home, part.wanted("proxy")))
    with ThreadPoolExecutor(workers()) as pool:
        ended = list(pool.map(lambda batch: run_batch(batch, home, on_end=on_end), batches))
    report = load(home)
    features(home)
    if not current_predictors(Home.find(home)):
        retrain(home, part.corpus.task)
    predict(home)
    decide(home)
    failures = tuple(
        f"{job.model.model_id} {'-'.join(job.languages)}: {reason}"
        for done in ended
        for job, reason in done.failures
    )
    return FirstLook(report.evaluations, failures, said(home, part))


def said(home: str, part: NewPart) -> tuple[Said, ...]:
    """What the board says about each estimated model of the task, abstentions included."""
    here = Home.find(home)
    task, asked = part.corpus.task, part.wanted("estimated")
    with reading(here) as connection:
        rows = connection.execute(
            _SAID, [task, asked.corpus, asked.target, asked.source, HEADLINE_METRICS[task]]
        ).fetchall()
        known = connection.execute(
            "SELECT DISTINCT model_id, mode FROM leaderboard WHERE task = ?", [task]
        ).fetchall()
    found = {row[:3]: Said._make([*row[:-1], tuple(row[-1])]) for row in rows}
    models = read_catalogue(here.catalogue).models
    known += [(m.id, m.mode) for m in models if m.role == "estimated" and task in m.tasks]
    frames = Frames(*read_frames(here))
    for model_id, mode in set(known):
        for metric in HEADLINE_METRICS[task]:
            if (model_id, mode, metric) not in found:
                reason = _missing(frames, Target(task, metric, model_id, mode, "proxies"))
                found[model_id, mode, metric] = Said(model_id, mode, metric, reasons=(reason,))
    return tuple(found[key] for key in sorted(found))


def _missing(frames: Frames, target: Target) -> str:
    """What an estimated model lacks, so that nothing is said about it."""
    try:
        inputs = build_inputs(frames, target)
        inputs.check_trainable()
    except InputError as error:
        return str(error)
    return no_proxy_reason(inputs.proxy_columns)


def what_to_collect(home: str, part: NewPart) -> list[str]:
    """What more text of the language would bring, in sentences, the cheapest first."""
    here = Home.find(home)
    corpus = part.corpus
    split = read_corpus(part_path(here, corpus.id, part.part)).split
    lines = len(split.train) + len(split.dev) + len(split.test)
    wanted = corpus.train_size + corpus.dev_size + corpus.test_size
    advice = []
    if "accuracy" in TASK_METRICS[corpus.task]:
        lacking = sorted(_labels_elsewhere(here, part) - {*split.test.labels, *split.train.labels})
        if lacking:
            more = f" and {len(lacking) - 5} more" if len(lacking) > 5 else ""
            advice.append(f"lines of the labels it lacks: {', '.join(lacking[:5])}{more}")
    if not len(split.train):
        advice.append(
            f"{wanted - lines} more lines: with {wanted} the models are trained in it as well"
        )
    if "accuracy" in TASK_METRICS[corpus.task]:
        noise = 100 * 1.96 * 0.5 / math.sqrt(len(split.test))
        advice.append(
            f"more test lines: {len(split.test)} leave up to {noise:.1f} points of noise in every "
            f"score (95 %), {4 * len(split.test)} half of it"
        )
    return advice


def _labels_elsewhere(home: Home, part: NewPart) -> set[str]:
    """The labels of the corpus's other languages."""
    found: set[str] = set()
    for other in part.corpus.parts:
        path = part_path(home, part.corpus.id, other)
        if other != part.part and path.exists():
            split = read_corpus(path).split
            found |= {*split.train.labels, *split.test.labels}
    return found


def _by_model(made: Plan) -> list[Batch]:
    """The plan's batches, one a model: one process loads it once."""
    jobs: dict[str, list[Job]] = {}
    for batch in made.batches:
        jobs.setdefault(batch.jobs[0].model.model_id, []).extend(batch.jobs)
    return [Batch(tuple(of_model)) for of_model in jobs.values()]


_SAID = """
WITH rows AS (
    SELECT * FROM leaderboard
    WHERE task = $1 AND test_corpus = $2 AND target_lang = $3
      AND ($4 IS NULL OR source_lang = $4) AND list_contains($5, metric)
)
SELECT model_id, mode, metric, count(*), count(predicted), avg(predicted),
       arg_max(source_lang, predicted), max(predicted), arg_max(lower, predicted),
       arg_max(upper, predicted), arg_max(level, predicted), count(observed),
       coalesce(list_sort(list(DISTINCT reason) FILTER (reason IS NOT NULL)), [])
FROM rows GROUP BY model_id, mode, metric
"""
