"""The stages as plain functions: from a catalogue to a board, without a server."""

import json
import shutil

import pytest

from proxylm.errors import ProxyLMError
from proxylm.evaluation.contract import Batch
from tasks.catalogue import fetch_catalogue
from tasks.evaluate import EvaluationCrashed, evaluate
from tasks.features import features
from tasks.load import load
from tasks.plan import plan
from tasks.predict import predict
from tasks.publish import publish
from tasks.retrain import retrain
from tests.tiny import add_model_that_fails
from warehouse.database import reading
from warehouse.home import Home


def counts(home: Home) -> dict[str, int]:
    with reading(home) as connection:
        tables = ("runs", "evaluations", "scores", "features", "predictors", "predictions")
        return {t: connection.execute(f"SELECT count(*) FROM {t}").fetchall()[0][0] for t in tables}


def run_all(home: Home) -> None:
    path = str(home.path)
    load(path)
    fetch_catalogue(path)
    for batch in plan(path).batches:
        evaluate(batch.to_json(), path)
    load(path)
    features(path)
    retrain(path)
    predict(path)
    publish(path, always=False)


def test_the_loop_fills_the_board_and_a_second_round_changes_nothing(tiny_home: Home) -> None:
    path = str(tiny_home.path)
    run_all(tiny_home)
    first = counts(tiny_home)
    assert first["evaluations"] == first["scores"] == 45
    with reading(tiny_home) as connection:
        board = connection.execute(
            "SELECT source_lang = 'dan_Latn', prediction_kind, count(*), count(observed), "
            "count(predicted) FROM leaderboard GROUP BY ALL ORDER BY ALL"
        ).fetchall()
        assert connection.execute("SELECT * FROM data_checks").fetchall() == []
        paid = connection.execute("SELECT bool_and(speed_up > 0) FROM cost_ledger").fetchone()
        revisions = connection.execute("SELECT count(code_revision) FROM runs").fetchone()
        leaders = connection.execute("SELECT predictor_id FROM predictors").fetchall()
    assert board == [(False, "out_of_fold", 20, 20, 20), (True, "forecast", 5, 0, 5)]
    assert paid == (True,)
    assert revisions == (first["runs"],)
    assert (tiny_home.predictors / leaders[0][0] / "predictor.json").is_file()
    rows = json.loads((tiny_home.site / "leaderboard.json").read_text())
    assert len(rows["rows"] if isinstance(rows, dict) else rows) == 25

    snapshot = tiny_home.snapshot.resolve()
    assert plan(path).missing == 0
    assert len(retrain(path).unchanged) == 1
    run_all(tiny_home)
    assert counts(tiny_home) == first
    assert tiny_home.snapshot.resolve() == snapshot


def test_a_model_that_fails_is_recorded_and_the_others_go_on(tiny_home: Home) -> None:
    add_model_that_fails(tiny_home)
    path = str(tiny_home.path)
    fetch_catalogue(path)
    for batch in plan(path).batches:
        if batch.jobs[0].model.model_id == "broken":
            with pytest.raises(ProxyLMError, match="layers must be at least 1"):
                evaluate(batch.to_json(), path)
        else:
            evaluate(batch.to_json(), path)
    load(path)
    with reading(tiny_home) as connection:
        rows = connection.execute(
            "SELECT DISTINCT model_id, status, reason LIKE '%layers%' FROM runs WHERE reason <> ''"
        ).fetchall()
    assert rows == [("broken", "failed", True)]
    assert counts(tiny_home)["evaluations"] == 45


def test_a_retry_repeats_nothing_that_has_landed(tiny_home: Home) -> None:
    path = str(tiny_home.path)
    fetch_catalogue(path)
    batch = plan(path).batches[0].to_json()
    evaluate(batch, path)
    landed = sorted(tiny_home.incoming.iterdir())
    evaluate(batch, path)
    assert sorted(tiny_home.incoming.iterdir()) == landed
    assert load(path).repeated == 0


def test_a_batch_that_takes_too_long_is_killed(
    tiny_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(tiny_home.path)
    fetch_catalogue(path)
    monkeypatch.setenv("PLM_EVALUATION_SECONDS", "0.2")
    with pytest.raises(Exception, match=r"stopped after 0\.2 s"):
        evaluate(plan(path).batches[0].to_json(), path)
    assert load(path).evaluations == 0


def test_a_worker_that_dies_is_told_from_a_job_that_fails(
    tiny_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(tiny_home.path)
    fetch_catalogue(path)
    script = tiny_home.path / "dies.sh"
    script.write_text("#!/bin/sh\nkill -9 $$\n")
    script.chmod(0o700)
    monkeypatch.setattr("sys.executable", str(script))
    with pytest.raises(EvaluationCrashed, match="ended by signal SIGKILL"):
        evaluate(plan(path).batches[0].to_json(), path)


def test_an_empty_batch_needs_no_process(tiny_home: Home) -> None:
    evaluate(Batch(()).to_json(), str(tiny_home.path))


def test_a_damaged_predictor_is_refused_by_name(tiny_home: Home) -> None:
    run_all(tiny_home)
    (path,) = tiny_home.predictors.glob("*/predictor.json")
    path.write_text(path.read_text().replace("0", "1", 1))
    (reason,) = predict(str(tiny_home.path)).unusable.values()
    assert "is not as it was written" in reason
    assert "Delete the folder and retrain" in reason
    shutil.rmtree(path.parent)
    assert len(retrain(str(tiny_home.path)).made) == 1
    assert predict(str(tiny_home.path)).unusable == {}
