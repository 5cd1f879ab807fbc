"""advise and compare: choices in words, on the settings that can be compared."""

import pandas as pd
import pytest

from cli.options import print_table
from proxylm.board.compare import compare
from tests.boards import fill
from tests.cli.conftest import Run
from warehouse.home import Home


@pytest.fixture
def board(home: Home) -> Home:
    fill(home, languages=5)
    return home


def test_the_advice_names_the_model_of_least_regret(plm: Run, board: Home) -> None:
    found = plm("advise", "--language", "sw", "--task", "mt", "--json").json
    best = found["choices"][0]
    assert (best["model"], best["P(best)"], best["regret"]) == ("beta", 0.75, 0.5)
    assert best["not compared"] == ["gamma"]
    gain = found["fine_tuning"][0]
    assert (gain["gain"], gain["helps"], gain["uncertain"]) == (4.0, 2, 0)
    out = plm("advise", "--language", "sw").out
    assert "Which model to take in swh_Latn" in out
    assert "What fine-tuning gains" in out


def test_without_decisions_the_intervals_speak_and_say_so(plm: Run, home: Home) -> None:
    fill(home, languages=3, decided=False)
    result = plm("advise", "--language", "Swahili")
    assert "has not been computed; `plm-admin refresh`" in result.err
    assert "a shared rank means overlapping intervals" in result.out


def test_a_language_that_is_not_there_is_named(plm: Run, board: Home) -> None:
    result = plm("advise", "--language", "fi", "--task", "mt")
    assert result.code == 2
    assert "no score and no prediction in fin_Latn for mt" in result.err


def test_two_models_are_compared_where_both_are(plm: Run, board: Home) -> None:
    found = plm("compare", "alpha", "beta", "--json").json
    assert {(row["task"], row["metric"]) for row in found} == {
        ("mt", "spBLEU"),
        ("intent", "accuracy"),
    }
    for row in found:
        assert row["difference"] == pytest.approx(row["first"] - row["second"])
        assert row["lower"] <= row["difference"] <= row["upper"]
    assert "better: in so many settings" in plm("compare", "alpha", "beta").out
    result = plm("compare", "alpha", "tiny")
    assert result.code == 2
    assert "no setting in common" in result.err
    assert "did you mean" in plm("compare", "alpha", "betaa").err


def test_what_only_one_model_has_is_left_out_and_counted() -> None:
    scores = [("a", "s1", "x", 50.0), ("b", "s1", "x", 60.0), ("a", "s2", "y", 20.0)]
    scores += [("b", "s2", "y", 21.0), ("a", "s3", "x", 99.0)]
    rows = pd.DataFrame(scores, columns=["model_id", "setting_key", "board_language", "observed"])
    rows = rows.assign(task="mt", metric="TER", mode="fine_tuned", observed_half_width=1.0)
    rows = rows.assign(predicted=None, lower=None, upper=None)
    (found,) = compare(rows, "a", "b")
    assert (found.settings, found.only_first, found.only_second) == (2, 1, 0)
    assert (found.first, found.second, found.difference) == (35.0, 40.5, -5.5)
    assert (found.first_better, found.second_better) == (1, 0)  # lower is better, one overlaps


def test_a_narrow_terminal_gets_a_line_a_value(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "30")
    print_table(["model", "score"], [["a-model-with-a-long-name-indeed", 12.345]])
    assert capsys.readouterr().out == "model  a-model-with-a-long-name-indeed\nscore  12.3\n\n"


def test_a_pipe_gets_no_colour_codes(plm: Run, board: Home) -> None:
    for command in (["leaderboard"], ["status"], ["compare", "alpha", "beta"]):
        assert "\x1b" not in plm(*command).out
