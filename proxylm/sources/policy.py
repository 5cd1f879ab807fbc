"""`catalogue/policy.yaml`: which sources are asked, and what of theirs is admitted unasked.

A model or language is admitted where one rule fits it in every point; everything else stays a
proposal with its reasons, for a person to decide. Nothing is fetched and nothing is written here.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import yaml
from pydantic import Field, ValidationError, field_validator

from proxylm.catalogue import (
    POLICY_FILE,
    Entry,
    LanguageCode,
    ModelEntry,
    Name,
    Recipe,
    explain,
)
from proxylm.errors import InputError
from proxylm.records import Mode, Task
from proxylm.sources.facts import HubId, LanguageFacts, ModelFacts


class Token(Entry):
    """Where a source's token is: in the environment, or in a Prefect Secret block."""

    env: str = Field(default="HF_TOKEN", pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    secret: str | None = Field(default=None, pattern=r"^[a-z0-9][a-z0-9-]*$")  # name of the block

    @property
    def name(self) -> str:
        """What to set, for a message."""
        return f"the Prefect Secret block {self.secret}" if self.secret else self.env


class _Source(Entry):
    name: Name
    token: Token = Token()


class HubModels(_Source):
    """A search on the hub. Every language and licence is a search of its own."""

    type: Literal["hub-models"]
    task: Task
    languages: tuple[LanguageCode, ...] = ()  # asked for in ISO 639-1; none: any
    licences: tuple[str, ...] = ()
    author: HubId | None = None
    # The hub's own way of saying it; models of unknown size are then not listed.
    size: str | None = Field(
        default=None, pattern=r"^(min:[0-9.]+[KMBT]?)?,?(max:[0-9.]+[KMBT]?)?$", min_length=5
    )
    min_downloads: int = Field(default=0, ge=0)  # in the last month; fewer are passed over
    limit: int = Field(default=100, gt=0, le=5000)  # models of a search


class HubModel(_Source):
    """Models of the hub by their names."""

    type: Literal["hub-model"]
    task: Task
    models: tuple[HubId, ...] = Field(min_length=1)


class HubDataset(_Source):
    """A data set of the hub: its configurations are languages of a corpus."""

    type: Literal["hub-dataset"]
    dataset: HubId
    corpus: Name


class JsonFeed(_Source):
    """A feed; its schema is docs/feed.schema.json."""

    type: Literal["feed"]
    url: str = Field(pattern=r"^https?://[^\s/@]+(/[^\s@]*)?$")  # without name and password
    token: Token = Token(env="PLM_FEED_TOKEN")


Source = Annotated[HubModels | HubModel | HubDataset | JsonFeed, Field(discriminator="type")]


class ModelRule(Entry):
    """Models that are admitted, and what for. All that is said has to fit."""

    role: Literal["proxy", "estimated"]
    task: Task
    mode: Mode
    recipe: Recipe = Field(default={"name": "default"})
    inference: dict[str, Any] = Field(default={})
    kinds: tuple[str, ...] = Field(min_length=1)
    families: tuple[str, ...] = ()
    min_parameters: int = Field(default=1, gt=0)
    max_parameters: int = Field(gt=0)
    licences: tuple[str, ...] = Field(min_length=1)
    min_downloads: int = Field(default=0, ge=0)
    gated: bool = False  # whether models may be gated

    @field_validator("kinds")
    @classmethod
    def _kinds_exist(cls, kinds: tuple[str, ...]) -> tuple[str, ...]:
        from proxylm.evaluation.contract import kind_named

        for kind in kinds:
            try:
                kind_named(kind)
            except InputError as error:
                raise ValueError(str(error)) from None
        return kinds

    def objection(self, model: ModelFacts) -> str | None:
        """Why the rule does not fit, or None. A rule never fits a model of unknown size."""
        size, downloads = model.n_parameters, model.downloads or 0
        if model.task != self.task:
            return f"it is for {model.task}"
        if size is None:
            return "its size is not declared"
        if model.kind not in self.kinds:
            return f"it is a {model.kind or 'model of no kind'}, not {' or '.join(self.kinds)}"
        if self.families and model.family not in self.families:
            return f"its family is {model.family}, not {' or '.join(self.families)}"
        if not self.min_parameters <= size <= self.max_parameters:
            return (
                f"it has {size:,} parameters, not {self.min_parameters:,}-{self.max_parameters:,}"
            )
        if model.licence not in self.licences:
            return f"its licence is {model.licence or 'not declared'}"
        if downloads < self.min_downloads:
            return f"it has {downloads:,} downloads, fewer than {self.min_downloads:,}"
        if model.gated and not self.gated:
            return "it is gated"
        return None


class LanguageRule(Entry):
    """Languages that are admitted to a corpus of the catalogue."""

    corpus: Name
    licences: tuple[str, ...] = Field(min_length=1)
    languages: tuple[LanguageCode, ...] = ()  # none: every language

    def objection(self, facts: LanguageFacts) -> str | None:
        """Why the rule does not fit, or None."""
        if facts.corpus != self.corpus:
            return f"it is for {facts.corpus}"
        if facts.licence not in self.licences:
            return f"its licence is {facts.licence or 'not declared'}"
        if self.languages and facts.language not in self.languages:
            return f"{facts.language} is not asked for"
        return None


class Policy(Entry):
    """The policy file."""

    sources: tuple[Source, ...] = ()
    models: tuple[ModelRule, ...] = ()
    languages: tuple[LanguageRule, ...] = ()

    @field_validator("sources")
    @classmethod
    def _names_stand_once(cls, sources: tuple[Source, ...]) -> tuple[Source, ...]:
        names = [source.name for source in sources]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"source {name} stands twice")
        return sources


class Decision(NamedTuple):
    """What a rule says. Without a rule the proposal waits for a person."""

    rule: ModelRule | LanguageRule | None
    reason: str


def read_policy(folder: Path) -> Policy:
    """The policy of a catalogue folder; an empty one where there is no file.

    Raises InputError naming file, entry and field.
    """
    path = folder / POLICY_FILE
    if not path.exists():
        return Policy()
    try:
        data = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"{path}: not readable as YAML ({' '.join(str(error).split())})") from None
    try:
        return Policy.model_validate(data or {})
    except ValidationError as error:
        raise InputError(f"{path}: {explain(error, data)}") from None


def judge(policy: Policy, facts: ModelFacts | LanguageFacts) -> Decision:
    """The first rule that fits, or the objections of all."""
    if isinstance(facts, ModelFacts):
        if facts.obstacle:
            return Decision(None, facts.obstacle)
        return _first_that_fits(
            [(f"{r.role} for {r.task}", r, r.objection(facts)) for r in policy.models]
        )
    return _first_that_fits(
        [(f"corpus {r.corpus}", r, r.objection(facts)) for r in policy.languages]
    )


def _first_that_fits(
    rules: Sequence[tuple[str, ModelRule | LanguageRule, str | None]],
) -> Decision:
    for name, rule, objection in rules:
        if objection is None:
            return Decision(rule, f"fits the rule: {name}")
    objections = dict.fromkeys(f"{name}: {objection}" for name, _, objection in rules)
    return Decision(None, "; ".join(objections) or "the policy has no rule for it")


def model_entry(rule: ModelRule, model: ModelFacts, name: str) -> ModelEntry:
    """The catalogue's entry of a model that a rule admits."""
    return ModelEntry(
        id=name,
        revision=model.revision,
        kind=str(model.kind),
        config={"path": model.id},
        recipe=rule.recipe,
        inference=rule.inference,
        mode=rule.mode,
        role=rule.role,
        tasks=(model.task,),
        n_parameters=model.n_parameters,
    )
