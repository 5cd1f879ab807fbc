"""The catalogue's sources, against a hub on this machine: what is proposed, and every fault."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from proxylm.catalogue import read_catalogue
from proxylm.errors import BusyError, InputError, UsageError
from proxylm.records import Proposal
from tasks.proposals import Choice, approve, reject
from tasks.sources import SourcesFetched, fetch_sources
from tests.hub_server import CUT, HubServer, serving
from warehouse.database import reading
from warehouse.home import Home
from warehouse.proposals import read_proposals, record

A, B, C, D = ("a" * 40, "b" * 40, "c" * 40, "d" * 40)
POLICY = """
sources:
  - {name: translators, type: hub-models, task: mt, licences: [mit]}
  - {name: massive, type: hub-dataset, dataset: acme/massive, corpus: massive}
models:
  - role: proxy
    task: mt
    mode: fine_tuned
    recipe: paper-small100
    kinds: [encoder-decoder]
    max_parameters: 700_000_000
    licences: [mit]
    min_downloads: 1000
languages:
  - {corpus: massive, licences: [cc-by-4.0], languages: [swh_Latn, fra_Latn]}
"""
CORPORA = """
corpora:
  - {id: massive, task: intent, train_size: 4, test_size: 2, parts: [fra_Latn]}
"""


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    """Three models over two pages, and a data set with two languages that are new."""
    with serving(HubServer()) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.delenv("HF_TOKEN", raising=False)
        server.add_model("acme/Small-MT", A)
        server.add_model("acme/large", B, safetensors={"total": 3_300_000_000})
        server.add_model("acme/unsized", C, safetensors=None)
        configs = ["all", "fr-FR", "sw-KE", "cy-GB"]
        server.datasets["acme/massive"] = {
            "id": "acme/massive",
            "sha": D,
            "cardData": {
                "license": ["cc-by-4.0"],
                "language": ["fr", "sw", "cy"],
                "configs": [{"config_name": name} for name in configs],
            },
        }
        yield server


@pytest.fixture
def asking(home: Home, hub: HubServer) -> Home:
    """A home whose policy asks the hub."""
    (home.catalogue / "policy.yaml").write_text(POLICY)
    (home.catalogue / "corpora.yaml").write_text(CORPORA)
    return home


def fetch(home: Home, only: str | None = None, waits: list[float] | None = None) -> SourcesFetched:
    return fetch_sources(str(home.path), only, (waits if waits is not None else []).append)


def proposals(home: Home) -> dict[str, Proposal]:
    return {p.id: p for p in read_proposals(home)}


def fetches(home: Home, columns: str) -> list[Any]:
    with reading(home) as connection:
        return connection.execute(f"SELECT {columns} FROM fetches ORDER BY started_at").fetchall()


def files(home: Home) -> dict[str, str]:
    return {path.name: path.read_text() for path in home.catalogue.iterdir()}


def test_what_is_new_is_proposed_and_the_policy_admits_what_fits(asking: Home) -> None:
    done = fetch(asking)
    assert (done.sources, done.found, done.open, done.failures) == (2, 6, 3, {})
    assert done.admitted == ["model acme/Small-MT", "language massive:swh_Latn"]
    found = proposals(asking)
    assert set(found) == {
        "acme/Small-MT",
        "acme/large",
        "acme/unsized",
        "massive:swh_Latn",
        "massive:cym_Latn",
    }
    assert found["acme/Small-MT"].decided_by == "policy"
    assert "3,300,000,000 parameters" in found["acme/large"].reason
    assert "does not declare their size" in found["acme/unsized"].reason
    assert found["massive:cym_Latn"].reason == "corpus massive: cym_Latn is not asked for"

    catalogue = read_catalogue(asking.catalogue)
    (model,) = catalogue.models
    assert (model.id, model.revision, model.config) == ("small-mt", A, {"path": "acme/Small-MT"})
    assert (model.role, model.n_parameters) == ("proxy", 100_000_000)
    assert [part.language for part in catalogue.corpora[0].parts] == ["fra_Latn", "swh_Latn"]


def test_a_second_run_asks_conditionally_and_changes_nothing(asking: Home, hub: HubServer) -> None:
    fetch(asking)
    before, written = proposals(asking), files(asking)
    hub.requests.clear()
    done = fetch(asking)
    assert done.requests == done.unchanged == len(hub.requests) == 4
    assert all(request.etag for request in hub.requests)
    assert [done.admitted, done.found] == [[], 0]
    assert (proposals(asking), files(asking)) == (before, written)


def test_what_a_person_took_out_of_the_catalogue_stays_out(asking: Home, hub: HubServer) -> None:
    fetch(asking)
    (asking.catalogue / "local.yaml").unlink()
    assert fetch(asking).admitted == []
    hub.models["acme/Small-MT"]["sha"] = D
    assert fetch(asking).admitted == []
    latest = read_proposals(asking)[-1]
    assert (latest.revision, latest.status) == (D, "rejected")
    assert latest.reason == "it was taken out of the catalogue"
    approve(str(asking.path), "acme/Small-MT")
    assert read_catalogue(asking.catalogue).models[0].revision == D


def test_a_run_that_ended_before_it_could_record_loses_nothing(
    asking: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded: list[int] = []

    def fails_at_the_second(*arguments: Any) -> None:
        if recorded:
            raise BusyError("held by another")
        recorded.append(1)
        record(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr("tasks.sources.record", fails_at_the_second)
        with pytest.raises(BusyError):
            fetch(asking)
    written = files(asking)
    assert "small-mt" in written["local.yaml"]
    fetch(asking)
    admitted = proposals(asking)["acme/Small-MT"]
    assert (admitted.status, admitted.decided_by) == ("admitted", "policy")
    assert files(asking) == written


def test_a_person_decides_the_rest(asking: Home) -> None:
    fetch(asking)
    home = str(asking.path)
    with pytest.raises(UsageError, match="say --role proxy or estimated, and --mode"):
        approve(home, "acme/large")
    with pytest.raises(UsageError, match="did you mean acme/large"):
        reject(home, "acme/larg", "")
    approve(home, "acme/large", Choice("estimated", "fine_tuned", "paper-nllb"))
    approve(home, "massive:cym_Latn")
    with pytest.raises(InputError, match="does not declare their size; --kind takes it"):
        approve(home, "acme/unsized", Choice("proxy", "zero_shot"))
    reject(home, "acme/unsized", "too little known")
    with pytest.raises(UsageError, match="rejected already, by person: too little known"):
        reject(home, "acme/unsized", "again")
    approve(home, "acme/unsized", Choice("proxy", "zero_shot", kind="encoder-decoder"))
    with pytest.raises(UsageError, match="admitted already, by person: approved"):
        approve(home, "acme/unsized")
    models = {model.id: model for model in read_catalogue(asking.catalogue).models}
    assert models["large"].role == "estimated"
    assert models["large"].recipe["learning_rate"] == 2e-5
    assert {p.decided_by for p in proposals(asking).values()} == {"policy", "person"}


def test_a_changed_revision_is_a_proposal_and_a_rejected_model_stays_rejected(
    asking: Home, hub: HubServer
) -> None:
    fetch(asking)
    reject(str(asking.path), "acme/large", "too large")
    for name in ("acme/Small-MT", "acme/large", "acme/unsized"):
        hub.models[name]["sha"] = D
    assert fetch(asking).admitted == []
    by_key = {(p.what, p.id, p.revision): p for p in read_proposals(asking)}
    changed = by_key["revision", "acme/Small-MT", D]
    assert changed.status == "proposed"
    assert changed.reason == f"small-mt is at {A}; another commit is evaluated anew"
    assert by_key["model", "acme/large", D].reason == "as before: too large"
    assert by_key["model", "acme/unsized", C].reason == f"{D} has taken its place"
    assert by_key["model", "acme/unsized", D].status == "proposed"
    approve(str(asking.path), "acme/Small-MT")
    (model,) = read_catalogue(asking.catalogue).models
    assert model.revision == D


def test_a_policy_that_became_wider_admits_what_was_found_before(
    asking: Home, hub: HubServer
) -> None:
    fetch(asking)
    (asking.catalogue / "policy.yaml").write_text(POLICY.replace("700_000_000", "4_000_000_000"))
    done = fetch(asking)
    assert (done.admitted, done.unchanged) == (["model acme/large"], 4)


def test_a_fault_is_recorded_with_its_retries_and_stops_no_other_source(
    asking: Home, hub: HubServer
) -> None:
    hub.faults["/api/models"] = [404, 401]  # one for each kind of model that is searched
    hub.faults["/api/datasets/acme/massive"] = [CUT, 500]
    waited: list[float] = []
    done = fetch(asking, waits=waited)
    assert list(done.failures) == ["translators"]
    assert "check the name in the policy, or it was withdrawn; http" in done.failures["translators"]
    assert "it needs a token: set HF_TOKEN" in done.failures["translators"]
    assert done.admitted == ["language massive:swh_Latn"]
    assert waited == [1.0, 2.0]
    assert fetches(asking, "status, http_status, retries, error IS NULL") == [
        ("failed", 404, 0, False),
        ("failed", 401, 0, False),
        ("fetched", 200, 2, True),
    ]
    assert fetch(asking).admitted == ["model acme/Small-MT"]  # the next run has it


def test_a_hub_that_does_not_answer_is_asked_once_a_source(
    asking: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    waited: list[float] = []
    done = fetch(asking, waits=waited)
    assert set(done.failures) == {"translators", "massive"}
    assert done.requests == 2
    assert waited == [1.0, 2.0, 4.0] * 2


def test_a_token_is_used_and_left_nowhere(
    asking: Home,
    hub: HubServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    hub.token = "hf_planted-and-to-be-found-nowhere"
    assert "it needs a token: set HF_TOKEN" in fetch(asking).failures["massive"]
    monkeypatch.setenv("HF_TOKEN", "hf_wrong-planted")
    assert "the token in HF_TOKEN does not open it" in fetch(asking).failures["massive"]
    monkeypatch.setenv("HF_TOKEN", hub.token)
    done = fetch(asking)
    assert (len(done.admitted), done.failures) == (2, {})
    assert hub.requests[-1].authorization == f"Bearer {hub.token}"
    for path in asking.path.rglob("*"):
        if path.is_file():
            assert b"planted" not in path.read_bytes(), path
    assert "planted" not in caplog.text


def test_a_feed_proposes_the_same(asking: Home, hub: HubServer) -> None:
    url = f"{hub.url}/partner.json"
    source = f"  - {{name: partner, type: feed, url: '{url}'}}\n"
    (asking.catalogue / "policy.yaml").write_text(
        "sources:\n" + source + POLICY.partition("corpus: massive}\n")[2]
    )
    model = {"id": "partner/mt", "revision": A, "task": "mt", "kind": "encoder-decoder"}
    good = {**model, "n_parameters": 10, "licence": "mit", "downloads": 2000}
    bad = {**model, "id": "../../etc/passwd"}
    hub.feeds["/partner.json"] = {"version": 1, "models": [good, bad]}
    assert fetch(asking).admitted == ["model partner/mt"]
    found = proposals(asking)
    assert "models.1.id: not a name of the form" in found["../../etc/passwd"].reason
    hub.feeds["/partner.json"] = {"version": 2}
    fetch(asking)
    assert 'is an object with "version": 1' in proposals(asking)["(of partner)"].reason


def test_what_is_malicious_is_kept_as_rejected_and_never_admitted(
    asking: Home, hub: HubServer
) -> None:
    hub.models.clear()
    evil = ["../../../tmp/x", "acme/\x1b[2Jgone", "a/b/c", "-rf/x", "acme/..", "<b>/x"]
    for number, name in enumerate(evil):
        hub.add_model(name, f"{number:040d}")
    hub.add_model("acme/code", A, tags=["custom_code"])
    hub.add_model("acme/liar", "main; rm -rf /")
    hub.add_model("acme/odd", B, safetensors={"total": True}, downloads="many", config="x")
    assert fetch(asking, "translators").admitted == []
    found = proposals(asking)
    assert {found[name].status for name in evil} == {"rejected"}
    assert found["acme/code"].reason == "it needs code of its own, which is never run"
    assert found["acme/liar"].reason.startswith("revision: ")
    assert "is no family of translation models here" in found["acme/odd"].reason
    assert not (asking.catalogue / "local.yaml").exists()


def test_the_paper_model_without_a_commit_is_pinned(asking: Home, hub: HubServer) -> None:
    (asking.catalogue / "mine.yaml").write_text(
        "models:\n  - {id: mine, revision: unpinned, kind: encoder-decoder, mode: fine_tuned,"
        " config: {path: acme/Small-MT}, recipe: paper-nllb, role: estimated, tasks: [mt]}\n"
    )
    assert fetch(asking, "translators").admitted == ["revision acme/Small-MT"]
    assert read_catalogue(asking.catalogue).pins == {"mine": A}
