"""The policy file and its rules."""

from pathlib import Path
from typing import Any

import pytest

from proxylm.errors import InputError
from proxylm.sources.facts import LanguageFacts, ModelFacts
from proxylm.sources.policy import Policy, judge, read_policy

RULE = {
    "role": "proxy",
    "task": "mt",
    "mode": "fine_tuned",
    "kinds": ["encoder-decoder"],
    "families": ["m2m_100"],
    "min_parameters": 10,
    "max_parameters": 100,
    "licences": ["mit", "apache-2.0"],
    "min_downloads": 5,
}
MODEL = {
    "id": "acme/mt",
    "revision": "a" * 40,
    "task": "mt",
    "kind": "encoder-decoder",
    "family": "m2m_100",
    "n_parameters": 50,
    "licence": "mit",
    "downloads": 5,
}


def judged(**facts: Any) -> tuple[bool, str]:
    policy = Policy.model_validate({"models": [RULE]})
    decision = judge(policy, ModelFacts.model_validate(MODEL | facts))
    return decision.rule is not None, decision.reason


def test_what_fits_in_every_point_is_admitted() -> None:
    assert judged() == (True, "fits the rule: proxy for mt")
    assert judged(n_parameters=10)[0]
    assert judged(n_parameters=100)[0]


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"task": "intent"}, "it is for intent"),
        ({"n_parameters": None}, "its size is not declared"),
        ({"kind": "decoder-only"}, "it is a decoder-only, not encoder-decoder"),
        ({"family": "t5"}, "its family is t5, not m2m_100"),
        ({"n_parameters": 101}, "it has 101 parameters, not 10-100"),
        ({"n_parameters": 9}, "it has 9 parameters, not 10-100"),
        ({"licence": "cc-by-nc-4.0"}, "its licence is cc-by-nc-4.0"),
        ({"licence": None}, "its licence is not declared"),
        ({"downloads": 4}, "it has 4 downloads, fewer than 5"),
        ({"downloads": None}, "it has 0 downloads, fewer than 5"),
        ({"gated": True}, "it is gated"),
        ({"obstacle": "it needs code of its own"}, "it needs code of its own"),
    ],
)
def test_one_point_that_does_not_fit_is_named(facts: dict[str, Any], reason: str) -> None:
    admitted, why = judged(**facts)
    assert not admitted
    assert why.endswith(reason)


def test_the_objections_of_all_rules_are_given() -> None:
    policy = Policy.model_validate({"models": [RULE, RULE | {"role": "estimated"}]})
    decision = judge(policy, ModelFacts.model_validate(MODEL | {"gated": True}))
    assert decision.reason == "proxy for mt: it is gated; estimated for mt: it is gated"
    assert judge(Policy(), ModelFacts.model_validate(MODEL)).reason == (
        "the policy has no rule for it"
    )


def test_languages_are_admitted_by_corpus_licence_and_code() -> None:
    rule = {"corpus": "massive", "licences": ["cc-by-4.0"], "languages": ["sw", "fr"]}
    policy = Policy.model_validate({"languages": [rule]})
    facts = {"corpus": "massive", "dataset": "a/m", "revision": "a" * 40, "config": "sw-KE"}

    def reason(**more: str) -> str:
        return judge(policy, LanguageFacts.model_validate(facts | more)).reason

    assert reason(licence="cc-by-4.0") == "fits the rule: corpus massive"
    assert reason() == "corpus massive: its licence is not declared"
    assert reason(licence="cc-by-4.0", config="cy") == "corpus massive: cym_Latn is not asked for"
    assert reason(corpus="other") == "corpus massive: it is for other"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sources: [{name: x, type: hub}]", "sources.0: Input tag 'hub'"),
        ("sources: [{name: x, type: feed, url: 'http://a:b@c/d'}]", "sources.0.feed.url: "),
        ("models: [{role: judge}]", "models.0.role: "),
        (
            "models: [{role: proxy, task: mt, mode: zero_shot, kinds: [robot]}]",
            "no kind of model robot",
        ),
        ("languages: [{corpus: m, licences: [mit], wanted: 1}]", "languages.0.wanted: Extra"),
        (
            "sources: [{name: n, type: hub-model, task: mt, models: [a/b], token: {env: A B}}]",
            "sources.0.hub-model.token.env: ",
        ),
        ("sources: [", "not readable as YAML"),
    ],
)
def test_a_wrong_policy_is_named_with_file_entry_and_field(
    tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as error:
        read_policy(tmp_path)
    assert str(error.value).startswith(f"{path}: ")
    assert message in str(error.value)


def test_without_a_file_nothing_is_asked(tmp_path: Path) -> None:
    assert read_policy(tmp_path) == Policy()
