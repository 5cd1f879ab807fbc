"""From predictions to decisions in a warehouse: choices, gains, recommendations, drift."""

import json
import shutil
from pathlib import Path

from typer.testing import CliRunner

from cli.main import app
from tasks.decide import decide
from tasks.retrain import retrain
from tests.tasks.conftest import LANGUAGES, observe
from warehouse.database import reading, writing
from warehouse.home import Home
from warehouse.loader import load_landing
from warehouse.snapshot import publish_snapshot


def test_the_stage_fills_its_tables_and_leaves_them_alone_after(decided: Home) -> None:
    first = decide(str(decided.path))
    assert set(first.changed) >= {"decisions", "recommendations"}
    snapshot = decided.snapshot.resolve()
    assert decide(str(decided.path)).changed == ()
    assert decided.snapshot.resolve() == snapshot
    with reading(decided) as connection:
        chosen = connection.execute(
            "SELECT model_id, min(probability_best) FROM model_choice WHERE choice = 1 "
            "AND n_models = 2 GROUP BY 1"
        ).fetchall()
        units = connection.execute(
            "SELECT model_id, role, source_lang, target_lang, settings, device_seconds, "
            "cost_basis FROM recommendations"
        ).fetchall()
    assert [model for model, _ in chosen] == ["other"]
    assert chosen[0][1] > 0.7
    # one training and twelve tests at measured speed: 360 + 12 x 6 seconds
    assert {u[1:] for u in units if u[0] == "big"} == {
        ("estimated", source, "*", 12, 432.0, "measured") for source in LANGUAGES[8:11]
    }


def test_recommend_keeps_to_its_budget(decided: Home) -> None:
    decide(str(decided.path))
    run = CliRunner()
    home = ["--home", str(decided.path)]
    whole = run.invoke(app, ["recommend", "--json", *home])
    part = run.invoke(app, ["recommend", "--json", "--budget-hours", "0.25", *home])
    assert whole.exit_code == part.exit_code == 0
    rows, kept = json.loads(whole.stdout), json.loads(part.stdout)
    assert len(rows) == 5
    assert [r["rank"] for r in rows] == [1, 2, 3, 4, 5]
    assert rows[0]["drop_per_hour"] >= rows[-1]["drop_per_hour"]
    assert [r["rank"] for r in kept] == [1, 2]  # 2 x 432 s fit into 900 s
    table = run.invoke(app, ["recommend", "--language", "swe", *home])
    assert table.exit_code == 0
    assert "swe_Latn" in table.stdout


def test_what_was_evaluated_since_is_not_recommended(decided: Home, tmp_path: Path) -> None:
    decide(str(decided.path))
    home = Home.find(shutil.copytree(decided.path, tmp_path / "plm", symlinks=True))
    observe(home, "big", LANGUAGES[8:9], "estimated", 10.0)
    load_landing(home)
    run = CliRunner().invoke(app, ["recommend", "--json", "--home", str(home.path)])
    rows = [r for r in json.loads(run.stdout) if r["model_id"] == "big"]
    assert {r["source_lang"] for r in rows} == set(LANGUAGES[9:11])
    assert "open" not in rows[0]
    assert "1 more have been evaluated since; `plm-admin retrain`" in run.stderr


def test_a_challenger_takes_over_only_where_it_is_not_worse(decided: Home, tmp_path: Path) -> None:
    home = Home.find(shutil.copytree(decided.path, tmp_path / "plm", symlinks=True))
    before = board(home)
    worse = retrain(str(home.path), model_id="big", regressor="train-mean")
    (said,) = worse.contests.values()
    assert "train-mean does not win" in said
    assert board(home) == before  # it is kept, but says nothing
    with reading(home) as connection:
        regressors = connection.execute(
            "SELECT DISTINCT predictor_regressor FROM predictor_quality_latest"
        ).fetchall()
    assert regressors == [("lightgbm",)]

    with writing(home, "test") as connection:  # as if it had been the first recipe
        connection.execute(
            "UPDATE champions SET predictor_id = p.predictor_id, regressor = p.regressor "
            "FROM predictors p WHERE p.regressor = 'train-mean' AND champions.model_id = 'big'"
        )
    observe(home, "big", LANGUAGES[8:9], "estimated", 10.0)
    load_landing(home)
    better = retrain(str(home.path), model_id="big", regressor="lightgbm")
    assert len(better.made) == 1  # the recipe in use sees the new data first
    (said,) = better.contests.values()
    assert "lightgbm wins against train-mean" in said
    with reading(home) as connection:
        row = connection.execute(
            "SELECT regressor, reason FROM champions WHERE model_id = 'big'"
        ).fetchone()
    assert row == ("lightgbm", said)
    again = retrain(str(home.path), model_id="big", regressor="lightgbm")
    assert (len(again.unchanged), again.made, again.contests) == (1, {}, {})


def test_forecasts_are_graded_as_scores_come_in_and_status_shows_the_alarm(
    decided: Home, tmp_path: Path
) -> None:
    home = Home.find(shutil.copytree(decided.path, tmp_path / "plm", symlinks=True))
    observe(home, "big", LANGUAGES[8:9], "estimated", -20.0)  # all far below their forecasts
    load_landing(home)
    done = decide(str(home.path))
    assert "drift_checks" in done.changed
    assert done.alarms == []  # one bad day
    quiet = CliRunner().invoke(app, ["status", "--home", str(home.path)])
    assert "drift alarms: none\n" in quiet.stdout
    with reading(home) as connection:
        rows = connection.execute(
            "SELECT language, n_forecasts, coverage, alarm FROM drift_checks ORDER BY 1"
        ).fetchall()
    assert rows == [("*", 12, 0.0, False), *((code, 1, 0.0, False) for code in LANGUAGES)]
    with writing(home, "test") as connection:
        connection.execute(
            "UPDATE drift_checks SET alarm = true, since = made_at WHERE language = '*'"
        )
        publish_snapshot(home, connection)
    told = CliRunner().invoke(app, ["status", "--json", "--home", str(home.path)])
    (alarm,) = json.loads(told.stdout)["drift_alarms"]
    assert (alarm["model"], alarm["language"], alarm["inside"]) == ("big", "*", 0.0)
    assert decide(str(home.path)).changed == ("drift_checks",)  # said anew from the grades


def board(home: Home) -> list[tuple[object, ...]]:
    with reading(home) as connection:
        return connection.execute(
            "SELECT setting_key, predicted FROM leaderboard WHERE model_id = 'big' ORDER BY ALL"
        ).fetchall()
