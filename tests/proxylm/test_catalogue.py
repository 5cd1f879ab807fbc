"""The files of the catalogue: the paper's, pins, and how a wrong entry is named."""

import csv
from pathlib import Path

import pytest
import yaml

from proxylm.catalogue import Catalogue, add_model, packaged, pin, read_catalogue, read_file
from proxylm.errors import InputError, UsageError
from proxylm.languages import resolve
from proxylm.published import MODELS
from proxylm.recipes import names
from proxylm.sources.policy import read_policy

MODEL = """
models:
  - {id: small, kind: encoder-decoder, mode: fine_tuned, role: proxy, tasks: [mt], recipe: RECIPE}
"""


@pytest.fixture
def paper(tmp_path: Path) -> Path:
    """The folder of the paper's catalogue."""
    for name, text in packaged("paper").items():
        (tmp_path / name).write_text(text)
    return tmp_path


def test_the_papers_catalogue_has_its_languages_and_tasks(paper: Path) -> None:
    corpora = {corpus.id: corpus for corpus in read_catalogue(paper).corpora}
    pairs = {(part.language, part.with_language) for part in corpora["mt560"].parts}
    assert len(pairs) == 100
    assert {(b, a) for a, b in pairs} == pairs
    assert all("eng_Latn" in pair for pair in pairs)
    for name, task in (("massive", "intent"), ("massive-slot", "slot")):
        assert corpora[name].task == task
        assert len({part.language for part in corpora[name].parts}) == 51


def test_the_papers_catalogue_has_the_models_of_the_published_records(paper: Path) -> None:
    models = {model.id: model for model in read_catalogue(paper).models}
    published = {model.model_id: model for model in MODELS.values()}
    assert set(models) == set(published)
    for name, model in models.items():
        expected = published[name]
        assert model.mode in (expected.proxy_modes if model.role == "proxy" else ("fine_tuned",))
        assert bool(expected.estimated_modes) == (model.role == "estimated")
        assert model.n_parameters == expected.n_parameters
        assert model.recipe["name"] in names()


def test_the_papers_languages_are_those_of_the_records(paper: Path, records: Path) -> None:
    corpora = {corpus.id: corpus for corpus in read_catalogue(paper).corpora}
    for name, corpus in (("mt560", "mt560"), ("intent", "massive")):
        with (records / f"{name}_experiments.csv").open() as file:
            rows = [(row["source_lang"], row["target_lang"]) for row in csv.DictReader(file)]
        published = {resolve(language).code for pair in set(rows) for language in pair}
        assert {part.language for part in corpora[corpus].parts} == published


def test_the_papers_policy_admits_nothing_unasked(paper: Path) -> None:
    policy = read_policy(paper)
    assert len(policy.sources) == 4
    assert policy.models == policy.languages == ()
    commented = packaged("paper")["policy.yaml"].partition("for example:\n")[2]
    (paper / "policy.yaml").write_text(commented.replace("# ", "", 1).replace("\n# ", "\n"))
    assert read_policy(paper).models[0].recipe["name"] == "paper-small100"


def test_there_is_no_other_catalogue() -> None:
    with pytest.raises(UsageError, match="there are demo, paper"):
        packaged("papper")


def test_a_pin_in_local_yaml_goes_before_what_an_entry_says(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(MODEL.replace("RECIPE", "paper-small100"))
    pin(tmp_path, "small", "a" * 40)
    added = read_catalogue(tmp_path).models[0].model_copy(update={"id": "other"})
    add_model(tmp_path, added)  # keeps the pin
    assert [m.revision for m in read_catalogue(tmp_path).models] == ["a" * 40, "a" * 40]
    local = yaml.safe_load((tmp_path / "local.yaml").read_text())
    assert local["pins"] == {"small": "a" * 40}
    (tmp_path / "b.yaml").write_text("pins: {small: main}")
    with pytest.raises(InputError, match=r"b.yaml: pins.small: String should match"):
        read_catalogue(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("models:\n  - {id: m, kind: k}\n", "models.0.mode: Field required (entry m)"),
        (MODEL.replace("RECIPE", "no-such"), "models.0.recipe: there is no recipe no-such"),
        ("corpora:\n  - {id: ../x, task: mt}", "corpora.0.id: String should match"),
        (
            "corpora: [{id: c, task: mt, train_size: 1, test_size: 1, parts: [xx_Xxxx]}]",
            "corpora.0.parts.0.language: unknown language 'xx_Xxxx'",
        ),
        ("model: []", "model: Extra inputs"),
        ("- a list", "Input should be a valid"),
    ],
)
def test_a_wrong_entry_is_named_with_file_entry_and_field(
    tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as error:
        read_file(path)
    assert str(path) in str(error.value)
    assert message in str(error.value)
    path.write_text("")
    assert read_file(path) == Catalogue()
