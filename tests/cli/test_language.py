"""add-language and remove-language: from pasted lines to a prediction, and back."""

import io
import shutil
import sys
from pathlib import Path

import pytest
import yaml

from tasks.catalogue import fetch_catalogue
from tasks.evaluate import evaluate
from tasks.load import load
from tasks.plan import Wanted, plan
from tests.cli.conftest import Run
from tests.tiny import CATALOGUE
from warehouse.database import reading
from warehouse.home import Home
from warehouse.loader import load_landing

SWEDISH = [
    ("tänd lampan i köket", "HassTurnOn"),
    ("släck lampan i köket", "HassTurnOff"),
    ("vad är klockan", "HassGetCurrentTime"),
    ("hur är vädret idag", "HassGetWeather"),
]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The tiny experiment with everything evaluated and nothing predicted yet."""
    made = Home.create(tmp_path_factory.mktemp("trained") / "plm")
    load_landing(made)
    (made.catalogue / "tiny.yaml").write_text(CATALOGUE)
    path = str(made.path)
    fetch_catalogue(path)
    for batch in plan(path).batches:
        evaluate(batch.to_json(), path)
    load(path)
    return made


@pytest.fixture
def home_of(trained: Home, tmp_path: Path) -> Home:
    """A copy of it, at PLM_HOME."""
    shutil.copytree(trained.path, tmp_path / "plm", symlinks=True)
    return Home.find(tmp_path / "plm")


@pytest.fixture
def swedish(tmp_path: Path) -> Path:
    path = tmp_path / "swedish.tsv"
    path.write_text("".join(f"{text}\t{label}\n" for text, label in SWEDISH))
    return path


def test_a_new_language_is_predicted_at_once_with_the_kept_weights(
    plm: Run, home_of: Home, swedish: Path
) -> None:
    (home_of.catalogue / "idle.yaml").write_text(
        "models: [{id: never-run, kind: byte-transformer, config: {layers: 1, width: 32}, "
        "mode: from_scratch, role: estimated, tasks: [intent]}]"
    )
    result = plm(
        "add-language", "swe", "--text", swedish, "--licence", "CC0-1.0", "--now", "--json"
    )
    assert result.code == 0, result.err
    said = result.json
    assert next(row["language"] for row in said["nearest_languages"]) == "dan_Latn"
    (proxy,) = said["proxies"]
    assert (proxy["evaluations"], proxy["trainings"]) == (5, 0)
    assert 0 < proxy["seconds"] < 60
    assert said["evaluations_made"] == 5  # the proxies' alone

    never, small = said["predictions"]
    assert (small["model_id"], small["settings"], small["predicted"]) == ("transformer-1x64", 5, 5)
    assert 0 <= small["best"] <= 100
    assert "languages, 9 needed" in small["reasons"][0]  # too few for an honest interval
    assert (never["model_id"], never["predicted"]) == ("never-run", 0)
    assert "observed in no setting" in never["reasons"][0]

    advice = " ".join(said["what_to_collect"])
    assert "86 more lines" in advice
    assert "labels it lacks" in advice
    with reading(home_of) as connection:
        reused = connection.execute(
            "SELECT DISTINCT model_id, json_extract_string(arguments, '$.weights') FROM runs "
            "JOIN evaluations USING (run_id) WHERE target_lang = 'swe_Latn'"
        ).fetchall()
    assert reused == [("transformer-1x32", "reused")]
    missing = plan(str(home_of.path), Wanted(target="swe_Latn")).missing
    assert missing == 4 + 5  # the two estimated models, at the next refresh


def test_without_now_it_says_what_the_refresh_will_do(
    plm: Run, home_of: Home, swedish: Path
) -> None:
    result = plm("add-language", "swe_Latn", "--text", swedish, "--licence", "CC0-1.0")
    assert result.code == 0
    assert "Danish" in result.out
    assert "transformer-1x32" in result.out
    assert "plm-admin refresh" in result.out
    assert plan(str(home_of.path), Wanted(target="swe_Latn", role="proxy")).missing == 5


def test_lines_can_be_piped_or_pasted(
    plm: Run, home_of: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = "".join(f"{text}\t{label}\n" for text, label in SWEDISH)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines.encode())))
    result = plm("add-language", "swe_Latn", "--licence", "CC0-1.0")
    assert result.code == 0, result.err
    assert "0 train, 0 dev and 4 test lines" in result.out


def test_a_corpus_that_has_the_language_needs_no_text(plm: Run, home_of: Home) -> None:
    result = plm("add-language", "dan_Latn", "--corpus", "home-assistant-intents", "--json")
    assert result.code == 0
    assert result.json["language"] == "dan_Latn"
    assert result.json["proxies"] == []  # all is there


def test_a_language_is_taken_out_and_its_history_kept(
    plm: Run, home_of: Home, swedish: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plm("add-language", "swe_Latn", "--text", swedish, "--licence", "CC0-1.0", "--now")
    monkeypatch.setattr(sys, "stdin", io.StringIO("n\n"))
    assert plm("remove-language", "swe_Latn").code == 1
    assert "would take swe_Latn" in plm("remove-language", "swe_Latn", "--dry-run").out
    assert plan(str(home_of.path), Wanted(target="swe_Latn")).wanted == 9

    result = plm("remove-language", "swedish", "--yes")
    assert result.code == 0
    assert "text and scores are kept" in result.out
    assert yaml.safe_load((home_of.catalogue / "local.yaml").read_text()) in (None, {})
    assert plan(str(home_of.path), Wanted(target="swe_Latn")).wanted == 0
    with reading(home_of) as connection:
        kept = connection.execute(
            "SELECT count(*) FROM evaluations WHERE target_lang = 'swe_Latn'"
        ).fetchone()
    assert kept == (5,)

    assert plm("add-language", "swe_Latn", "--text", swedish, "--licence", "CC0-1.0").code == 0
    assert plan(str(home_of.path), Wanted(target="swe_Latn", role="proxy")).missing == 0


@pytest.mark.parametrize(
    ("language", "message"),
    [
        ("dan_Latn", "is not in local.yaml; take it out of the file that has it"),
        ("fin_Latn", "no corpus has fin_Latn"),
        ("dann", "unknown language"),
    ],
)
def test_what_cannot_be_removed_is_refused(
    plm: Run, home_of: Home, language: str, message: str
) -> None:
    result = plm("remove-language", language, "--yes")
    assert result.code in (1, 2)
    assert message in result.err
    assert not (home_of.catalogue / "local.yaml").exists()


def test_sample_text_can_be_added(plm: Run) -> None:
    result = plm("sample-text", "slk", "--lines", 30)
    lines = result.out.splitlines()
    assert len(lines) == len(set(lines)) == 30
    assert all(line.count("\t") == 1 for line in lines)
    assert plm("sample-text", "slk", "--lines", 30).out == result.out
