"""The hub's answers as facts: searches, models, languages, and what a card may do wrong."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from proxylm.sources.facts import LanguageFacts, ModelFacts, Unusable, is_hub_id
from proxylm.sources.hub import models_url, read_dataset, read_model, read_models
from tests.hub_server import HubServer

SHA = "a" * 40


def entry(name: str = "acme/mt", **facts: Any) -> dict[str, Any]:
    hub = HubServer()
    hub.add_model(name, SHA, **facts)
    return hub.models[name]


def dataset(**card: Any) -> dict[str, Any]:
    return {"id": "acme/chat", "sha": SHA, "cardData": card}


def configs(*names: Any) -> list[dict[str, Any]]:
    return [{"config_name": name} for name in names]


def test_a_search_says_what_is_asked_for() -> None:
    url = models_url("https://hub.example/", "translation", "sw", "mit", "acme", "max:700M")
    query = parse_qs(urlsplit(url).query)
    assert url.startswith("https://hub.example/api/models?")
    assert query["filter"] == ["transformers", "sw", "license:mit"]
    assert (query["author"], query["num_parameters"]) == (["acme"], ["max:700M"])
    assert {"sha", "safetensors", "config", "cardData"} <= set(query["expand"])


def test_a_model_is_what_its_entry_says() -> None:
    facts = read_model(entry(gated="manual"), "mt")
    assert facts == ModelFacts(
        id="acme/mt",
        revision=SHA,
        task="mt",
        kind="encoder-decoder",
        family="m2m_100",
        n_parameters=100_000_000,
        licence="mit",
        downloads=5000,
        gated=True,
        languages=("sw", "en"),
    )


@pytest.mark.parametrize(
    ("task", "facts", "kind", "obstacle"),
    [
        ("intent", {"pipeline_tag": "text-generation", "config": {}}, "decoder-only", None),
        ("intent", {"pipeline_tag": "fill-mask", "config": {}}, "encoder-head", None),
        ("intent", {}, None, "a m2m_100 does not do intent"),
        ("mt", {"config": {"model_type": "bart"}}, None, "bart is no family of translation"),
        ("mt", {"safetensors": None}, None, "does not declare their size"),
        ("mt", {"config": {"auto_map": {}}}, None, "needs code of its own"),
        ("slot", {"pipeline_tag": "image", "config": None}, None, "models for image cannot be"),
    ],
)
def test_what_can_be_run_has_a_kind_and_the_rest_an_obstacle(
    task: Any, facts: dict[str, Any], kind: str | None, obstacle: str | None
) -> None:
    found = read_model(entry(**facts), task)
    assert isinstance(found, ModelFacts)
    assert found.kind == kind
    assert (obstacle or "") in (found.obstacle or "")
    assert (obstacle is None) == (found.obstacle is None)


def test_a_page_keeps_its_order_and_passes_over_what_nobody_downloads() -> None:
    page = [entry("a/b"), entry("a/c", downloads=99), "no object", entry("a/d", downloads=100)]
    found = read_models(page, "mt", min_downloads=100)
    names = [facts.id for facts in found if isinstance(facts, ModelFacts)]
    assert names == ["a/b", "a/d"]
    assert [x.reason for x in found if isinstance(x, Unusable)] == ["an entry is not an object"]
    assert isinstance(read_models({"error": "x"}, "mt")[0], Unusable)


@pytest.mark.parametrize(
    "name",
    ["../x", "a/../b", "a/b/c", "/a", "a/", "a b/c", "-a/b", "a/b.", "a--b/c", "", "a\n/b", "á/b"],
)
def test_a_name_that_could_be_a_path_or_an_option_is_none(name: str) -> None:
    assert not is_hub_id(name)
    assert isinstance(read_model(entry(name), "mt"), Unusable)
    assert is_hub_id("HuggingFaceTB/SmolLM-135M")
    assert is_hub_id("facebook/m2m100_1.2B")


def test_configurations_that_are_declared_languages_are_languages() -> None:
    card = dataset(language=["fr", "pt", "zh"], license="cc-by-4.0")
    card["cardData"]["dataset_info"] = configs("all", "default", "pt-BR", "pt-PT", "zh-TW", "sw")
    found = read_dataset(card, "acme/chat", "chat")
    languages = [x.language for x in found if isinstance(x, LanguageFacts)]
    assert languages == ["por_Latn", "zho_Hant"]
    assert found[0] == LanguageFacts(
        corpus="chat", dataset="acme/chat", revision=SHA, config="pt-BR", licence="cc-by-4.0"
    )


@pytest.mark.parametrize(
    "content",
    [
        dataset(configs=configs("default", 3, None, "../sw")),
        dataset(configs="sw"),
        dataset(),
        {"cardData": [1]},
        [],
        None,
    ],
)
def test_a_data_set_without_languages_says_so(content: Any) -> None:
    (found,) = read_dataset(content, "acme/chat", "chat")
    assert isinstance(found, Unusable)
    assert found.reason == "no configuration of it is named after a language"


def test_a_data_set_without_a_commit_offers_nothing() -> None:
    (found,) = read_dataset({"cardData": {"configs": configs("sw")}}, "acme/chat", "chat")
    assert isinstance(found, Unusable)
    assert found.reason.startswith("revision: ")
