"""A landing store that is lost in the middle of a batch: nothing half-written, nothing lost."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import pytest

from proxylm.evaluation.contract import Batch, Job
from proxylm.landing import write_landing
from tasks import store as module
from tasks.catalogue import fetch_catalogue
from tasks.evaluate import _deliver, evaluate
from tasks.load import load
from tasks.plan import plan
from tasks.store import Store, StoreAway, send_all, worker_home
from tests.toy import add_toys
from tests.warehouse.builders import evaluated
from tests.wire import Wire
from warehouse.database import reading
from warehouse.home import Home


class Losable(NamedTuple):
    """A store, and how a worker loses and finds it."""

    url: str
    lose: Callable[[], object]
    find: Callable[[], object]


S3 = pytest.param("s3", marks=pytest.mark.slow)  # its client tries for seconds itself


@pytest.fixture(params=["folder", S3])
def losable(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Losable]:
    """A folder that can be unmounted, and a server that speaks S3 behind a wire."""
    if request.param == "folder":
        here, away = tmp_path / "store", tmp_path / "away"
        yield Losable(str(here), partial(here.rename, away), partial(away.rename, here))
        return
    server = pytest.importorskip("moto.server", reason="moto is not installed")
    with pytest.MonkeyPatch.context() as keys:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            keys.setenv(name, "test")
        s3 = server.ThreadedMotoServer(port=0)
        s3.start()
        with Wire(*s3.get_host_and_port()) as wire:
            end = f"endpoint_override=127.0.0.1:{wire.port}&scheme=http&region=us-east-1"
            url = f"s3://{uuid4()}/plm?{end}&allow_bucket_creation=true"
            yield Losable(url, wire.cut, wire.mend)
        s3.stop()


def two_wanted(home: Home, cpu_seconds: float = 0.0) -> Batch:
    add_toys(home, languages=2, cpu_seconds=cpu_seconds)
    fetch_catalogue(str(home.path))
    (batch,) = plan(str(home.path)).batches
    return batch


def land(job: Job, worker: Home) -> None:
    """As the engine does at the end of a job."""
    bundle = evaluated(job.tests[0].target_lang, targets=("fra_Latn",))
    key = job.evaluation_key(job.tests[0])
    evaluations = [replace(bundle.evaluations[0], evaluation_key=key)]
    scores = [replace(bundle.scores[0], evaluation_key=key, score_key=f"score of {key}")]
    write_landing(replace(bundle, evaluations=evaluations, scores=scores), worker.incoming)


def test_what_is_made_while_the_store_is_away_is_delivered_when_it_is_back(
    home: Home, losable: Losable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLM_STORE", losable.url)
    monkeypatch.setattr("tasks.waiting.FIRST_PAUSE_SECONDS", 0.1)
    batch = two_wanted(home)
    send_all([batch], str(home.path))
    store = Store(losable.url)
    with worker_home(batch, store) as (left, worker):
        losable.lose()
        for job in left.jobs:
            land(job, worker)
            _deliver(store, batch, worker, job)  # stops nothing
        with pytest.raises(StoreAway, match=r"the store .* (cannot be used now|is it mounted)"):
            store.deliver(batch, worker)
        threading.Timer(0.2, losable.find).start()
    with worker_home(batch, store) as (left, _):
        assert left == Batch(())
    assert load(str(home.path)).files_loaded == 2


@pytest.mark.slow
def test_what_could_not_be_delivered_is_evaluated_once_more(
    home: Home, losable: Losable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLM_STORE", losable.url)
    monkeypatch.setattr(module, "DELIVER_SECONDS", 0)
    batch = two_wanted(home)
    send_all([batch], str(home.path))
    store = Store(losable.url)

    def lose_it_at_the_second_job() -> None:
        with worker_home(batch, store) as (left, worker):
            land(left.jobs[0], worker)
            _deliver(store, batch, worker, left.jobs[0])
            losable.lose()
            land(left.jobs[1], worker)

    with pytest.raises(StoreAway):
        lose_it_at_the_second_job()
    losable.find()
    with worker_home(batch, store) as (left, worker):
        assert left.jobs == batch.jobs[1:]
        land(left.jobs[0], worker)
    assert load(str(home.path)).repeated == 0
    with reading(home) as connection:
        assert connection.execute("SELECT count(*) FROM evaluations").fetchone() == (2,)


@pytest.mark.parametrize("losable", [S3], indirect=True)
def test_a_store_that_is_away_is_said_to_the_owner(
    home: Home, losable: Losable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLM_STORE", losable.url)
    losable.lose()
    with pytest.raises(StoreAway, match=r"the store .*/plm cannot be used now"):
        load(str(home.path))


@pytest.mark.slow
def test_evaluations_go_on_while_the_store_is_away(
    home: Home, losable: Losable, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PLM_STORE", losable.url)
    batch = two_wanted(home, cpu_seconds=1)
    send_all([batch], str(home.path))
    store = Store(losable.url)
    at_work = threading.Thread(
        target=evaluate, args=(batch.to_json(), None, losable.url), daemon=True
    )
    at_work.start()
    while not store.landed(batch):
        assert at_work.is_alive()
        time.sleep(0.1)
    losable.lose()
    while "; waiting" not in caplog.text:  # all is evaluated, and cannot be delivered
        assert at_work.is_alive()
        time.sleep(0.1)
    losable.find()
    at_work.join()
    report = load(str(home.path))
    assert (report.evaluations, report.repeated, plan(str(home.path)).missing) == (2, 0, 0)
