"""The landing store: a worker without a home, and an owner that collects what it left."""

import contextlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from proxylm.errors import InputError, ProxyLMError, UsageError
from proxylm.evaluation.contract import Batch
from proxylm.landing import write_landing
from tasks import evaluate as stage
from tasks.catalogue import fetch_catalogue
from tasks.evaluate import evaluate
from tasks.load import load
from tasks.plan import plan
from tasks.store import Store, send_all, worker_home
from tests.toy import add_toys
from tests.warehouse.builders import evaluated
from warehouse.database import reading
from warehouse.home import Home


@pytest.fixture
def batch(home: Home) -> Batch:
    """Two evaluations that the home wants."""
    add_toys(home, languages=2)
    fetch_catalogue(str(home.path))
    (made,) = plan(str(home.path)).batches
    return made


@pytest.fixture(params=["folder", "s3"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A store in a folder, and one on a server that speaks S3."""
    if request.param == "folder":
        yield str(tmp_path / "store")
        return
    server = pytest.importorskip("moto.server", reason="moto is not installed")
    patched = pytest.MonkeyPatch()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        patched.setenv(name, "test")
    s3 = server.ThreadedMotoServer(port=0)
    s3.start()
    host, port = s3.get_host_and_port()
    end = f"endpoint_override={host}:{port}&scheme=http&region=us-east-1"
    yield f"s3://bucket/plm?{end}&allow_bucket_creation=true"
    s3.stop()
    patched.undo()


def test_a_worker_without_a_home_does_a_batch_and_the_owner_collects_it(
    home: Home, batch: Batch, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLM_STORE", url)
    assert send_all([batch], str(home.path)) == url

    monkeypatch.setenv("PLM_HOME", "/nowhere")
    evaluate(batch.to_json(), None, url)
    begun: list[object] = []
    monkeypatch.setattr(stage, "supervise", lambda *args, **_: begun.append(args[0]) or _nothing())
    evaluate(batch.to_json(), None, url)  # as after a crash at the very end
    assert begun == [Batch(())]

    report = load(str(home.path))
    assert report.evaluations == 2
    with reading(home) as connection:
        kept = connection.execute("SELECT DISTINCT hypotheses FROM evaluations").fetchall()
    assert all((home.path / path).is_file() for (path,) in kept)
    assert plan(str(home.path)).missing == 0
    assert load(str(home.path)).files_loaded == 0


def _nothing() -> stage.Supervised:
    return stage.Supervised([], 0.0, 0)


def test_what_a_lost_worker_has_landed_is_not_done_again(
    home: Home, batch: Batch, tmp_path: Path
) -> None:
    store = Store(str(tmp_path / "store"))
    store.send(batch, home)
    first = batch.jobs[0]
    bundle = evaluated()
    key = first.evaluation_key(first.tests[0])
    bundle.evaluations[0] = type(bundle.evaluations[0])(
        **{**vars(bundle.evaluations[0]), "evaluation_key": key}
    )
    with contextlib.suppress(KeyboardInterrupt), worker_home(batch, store) as (left, worker):
        assert left == batch
        write_landing(bundle, worker.incoming)
        raise KeyboardInterrupt
    with worker_home(batch, store) as (left, _):
        assert left.jobs == batch.jobs[1:]


def test_weights_are_used_again_on_another_machine(
    home: Home, batch: Batch, tmp_path: Path
) -> None:
    store = Store(str(tmp_path / "store"))
    key = batch.jobs[0].training_key
    weights = home.runs / key / "weights"
    weights.mkdir(parents=True)
    (weights / "model.safetensors").write_bytes(b"weights")
    store.send(batch, home)  # without its manifest it is not complete
    assert not (tmp_path / "store" / "runs").exists()
    (weights / "manifest.json").write_text("{}")
    store.send(batch, home)
    with worker_home(batch, store) as (_, worker):
        assert (worker.runs / key / "weights" / "model.safetensors").read_bytes() == b"weights"


def test_a_text_that_changed_or_was_never_sent_is_refused(
    home: Home, batch: Batch, tmp_path: Path
) -> None:
    store = Store(str(tmp_path / "store"))
    with pytest.raises(InputError, match="is not in the store"), worker_home(batch, store):
        pass
    store.send(batch, home)
    first, second = sorted((tmp_path / "store" / "texts").iterdir())
    shutil.copy(first, second)
    with pytest.raises(InputError, match="is not the text that was planned"):
        worker_home(batch, store).__enter__()


def test_a_landing_file_that_names_files_outside_a_home_is_not_collected(
    home: Home, tmp_path: Path
) -> None:
    bundle = evaluated()
    bundle.runs[0] = type(bundle.runs[0])(**{**vars(bundle.runs[0]), "log": "../../etc/passwd"})
    write_landing(bundle, tmp_path / "store" / "landing" / "x")
    with pytest.raises(ProxyLMError, match="no file below a home"):
        Store(str(tmp_path / "store")).collect(home)
    assert list(home.incoming.iterdir()) == []


def test_a_store_of_an_unknown_kind_is_refused() -> None:
    with pytest.raises(UsageError, match=r"PLM_STORE is 'nfs42://x'"):
        Store("nfs42://x")


class Late:
    """A file system in which another machine puts a file right after a folder was not found."""

    def __init__(self, files: Any, put: Callable[[], object]) -> None:
        self._files, self._put = files, put

    def get_file_info(self, asked: Any) -> Any:
        try:
            return self._files.get_file_info(asked)
        except FileNotFoundError:
            self._put()
            raise

    def __getattr__(self, name: str) -> Any:
        return getattr(self._files, name)


@pytest.mark.parametrize("url", ["s3"], indirect=True)
def test_a_folder_that_appears_while_it_is_listed_is_no_file(
    home: Home, batch: Batch, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLM_STORE", url)
    send_all([batch], str(home.path))
    with worker_home(batch, Store(url)) as (_, worker):
        write_landing(evaluated("spa_Latn", targets=("fra_Latn",)), worker.incoming)
        store = Store(url)
        store._files.fs = Late(store._files.fs, lambda: Store(url).deliver(batch, worker))
        assert store.landed(batch) == set()
        assert len(store.landed(batch)) == 1
