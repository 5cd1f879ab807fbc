"""The Hugging Face Hub's listings as facts about models and languages.

Endpoints: `/api/models` (a page of models), `/api/models/ID` (one) and `/api/datasets/ID`. What a
card says is taken as a claim, never as text to show: descriptions, file names and tags that are not
read here stay on the hub.
"""

from typing import Any
from urllib.parse import quote, urlencode

from pydantic import ValidationError

from proxylm.errors import ProxyLMError
from proxylm.evaluation.families import FAMILIES
from proxylm.languages import resolve
from proxylm.records import Task
from proxylm.sources.facts import Found, LanguageFacts, ModelFacts, Unusable, is_hub_id

ENDPOINT = "https://huggingface.co"
PAGE = 100

_PIPELINES = {
    "mt": ("translation", "text-generation"),
    "intent": ("text-generation", "fill-mask", "feature-extraction", "sentence-similarity"),
    "slot": ("text-generation", "fill-mask"),
}
"""Pipeline tags of the hub under which models for a task are found."""
_MODEL_FIELDS = (
    "sha",
    "pipeline_tag",
    "tags",
    "downloads",
    "gated",
    "library_name",
    "config",
    "safetensors",
    "cardData",
)


def pipelines(task: str) -> tuple[str, ...]:
    """The hub's names for kinds of models that do `task`."""
    return _PIPELINES[task]


def models_url(
    endpoint: str,
    pipeline: str,
    language: str | None = None,
    licence: str | None = None,
    author: str | None = None,
    size: str | None = None,
) -> str:
    """The first page of a search: transformers models, the most downloaded first.

    `size` is a range of parameters as the hub writes it, `min:10M,max:700M`.
    """
    tags = ["transformers", language, licence and f"license:{licence}"]
    query: list[tuple[str, str]] = [("pipeline_tag", pipeline)]
    query += [("filter", tag) for tag in tags if tag]
    query += [(k, v) for k, v in (("author", author), ("num_parameters", size)) if v]
    query += [("sort", "downloads"), ("limit", str(PAGE))]
    query += [("expand", field) for field in _MODEL_FIELDS]
    return f"{endpoint.rstrip('/')}/api/models?{urlencode(query)}"


def model_url(endpoint: str, model: str) -> str:
    """One model by its name."""
    query = urlencode([("expand", field) for field in _MODEL_FIELDS])
    return f"{endpoint.rstrip('/')}/api/models/{quote(model)}?{query}"


def dataset_url(endpoint: str, dataset: str) -> str:
    """One data set by its name."""
    query = urlencode([("expand", field) for field in ("sha", "cardData")])
    return f"{endpoint.rstrip('/')}/api/datasets/{quote(dataset)}?{query}"


def read_models(content: Any, task: Task, min_downloads: int = 0) -> list[Found]:
    """Facts of a page of models, in its order, without those of fewer downloads.

    Entries that make no sense are `Unusable`.
    """
    if not isinstance(content, list):
        return [Unusable(name="", reason="the answer is not a list of models")]
    found = [read_model(entry, task) for entry in content]
    return [
        facts
        for facts in found
        if not isinstance(facts, ModelFacts) or (facts.downloads or 0) >= min_downloads
    ]


def read_model(entry: Any, task: Task) -> Found:
    """Facts of one model."""
    if not isinstance(entry, dict):
        return Unusable(name="", reason="an entry is not an object")
    name = entry.get("id")
    if not isinstance(name, str) or not is_hub_id(name):
        return Unusable(name=_cut(name), reason="its name is not of the form owner/name")
    kind, obstacle = _kind(entry, task)
    try:
        return ModelFacts(
            id=name,
            revision=entry.get("sha") or "",
            task=task,
            kind=kind,
            family=_text(_object(entry.get("config")).get("model_type")),
            n_parameters=_whole(_object(entry.get("safetensors")).get("total")),
            licence=_licence(entry),
            downloads=_whole(entry.get("downloads")),
            gated=bool(entry.get("gated")),
            languages=_languages(_object(entry.get("cardData")).get("language")),
            obstacle=obstacle,
        )
    except ValidationError as error:
        return Unusable(name=name, reason=_first(error))


def read_dataset(content: Any, dataset: str, corpus: str) -> list[Found]:
    """The languages of a data set: those of its configurations whose names are languages.

    A configuration that names no language is left out, and so is one that names none of those that
    the card declares: `all` is a configuration, and the code of a language. Without any language
    the data set is `Unusable`.
    """
    card = _object(_object(content).get("cardData"))
    names = [
        name
        for part in ("configs", "dataset_info")
        for entry in _list(card.get(part))
        if isinstance(name := _object(entry).get("config_name"), str)
    ]
    declared = {code for name in _languages(card.get("language")) if (code := _iso(name))}
    found: dict[str, Found] = {}
    for name in dict.fromkeys(names):
        code = _iso(name)
        if code is None or name == "all" or (declared and code not in declared):
            continue
        try:
            facts = LanguageFacts(
                corpus=corpus,
                dataset=dataset,
                revision=_object(content).get("sha") or "",
                config=name,
                licence=_licence(_object(content)),
            )
        except ValidationError as error:
            found[f"!{name}"] = Unusable(name=f"{dataset} {_cut(name)}", reason=_first(error))
        else:
            found.setdefault(facts.language, facts)  # of pt-BR and pt-PT the first
    if not found:
        return [Unusable(name=dataset, reason="no configuration of it is named after a language")]
    return list(found.values())


def _iso(name: str) -> str | None:
    """ISO 639-3 of a language, whatever its script; None where it names none."""
    try:
        return resolve(name).code[:3]
    except ProxyLMError:
        return None


def _kind(entry: dict[str, Any], task: str) -> tuple[str | None, str | None]:
    """Kind of model for `task` and None, or what stands against running it."""
    family = _text(_object(entry.get("config")).get("model_type"))
    tags = [tag for tag in _list(entry.get("tags")) if isinstance(tag, str)]
    pipeline = entry.get("pipeline_tag")
    if "custom_code" in tags or "auto_map" in _object(entry.get("config")):
        return None, "it needs code of its own, which is never run"
    if not _object(entry.get("safetensors")):
        return None, "it has no safetensors weights, or does not declare their size"
    if family in FAMILIES:
        if task == "mt":
            return "encoder-decoder", None
        return None, f"a {family} does not do {task}"
    if pipeline == "text-generation":
        return "decoder-only", None
    if task == "mt":
        return None, f"{family or 'a model without a type'} is no family of translation models here"
    if pipeline in _PIPELINES["intent"]:
        return "encoder-head", None
    return None, f"models for {pipeline or 'nothing in particular'} cannot be run here"


def _licence(entry: dict[str, Any]) -> str | None:
    declared: Any = _object(entry.get("cardData")).get("license")
    if isinstance(declared, list):
        declared = declared[0] if len(declared) == 1 else None
    return _text(declared)


def _languages(value: Any) -> tuple[str, ...]:
    return tuple(filter(None, (_text(name) for name in _list(value)[:300])))


def _text(value: Any) -> str | None:
    """A short plain word of a card, in lower case; anything else is as good as absent."""
    return value.lower() if isinstance(value, str) and 0 < len(value) <= 60 else None


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value] if isinstance(value, str) else []


def _cut(name: Any) -> str:
    return str(name)[:100]


def _first(error: ValidationError) -> str:
    first = error.errors()[0]
    message = first["msg"].removeprefix("Value error, ")
    return f"{'.'.join(map(str, first['loc']))}: {message}"
