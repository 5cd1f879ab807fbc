"""evaluate-predictor: from files or the home, as a table or JSON, and what it refuses."""

from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.release import write_release
from warehouse.home import Home

QUICK = ["--regressor", "ridge", "--reference", "train-mean"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_release(tmp_path_factory.mktemp("release"))


def test_every_model_of_a_file_is_judged_with_one_recipe(plm: Run, folder: Path) -> None:
    choice = ["--task", "slot", "--protocol", "random", "--json"]
    result = plm("evaluate-predictor", "--records", folder, *QUICK, *choice)
    assert result.code == 0, result.err
    cells = {(row["records"], row["model_id"], row["protocol"]) for row in result.json}
    models = ("aya-23-8b", "llama-3-8b")
    assert cells == {("slot", model, "random") for model in models}
    assert {row["regressor"] for row in result.json} == {"ridge", "train-mean"}
    assert all(row["ratio"] <= 1 for row in result.json)


def test_the_table_shows_both_halves_and_the_published_figure(plm: Run, folder: Path) -> None:
    choice = ["--task", "intent", "--model", "aya", "--protocol", "lolo", "--half"]
    result = plm("evaluate-predictor", "--records", folder, *QUICK, *choice)
    assert result.code == 0, result.err
    for word in ("intent accuracy aya-23-8b", "development", "reserved", "11.12", "train-mean"):
        assert word in result.out


def test_nusa_is_predicted_from_mt560(plm: Run, folder: Path) -> None:
    choice = ["--model", "nllb", "--metric", "spBLEU", "--protocol", "cross_dataset"]
    result = plm("evaluate-predictor", "--records", folder, *QUICK, *choice, "--json")
    assert [row["records"] for row in result.json] == ["mt560+nusa"] * 2


def test_what_is_left_out_is_said(plm: Run, folder: Path) -> None:
    choice = ["--task", "intent", "--protocol", "cross_dataset"]
    result = plm("evaluate-predictor", "--records", folder, *QUICK, *choice)
    assert result.code == 1
    assert "left out cross_dataset. It predicts nusa from mt560" in result.err


def test_what_it_refuses(plm: Run, folder: Path, home: Home, tmp_path: Path) -> None:
    cases = {
        ("--records", folder, "--regressor", "xgb"): (2, "No regressor is called 'xgb'"),
        ("--records", folder, "--protocol", "loco"): (2, "No protocol is called 'loco'"),
        ("--records", tmp_path): (1, "holds none of mt560_experiments.csv"),
        ("--records", folder, "--model", "gpt"): (1, "Nothing to evaluate"),
        (): (1, "Nothing to evaluate"),  # an empty home
    }
    for arguments, (code, words) in cases.items():
        result = plm("evaluate-predictor", *arguments)
        assert (result.code, words in result.err) == (code, True), result.err
