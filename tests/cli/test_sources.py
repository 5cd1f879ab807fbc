"""fetch, approve, reject, list proposals, and the paper's catalogue."""

from collections.abc import Iterator

import pytest

from proxylm.catalogue import read_catalogue
from tests.cli.conftest import Run
from tests.hub_server import HubServer, serving
from warehouse.home import Home

COMMIT = "a" * 40
EVIL = "acme/\x1b]0;owned\x07\u202e"
POLICY = "sources: [{name: hub, type: hub-models, task: mt, licences: [mit]}]\n"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    with serving(HubServer()) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.delenv("HF_TOKEN", raising=False)
        yield server


def test_proposals_are_listed_escaped_and_decided(plm: Run, home: Home, hub: HubServer) -> None:
    (home.catalogue / "policy.yaml").write_text(POLICY)
    hub.add_model("acme/mt", COMMIT, description="<script>alert(1)</script>")
    hub.add_model(EVIL, COMMIT)
    done = plm("fetch")
    assert (done.code, "waiting for a person: 1" in done.out) == (0, True)
    for listing in (plm("list", "proposals"), plm("list", "proposals", "--json")):
        assert not {"\x1b", "\x07", "\u202e"} & set(listing.out)
        assert "\\u202e" in listing.out
        assert "script" not in listing.out
    (status,) = [
        row["status"]
        for row in plm("list", "proposals", "--json").json
        if row["id"].startswith("acme/\x1b")
    ]
    assert status == "rejected"
    refused = plm("approve", EVIL)
    assert (refused.code, "\x1b" in refused.err) == (2, False)
    assert r"\x1b]0;owned\x07\u202e is rejected already, by policy: its name" in refused.err

    assert "say --role proxy or estimated" in plm("approve", "acme/mt").err
    wrong = plm("approve", "acme/mt", "--role", "proxy", "--mode", "tuned")
    assert (wrong.code, "mode: Input should be" in wrong.err) == (2, True)
    right = ["--role", "proxy", "--mode", "fine_tuned", "--recipe", "paper-small100"]
    assert f"admitted model acme/mt at {COMMIT}" in plm("approve", "acme/mt", *right).out
    assert read_catalogue(home.catalogue).models[0].id == "mt"
    assert "admitted already, by person: approved" in plm("reject", "acme/mt").err
    assert plm("fetch", "--json").json["unchanged"] == 2


def test_a_source_that_fails_makes_the_command_fail(plm: Run, home: Home, hub: HubServer) -> None:
    nothing = plm("fetch")
    assert (nothing.code, "names none; see docs/catalogue.md" in nothing.err) == (0, True)
    (home.catalogue / "policy.yaml").write_text(POLICY)
    hub.token = "x"
    failed = plm("fetch")
    assert (failed.code, "error: hub: " in failed.err) == (1, True)
    assert "set HF_TOKEN" in failed.err
    assert {row["status"] for row in plm("list", "fetches", "--json").json} == {"failed"}
    assert "the policy has no source hubb; it has hub" in plm("fetch", "--source", "hubb").err


def test_the_papers_catalogue_waits_for_texts_and_commits(plm: Run, hub: HubServer) -> None:
    assert plm("init", "--catalogue", "paper").code == 0
    again = plm("init", "--catalogue", "paper")
    assert (again.code, "paper.yaml is there already" in again.err) == (2, True)
    waiting = plm("plan", "--json").json["waiting"]
    assert waiting["massive"].startswith("51 of 51 texts are absent: put ")
    assert "100 of 100" in waiting["mt560"]
    assert "`plm-admin fetch` asks for it" in waiting["aya-23-8b"]
    assert len(waiting) == 3 + 8
    home = Home.find()
    named = [
        m.config["path"] for m in read_catalogue(home.catalogue).models if m.config.get("path")
    ]
    for number, name in enumerate(named):
        hub.add_model(name, f"{number:040x}", pipeline_tag="text-generation")
    hub.datasets["AmazonScience/massive"] = {"sha": COMMIT, "cardData": {"language": ["sw"]}}
    assert len(plm("fetch", "--json").json["admitted"]) == 8
    # One text is enough for its language to be evaluated.
    (home.corpora / "massive").mkdir()
    lines = [f"utterance {i}\tgreet" for i in range(20)]
    (home.corpora / "massive" / "swh_Latn.tsv").write_text("\n".join(lines))
    plan = plm("plan", "--json").json
    assert len(plan["waiting"]) == 3
    assert plan["waiting"]["massive"].startswith("50 of 51 texts")
    assert plm("list", "corpora", "--json").json[0]["source_lang"] == "swh_Latn"
    # add-corpus gives an awaited text, once.
    text = home.path / "am.tsv"
    lines = [f"ቁጥር {i} መብራቱን አብራ\tgreet" for i in range(20)]
    text.write_text("\n".join(lines))
    given = ["--task", "intent", "--text", text, "--language", "am"]
    added = plm("add-corpus", "massive", *given, "--allow", "near_duplicates")
    assert added.code == 0, added.err
    corpora = {corpus.id: corpus for corpus in read_catalogue(home.catalogue).corpora}
    assert len(corpora["massive"].parts) == 51
    again = plm("add-corpus", "massive", *given)
    assert "corpus massive has amh_Ethi already" in again.err
