"""status, doctor, sql, list and leaderboard: words for people, JSON for programs."""

import csv
import io

import pytest

from proxylm.landing import write_landing
from tests.cli.conftest import Run
from tests.warehouse.builders import evaluated
from warehouse.home import Home
from warehouse.loader import load_landing


@pytest.fixture
def small(home: Home) -> Home:
    """A home with a proxy and an estimated model."""
    write_landing(evaluated("proxy"), home.incoming)
    write_landing(evaluated("estimated", value=60, role="estimated"), home.incoming)
    load_landing(home)
    return home


@pytest.mark.parametrize(
    "arguments",
    [
        ["status"],
        ["leaderboard"],
        ["plan"],
        ["doctor"],
        ["retrain"],
        ["list", "languages"],
        ["list", "models"],
        ["list", "corpora"],
        ["list", "settings"],
        ["sql", "SELECT * FROM setting_scores"],
        ["predict", "--task", "intent", "--source", "en", "--target", "sw"],
    ],
)
def test_json_parses_and_words_stay_off_stdout(plm: Run, small: Home, arguments: list[str]) -> None:
    result = plm(*arguments, "--json")
    assert result.code == 0, result.err
    assert result.json is not None


def test_the_board_shows_the_estimated_model(plm: Run, small: Home) -> None:
    result = plm("leaderboard")
    assert "estimated" in result.out
    assert "swh_Latn" in result.out
    assert "no predictor yet" in result.out


def test_an_empty_board_says_how_to_fill_it(plm: Run, home: Home) -> None:
    assert "plm-admin import-records" in plm("leaderboard").out


def test_retraining_with_too_little_says_what_is_missing(plm: Run, small: Home) -> None:
    result = plm("retrain")
    assert result.code == 0
    assert "enough observed scores" in result.out


def test_sql_prints_csv(plm: Run, small: Home) -> None:
    out = plm("sql", "SELECT model_id, value FROM setting_scores ORDER BY ALL", "--csv").out
    rows = list(csv.reader(io.StringIO(out)))
    assert rows[0] == ["model_id", "value"]
    assert rows[1] == ["estimated", "60.0"]


def test_sql_cannot_write_nor_read_files(plm: Run, small: Home) -> None:
    for query in ("DELETE FROM scores", "SELECT * FROM read_csv('/etc/hostname')", "SELEC 1"):
        result = plm("sql", query)
        assert result.code == 1
        assert "the query failed" in result.err


def test_status_counts(plm: Run, small: Home) -> None:
    status = plm("status", "--json").json
    assert status["scores"] == 6
    assert status["board"] == {"observed": 3, "predicted": 0, "abstained": 0}
    assert status["failed_trainings"] == []


def test_doctor_finds_a_home_that_others_can_read(plm: Run, small: Home) -> None:
    small.path.chmod(0o755)
    result = plm("doctor", "--json")
    assert result.code == 1
    (bad,) = (finding for finding in result.json if not finding["ok"])
    assert bad["check"] == "home mode"
    assert bad["remedy"] == f"chmod 700 {small.path}"


def test_doctor_without_a_home_says_so(plm: Run) -> None:
    result = plm("doctor", "--json")
    assert result.code == 1
    assert any("plm-admin init" in finding["found"] for finding in result.json)
