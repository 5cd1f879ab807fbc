"""add-corpus: what a person sees of a text, and what comes of it."""

from pathlib import Path

import pytest

from tests.cli.conftest import Run
from warehouse.home import Home

LINES = [
    f"washa taa namba {i} ya jikoni sasa hivi tafadhali\t{'on' if i % 2 else 'off'}"
    for i in range(12)
]
INTENT = ["--task", "intent", "--language", "swh_Latn", "--licence", "CC0-1.0"]


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "sw.tsv"
    path.write_text("\n".join(LINES) + "\n")
    return path


def test_a_text_is_checked_added_and_planned(plm: Run, home: Home, text: Path) -> None:
    tried = plm("add-corpus", "lights", "--text", text, *INTENT, "--dry-run")
    assert (tried.code, "nothing was added" in tried.err) == (0, True)
    assert "near_duplicates" in tried.out
    assert not list(home.corpora.iterdir())
    added = plm("add-corpus", "lights", "--text", text, *INTENT)
    assert added.code == 0
    assert "to corpus lights: 8 train, 0 dev and 4 test lines" in added.out
    assert plm("plan", "--json").json["waiting"] == {
        "lights": "no model in the catalogue evaluates intent"
    }
    findings = plm("list", "findings", "--json").json
    assert {row["finding"] for row in findings} >= {"near_duplicates", "size"}


def test_the_same_as_json(plm: Run, home: Home, text: Path) -> None:
    result = plm("add-corpus", "lights", "--text", text, *INTENT, "--json", "--test-size", "2")
    added = result.json
    assert (added["admitted"], added["corpus"]) == (True, "lights")
    assert added["sizes"] == {"train": 10, "dev": 0, "test": 2}
    assert {"level", "check", "message", "n_rows", "way_on"} < set(added["findings"][0])


def test_a_refused_text_shows_everything_escaped(plm: Run, home: Home, text: Path) -> None:
    text.write_text("".join(f"\x1b[31mtaa {i}</b>\ton\n" for i in range(9)))
    options = ["add-corpus", "lights", "--text", text, *INTENT]
    result = plm(*options)
    assert result.code == 1
    assert f"{text} is not admitted, nothing was added" in result.err
    assert "\\x1b[31mtaa 0</b>" in result.out
    assert "\x1b" not in result.out + result.err
    refused = plm(*options, "--json")
    assert refused.code == 1
    assert refused.json["admitted"] is False
    assert [x["check"] for x in refused.json["findings"][:2]] == ["control", "html"]
    assert not list(home.corpora.iterdir())
    assert plm(*options, "--allow", "control", "--allow", "html").code == 0


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--format", "docx"], 2, "unknown format 'docx'; use one of tsv"),
        (["--column", "utterance"], 2, "is not text=NAME"),
        (["--with", "eng_Latn"], 2, "--with names the other language"),
        (["--allow", "scrpt"], 2, "did you mean script?"),
        (["--task", "mt"], 2, "--with names the other language"),
        (["--language", "swahilii"], 2, "unknown language"),
        (["--text", "gone.tsv"], 1, "gone.tsv: there is no such file"),
    ],
)
def test_a_mistake_is_named(
    plm: Run, home: Home, text: Path, options: list[str], code: int, message: str
) -> None:
    result = plm("add-corpus", "lights", "--text", text, *INTENT, *options)
    assert result.code == code
    assert message in result.err
    assert not list(home.corpora.iterdir())
