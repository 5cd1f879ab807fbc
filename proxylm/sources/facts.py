"""What a source says of a model or of a language, in one form for hub and feed.

Everything here comes from outside. Names are checked when facts are made; free text is kept only
where it is shown escaped. Whether something is admitted is decided in `policy.py`.
"""

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from proxylm.languages import resolve
from proxylm.records import Task

COMMIT = re.compile(r"[0-9a-f]{40}")
_PART = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?"
_HUB_ID = re.compile(rf"{_PART}(?:/{_PART})?")


def _hub_id(text: str) -> str:
    if not is_hub_id(text):
        raise ValueError("not a name of the form owner/name of letters, digits and . _ -")
    return text


def is_hub_id(text: str) -> bool:
    """Whether it can be a name on the hub: nothing that climbs folders or hides in a terminal."""
    return _HUB_ID.fullmatch(text) is not None and ".." not in text and "--" not in text


HubId = Annotated[str, AfterValidator(_hub_id)]


class _Facts(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ModelFacts(_Facts):
    """A model at a commit."""

    id: HubId = Field(description="Name on the hub, owner/name.")
    revision: str = Field(
        pattern=r"^[0-9a-f]{40}$", description="Commit, 40 hexadecimal digits.", max_length=40
    )
    task: Task = Field(description="What it was offered for: mt, intent or slot.")
    kind: str | None = Field(
        default=None, max_length=60, description="Kind of model, see docs/evaluation.md."
    )
    family: str | None = Field(default=None, max_length=60, description="Model type.")
    n_parameters: int | None = Field(default=None, gt=0, description="Parameters.")
    licence: str | None = Field(default=None, max_length=60, description="SPDX-like, lower case.")
    downloads: int | None = Field(default=None, ge=0, description="Downloads in the last month.")
    gated: bool = Field(default=False, description="Its terms have to be accepted first.")
    languages: tuple[Annotated[str, Field(max_length=60)], ...] = Field(
        default=(), description="Languages that its makers name, as they spell them."
    )
    obstacle: str | None = Field(
        default=None, max_length=300, description="Why it cannot be run here; none if it can."
    )


class LanguageFacts(_Facts):
    """A language that a data set has text in."""

    corpus: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$", description="Corpus of the catalogue."
    )
    dataset: HubId = Field(description="Name of the data set, owner/name.")
    revision: str = Field(pattern=r"^[0-9a-f]{40}$", description="Commit, 40 hexadecimal digits.")
    config: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,59}$",
        description="Configuration of the data set, for example sw-KE.",
    )
    licence: str | None = Field(default=None, max_length=60, description="SPDX-like, lower case.")

    @property
    def language(self) -> str:
        """The language's code. Raises UsageError where the configuration names none."""
        return str(resolve(self.config).code)


class Unusable(BaseModel):
    """An entry that is no model and no language, with the reason."""

    name: str  # as it was given, cut
    reason: str


Found = ModelFacts | LanguageFacts | Unusable
