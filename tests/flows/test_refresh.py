"""The flow `refresh` as composition: order, fan-out, and failures that stop nothing else."""

import json

import pytest

from flows.evaluate import evaluate
from flows.maintain import maintain
from flows.refresh import refresh
from proxylm.errors import BusyError, ProxyLMError, UsageError
from tasks.catalogue import fetch_catalogue
from tasks.plan import plan
from tasks.settings import alone, task_runner
from tests.tiny import add_model_that_fails
from warehouse.database import reading, writing
from warehouse.home import Home
from warehouse.snapshot import publish_snapshot

pytestmark = pytest.mark.usefixtures("prefect_server")


def test_refresh_reports_what_it_did_and_goes_on_past_a_failure(tiny_home: Home) -> None:
    add_model_that_fails(tiny_home)
    done = refresh(home=str(tiny_home.path))
    assert (done["wanted"], done["present"], done["evaluated"]) == (70, 0, 45)
    assert done["re_evaluated"] == 0
    ((what, reason),) = done["failed_batches"].items()
    assert what == "broken: 5 trainings, 25 tests"
    assert "layers" in reason
    assert done["retrained"] == 1
    assert done["new_predictions"] == 25
    assert json.loads((tiny_home.site / "leaderboard.json").read_text())

    (tiny_home.catalogue / "bad.yaml").unlink()
    again = refresh(home=str(tiny_home.path))
    assert (again["present"], again["evaluated"], again["re_evaluated"]) == (45, 0, 0)
    assert (again["retrained"], again["new_predictions"]) == (0, 0)


def test_a_second_refresh_at_the_same_time_makes_nothing_twice(tiny_home: Home) -> None:
    with alone(str(tiny_home.path), "refresh"), pytest.raises(BusyError, match="another refresh"):
        refresh(home=str(tiny_home.path))
    assert not list(tiny_home.incoming.iterdir())


def test_the_evaluate_flow_writes_landing_files_only(tiny_home: Home) -> None:
    path = str(tiny_home.path)
    fetch_catalogue(path)
    batch = plan(path).batches[0]
    assert evaluate(home=path, batches=[batch.to_json()]) == 1
    assert len(list(tiny_home.incoming.glob("*.parquet"))) == len(batch.jobs)
    with reading(tiny_home) as connection:
        assert connection.execute("SELECT count(*) FROM evaluations").fetchone() == (0,)


def test_the_evaluate_flow_fails_with_the_reasons_when_a_batch_fails(tiny_home: Home) -> None:
    add_model_that_fails(tiny_home)
    path = str(tiny_home.path)
    fetch_catalogue(path)
    (bad,) = (b for b in plan(path).batches if b.jobs[0].model.model_id == "broken")
    with pytest.raises(ProxyLMError, match="1 of 1 batches failed: broken: 5 trainings"):
        evaluate(home=path, batches=[bad.to_json()])


def test_maintain_backs_up_and_fails_where_data_are_broken(home: Home) -> None:
    assert maintain(home=str(home.path)).scores == 0
    with writing(home, "test") as connection:
        connection.execute("INSERT INTO features VALUES ('k', 's', 'n', 1, false)")
        publish_snapshot(home, connection)
    with pytest.raises(ProxyLMError, match="feature of an unknown setting: 1 rows"):
        maintain(home=str(home.path))
    assert len(list(home.backups.glob("backup-*"))) >= 1


def test_an_unknown_runner_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLM_RUNNER", "spark://x")
    with pytest.raises(UsageError, match="threads, dask"):
        task_runner()
