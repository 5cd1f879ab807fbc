"""The records that travel from an evaluation or an import into the warehouse.

One frozen dataclass a table; field order is column order. A `Bundle` holds the records of one
landing file; facts of languages and models and findings about texts are in none, they can be made
again. This module knows no file format and no database (`landing.py` writes the files).
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, get_args

Task = Literal["mt", "intent", "slot"]
Mode = Literal["zero_shot", "fine_tuned", "from_scratch"]
Metric = Literal["spBLEU", "BLEU", "chrF2", "chrF2++", "TER", "comet", "accuracy", "f1"]
"""A stand-in has a name of its own, for example `spBLEU-local`, and is never one of these."""
Origin = Literal["measured", "imported"]

TASKS: tuple[str, ...] = get_args(Task)
MODES: tuple[str, ...] = get_args(Mode)
METRICS: tuple[str, ...] = get_args(Metric)
TASK_METRICS: dict[str, tuple[str, ...]] = {
    "mt": ("spBLEU", "BLEU", "chrF2", "chrF2++", "TER", "comet"),
    "intent": ("accuracy",),
    "slot": ("f1",),
}
HEADLINE_METRICS: dict[str, tuple[str, ...]] = {
    "mt": ("spBLEU", "comet"),
    "intent": ("accuracy",),
    "slot": ("f1",),
}
"""The metrics that are predicted by default."""
LOWER_IS_BETTER = frozenset({"TER"})


@dataclass(frozen=True)
class Language:
    """A language in one script."""

    language: str  # FLORES-200 style code, for example swh_Latn
    name: str  # English name
    script: str  # ISO 15924 code
    script_assumed: bool  # the script was not given and CLDR's likely one was taken
    spelling: str  # the spelling under which it first came in
    source: str  # who named it: a file, or the user


@dataclass(frozen=True)
class Model:
    """A model at a revision. Its role, proxy or estimated, depends on the mode."""

    model_id: str
    revision: str
    architecture: str  # kind of model, for example transformer-classifier
    n_parameters: int | None
    proxy_modes: tuple[str, ...]  # modes whose scores are inputs of predictions for other models
    estimated_modes: tuple[str, ...]  # modes whose scores are predicted
    source: str


@dataclass(frozen=True)
class Corpus:
    """One language (or pair) of a named corpus. Both languages are equal where it is one."""

    corpus_id: str
    source_lang: str
    target_lang: str
    fingerprint: str
    task: str
    n_train: int | None  # lines, None where the publisher does not tell
    n_dev: int | None
    n_test: int | None
    licence: str | None
    source: str


@dataclass(frozen=True)
class Setting:
    """What a prediction is for."""

    setting_key: str
    task: str
    source_lang: str  # intent and slot: the language trained on
    target_lang: str  # intent and slot: the language tested on
    train_corpus: str
    train_size: int | None  # training lines
    test_corpus: str
    run_group: str  # rows of one run group share one fine-tuning


@dataclass(frozen=True)
class Run:
    """One execution: a training (or none, for zero-shot) with its cost."""

    run_id: str
    training_key: str
    model_id: str
    revision: str
    mode: str
    recipe: str
    seed: str
    train_corpus: str | None
    train_fingerprint: str | None
    train_size: int | None
    languages: tuple[str, ...]  # languages trained on; for mt source, target
    origin: str
    source: str
    status: str  # completed or failed
    reason: str | None  # why it failed
    device: str | None
    started_at: datetime | None  # UTC
    wall_seconds: float | None  # training alone; None where unknown, never 0
    gpu_seconds: float | None
    peak_memory_bytes: int | None
    arguments: str | None  # JSON, with defaults filled in
    packages: str | None  # JSON, name to version
    code_revision: str | None
    log: str | None  # path below PLM_HOME
    curve: str | None = None  # training curve, JSON lines; path below PLM_HOME
    train_tokens: int | None = None  # tokens trained on, padding left out
    peak_gpu_memory_bytes: int | None = None
    energy_joules: float | None = None  # of training; None where no counter tells


@dataclass(frozen=True)
class Evaluation:
    """One trained (or zero-shot) model on one test set."""

    evaluation_key: str
    training_key: str
    run_id: str
    task: str
    source_lang: str
    target_lang: str
    test_corpus: str
    test_fingerprint: str
    split_version: str
    decoding: str
    precision: str
    backend: str
    segment_limit: int | None  # only so many test lines were used; None means all
    n_segments: int | None
    wall_seconds: float | None  # generating or classifying, without training
    hypotheses: str | None  # path below PLM_HOME
    origin: str
    tokens_in: int | None = None  # tokens read, padding left out
    tokens_out: int | None = None  # tokens generated
    gpu_seconds: float | None = None
    energy_joules: float | None = None


@dataclass(frozen=True)
class Score:
    """One metric of one evaluation. 0-100, comet 0-1; TER is lower-is-better."""

    score_key: str
    evaluation_key: str
    metric: str
    value: float
    half_width: float | None  # 95 % confidence half-width, in the metric's units
    half_width_method: str | None
    n_segments: int | None
    signature: str  # what could change the number
    origin: str
    source: str  # file and line, or the run


@dataclass(frozen=True)
class Feature:
    """One input of a prediction that is not a score."""

    setting_key: str
    feature_set: str
    name: str
    value: float
    imputed: bool


@dataclass(frozen=True)
class LanguageFact:
    """A public fact about a language."""

    language: str
    fact: str  # one of `facts.FACTS`
    value: float | None  # None where there is no number
    label: str | None  # the fact in words, for example the name of the family
    imputed: bool  # the value is not the language's own
    reason: str | None  # why it is imputed or absent
    source: str
    licence: str  # of the source


@dataclass(frozen=True)
class ModelLanguage:
    """A source says that a model knows a language."""

    model_id: str
    language: str
    relation: str  # pre_training: it was trained on it; official: its makers name it
    source: str
    licence: str  # of the source


@dataclass(frozen=True)
class Fetch:
    """One request to a source of the catalogue."""

    fetch_id: str
    source: str  # name in the policy
    url: str  # without anything secret
    started_at: datetime  # UTC
    status: str  # fetched, unchanged or failed
    http_status: int | None  # None where no answer came
    etag: str | None
    next_url: str | None  # the page that follows
    retries: int
    n_found: int  # models and languages in the answer
    error: str | None


@dataclass(frozen=True)
class Proposal:
    """An addition to the catalogue that a source proposes."""

    what: str  # model, language, revision or unusable
    id: str  # hub id; corpus:language; of a feed NAME
    revision: str
    source: str  # name in the policy
    facts: str  # JSON: what the source says
    status: str  # proposed, admitted or rejected
    decided_by: str | None  # policy or person; None while it is proposed
    reason: str  # why it was admitted, or what keeps it from it
    proposed_at: datetime  # UTC
    decided_at: datetime | None


@dataclass(frozen=True)
class CorpusFinding:
    """Something that a check found in a text; see `checks.findings.Finding`."""

    corpus_id: str
    source_lang: str
    target_lang: str
    fingerprint: str  # of the text that was checked
    level: str
    finding: str  # name of the check
    message: str
    n_rows: int
    places: tuple[str, ...]
    examples: tuple[str, ...]
    way_on: str


Record = Language | Model | Corpus | Setting | Run | Evaluation | Score | Feature

TABLES: dict[str, type] = {
    "languages": Language,
    "models": Model,
    "corpora": Corpus,
    "settings": Setting,
    "runs": Run,
    "evaluations": Evaluation,
    "scores": Score,
    "features": Feature,
}
"""Table name to record type, in the order in which they are loaded."""

KEYS: dict[str, tuple[str, ...]] = {
    "languages": ("language",),
    "models": ("model_id", "revision"),
    "corpora": ("corpus_id", "source_lang", "target_lang", "fingerprint"),
    "settings": ("setting_key",),
    "runs": ("run_id",),
    "evaluations": ("evaluation_key",),
    "scores": ("score_key",),
    "features": ("setting_key", "feature_set", "name"),
}
"""Primary key of each table."""


@dataclass(frozen=True)
class Bundle:
    """The records of one landing file, a list a table. Equal keys are kept once."""

    languages: list[Language] = field(default_factory=list)
    models: list[Model] = field(default_factory=list)
    corpora: list[Corpus] = field(default_factory=list)
    settings: list[Setting] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    evaluations: list[Evaluation] = field(default_factory=list)
    scores: list[Score] = field(default_factory=list)
    features: list[Feature] = field(default_factory=list)
