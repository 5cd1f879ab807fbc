"""Questions about single settings, as a user puts them on the command line."""

import json

import pytest
from typer.testing import CliRunner

from cli.main import app
from tests.tasks.conftest import LANGUAGES
from warehouse.home import Home


def ask(home: Home, *words: str) -> str:
    done = CliRunner().invoke(app, [*words, "--task", "intent", "--home", str(home.path)])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_levels_are_computed_anew_and_nothing_is_written(decided: Home) -> None:
    before = {path: path.stat().st_mtime_ns for path in decided.path.rglob("*")}
    pair = ["--source", "spa", "--target", "nob", "--model", "big"]
    levels = ["--level", "0.8", "--level", "0.9"]
    rows = json.loads(ask(decided, "predict", *pair, *levels, "--json"))
    assert [row["level"] for row in rows] == [0.8, 0.9]
    narrow, wide = ((row["lower"], row["upper"]) for row in rows)
    assert wide[0] <= narrow[0] < rows[0]["predicted"] < narrow[1] <= wide[1]
    assert not rows[0]["hypothetical"]
    board = json.loads(ask(decided, "predict", *pair, "--json"))
    assert board[0]["predicted"] == pytest.approx(rows[0]["predicted"], abs=1e-5)
    assert {path: path.stat().st_mtime_ns for path in decided.path.rglob("*")} == before


def test_a_setting_that_nobody_planned_is_answered_or_abstained_in(decided: Home) -> None:
    words = ["predict", "--source", "zul", "--target", "xho", "--model", "big"]
    (row,) = json.loads(ask(decided, *words, "--json"))
    assert row["hypothetical"]
    assert (row["status"], row["predicted"]) == ("abstained", None)
    assert "evaluate one of small/fine_tuned" in row["reason"]
    assert row["missing_proxies"] == ["small/fine_tuned/accuracy"]
    assert (row["train_corpus"], row["train_size"], row["test_corpus"]) == ("c", 10, "c")
    done = CliRunner().invoke(app, [*words, "--task", "slot", "--home", str(decided.path)])
    assert done.exit_code != 0
    assert "no predictor is in use for slot" in str(done.exception)


def test_an_explanation_adds_up_and_shows_the_way_to_be_surer(decided: Home) -> None:
    words = ["explain", "--source", "swe", "--target", "nob", "--model", "big"]
    (told,) = json.loads(ask(decided, *words, "--json"))
    parts = sum(part["contribution"] for part in told["contributions"])
    total = told["base"] + parts + told["known_scores_of_the_language"]
    assert total + told["cut_at_the_metrics_ends"] == pytest.approx(told["predicted"])
    assert {near["target_lang"] for near in told["nearest"]} <= set(LANGUAGES)
    assert all(unit["share"] < 1 for unit in told["narrowing"])
    text = ask(decided, *words)
    assert "sum: the prediction" in text
    assert "Nearest known settings" in text


def test_an_observed_setting_says_that_it_was_trained_on(decided: Home) -> None:
    text = ask(decided, "explain", "--source", "dan", "--target", "nob", "--model", "big")
    assert "the predictor was fitted on it" in text
