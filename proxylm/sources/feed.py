"""A JSON feed of models and languages; its schema is docs/feed.schema.json.

The same facts as the hub's, written by whoever keeps the feed. A wrong entry is named and the
others are used.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from proxylm.sources.facts import Found, LanguageFacts, ModelFacts, Unusable


class Feed(BaseModel):
    """Models and languages that a feed proposes."""

    model_config = ConfigDict(extra="forbid", title="Feed of the catalogue")

    version: int = Field(ge=1, le=1, description="Version of this format: 1.")
    models: tuple[ModelFacts, ...] = ()
    languages: tuple[LanguageFacts, ...] = ()


def schema() -> dict[str, Any]:
    """The JSON schema of a feed."""
    return Feed.model_json_schema()


def read_feed(content: Any) -> list[Found]:
    """Facts of a feed, in its order. What is wrong is `Unusable`, with entry and field."""
    if not isinstance(content, dict) or content.get("version") != 1:
        return [Unusable(name="", reason='a feed is an object with "version": 1')]
    if unknown := sorted(map(str, set(content) - {"version", "models", "languages"})):
        return [Unusable(name="", reason=f"a feed has no {unknown[0]!r}")]
    found: list[Found] = []
    for part, facts in (("models", ModelFacts), ("languages", LanguageFacts)):
        entries = content.get(part, [])
        if not isinstance(entries, list):
            found.append(Unusable(name=part, reason="not a list"))
            continue
        for number, entry in enumerate(entries):
            try:
                found.append(facts.model_validate(entry))
            except ValidationError as error:
                first = error.errors()[0]
                field = ".".join(map(str, first["loc"]))
                name = entry.get("id", "") if isinstance(entry, dict) else ""
                reason = f"{part}.{number}.{field}: {first['msg'].removeprefix('Value error, ')}"
                found.append(Unusable(name=str(name)[:100], reason=reason))
    return found
