"""SIGKILL at random moments: what was committed is whole, published, and never done again.

A few moments of each stage in the default run, the 200 of them by `make test-reliability`.
"""

import shutil
from dataclasses import replace
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from proxylm.corpora import Labelled, split, write_corpus
from proxylm.evaluation.contract import Batch, Job, ModelSpec, TextPart
from proxylm.identity import corpus_fingerprint
from proxylm.landing import landed_evaluations, write_landing
from proxylm.records import Language, Model
from tests.reliability import victims
from tests.reliability.kills import moments, reopen, run
from tests.warehouse.builders import evaluated, make_version_1
from warehouse.backup import backups, check_backup
from warehouse.database import migrations, reading, writing
from warehouse.home import Home
from warehouse.loader import load_landing, register

pytestmark = pytest.mark.timeout(3600)  # the slow ones, on a busy machine
FEW = pytest.param(2, id="few")
LANGUAGES = tuple(f"l{chr(97 + n)}{chr(97 + n)}_Latn" for n in range(10))


def count(home: Home, table: str) -> int:
    with reading(home) as connection:
        (found,) = connection.execute(f"SELECT count(*) FROM {table}").fetchall()[0]
    return int(found)


def land(home: Home, files: int, name: str) -> None:
    for number in range(files):
        write_landing(evaluated(f"{name}-{number}", targets=LANGUAGES), home.incoming)


@pytest.mark.parametrize("kills", [FEW, pytest.param(60, marks=pytest.mark.slow)])
def test_a_killed_loader(home: Home, kills: int) -> None:
    land(home, 6, "first")
    whole = run(victims.load, str(home.path)).seconds
    stopped = 0
    for number, moment in enumerate(moments(whole, kills, seed=1)):
        land(home, 6, f"model-{number}")
        stopped += run(victims.load, str(home.path), kill_after=moment).killed
        reopen(home)
    assert stopped
    report = load_landing(home)
    assert not report.files_rejected
    assert count(home, "evaluations") == count(home, "scores") == 6 * len(LANGUAGES) * (1 + kills)
    assert not list(home.incoming.glob("*.parquet"))


@pytest.mark.parametrize("kills", [FEW, pytest.param(40, marks=pytest.mark.slow)])
def test_a_killed_publisher_and_its_readers(home: Home, kills: int) -> None:
    land(home, 2, "model")
    load_landing(home)
    whole = run(victims.show, str(home.path)).seconds
    for moment in moments(whole, kills, seed=2):
        run(victims.show, str(home.path), kill_after=moment)
        with reading(home) as connection:  # at once, before anybody mends anything
            found = connection.execute("SELECT count(*) FROM setting_scores").fetchone()
        assert found == (2 * len(LANGUAGES),)
        assert pq.read_metadata(home.site / "leaderboard.parquet").num_rows == 0
        reopen(home)


@pytest.mark.parametrize("kills", [FEW, pytest.param(20, marks=pytest.mark.slow)])
def test_a_killed_backup(home: Home, kills: int) -> None:
    land(home, 2, "model")
    load_landing(home)
    whole = run(victims.keep, str(home.path)).seconds
    for moment in moments(whole, kills, seed=3):
        run(victims.keep, str(home.path), kill_after=moment)
        reopen(home)
        for path in backups(home):
            assert check_backup(path).tables["scores"] == 2 * len(LANGUAGES)


@pytest.mark.parametrize("kills", [FEW, pytest.param(30, marks=pytest.mark.slow)])
def test_a_killed_migration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kills: int) -> None:
    old = Home.create(tmp_path / "old")
    with monkeypatch.context() as old_code:
        first = migrations()[:1]
        old_code.setattr("warehouse.database.migrations", lambda: first)
        land(old, 2, "model")
        for path in old.incoming.glob("*.parquet"):
            make_version_1(path)
        load_landing(old)
    home = Home(tmp_path / "new")
    shutil.copytree(old.path, home.path, symlinks=True)
    whole = run(victims.migrate, str(home.path)).seconds
    stopped = 0
    for moment in moments(whole, kills, seed=4):
        shutil.rmtree(home.path)
        shutil.copytree(old.path, home.path, symlinks=True)
        stopped += run(victims.migrate, str(home.path), kill_after=moment).killed
        for path in home.backups.glob("*.duckdb"):
            with duckdb.connect(str(path), read_only=True) as copy:
                assert copy.execute("SELECT max(number) FROM schema_migrations").fetchone() == (1,)
        with writing(home, "go on"):
            pass
        reopen(home)
        assert count(home, "scores") == 2 * len(LANGUAGES)
    assert stopped


@pytest.fixture
def matrix(home: Home) -> Home:
    """A home in which a model can be estimated: ten languages and two proxies."""
    for place, source in enumerate(LANGUAGES):
        for model, role, share in (("big", "estimated", 1), ("small", "proxy", 0.6)):
            bundle = evaluated(model, source, LANGUAGES, 0.0, role)
            scores = [
                replace(score, value=share * (20 + 4 * place + 3 * other))
                for other, score in enumerate(bundle.scores)
            ]
            write_landing(replace(bundle, scores=scores), home.incoming)
    load_landing(home)
    return home


@pytest.mark.slow
@pytest.mark.parametrize("kills", [20])
def test_a_killed_retrain(matrix: Home, tmp_path: Path, kills: int) -> None:
    home = Home(tmp_path / "killed")
    shutil.copytree(matrix.path, home.path, symlinks=True)
    whole = run(victims.fit, str(matrix.path)).seconds
    expected = [count(matrix, table) for table in ("predictors", "predictions")]
    assert expected[0] == 1
    assert expected[1] > 0
    for moment in moments(whole, kills, seed=5):
        run(victims.fit, str(home.path), kill_after=moment)
        reopen(home)
    run(victims.fit, str(home.path))
    assert [count(home, table) for table in ("predictors", "predictions")] == expected


@pytest.fixture
def batch(home: Home) -> Batch:
    """Four tiny trainings with two tests each."""
    parts = []
    for language in ("deu_Latn", "nld_Latn"):
        lines = Labelled(
            tuple(f"{'licht' if n % 2 else 'musik'} {language} {n}" for n in range(48)),
            tuple(("light", "music")[n % 2 == 0] for n in range(48)),
        )
        fingerprint = corpus_fingerprint(list(zip(lines.texts, lines.labels, strict=True)))
        path = home.corpora / f"{language}.parquet"
        write_corpus(split(lines, fingerprint, 24, 12, 12), path, {"licence": "MIT"})
        parts.append(TextPart("toy", language, language, fingerprint, str(path)))
    languages = [Language(x, x, "Latn", False, x, "test") for x in ("deu_Latn", "nld_Latn")]
    model_record = Model("transformer-1x32", "1", "kind", None, ("from_scratch",), (), "test")
    register(home, languages, [model_record], [])
    recipe = {"name": "r", "epochs": 2, "learning_rate": 0.003, "batch_size": 8}
    model = ModelSpec("transformer-1x32", "1", "byte-transformer", {"layers": 1, "width": 32})
    return Batch(
        tuple(
            Job(model, "from_scratch", recipe, seed, part, 24, tuple(parts), "intent")
            for seed in (0, 1)
            for part in parts
        )
    )


@pytest.mark.parametrize(
    "kills", [pytest.param(1, id="one"), pytest.param(30, marks=pytest.mark.slow)]
)
def test_a_killed_evaluation_worker(home: Home, batch: Batch, kills: int) -> None:
    whole = run(victims.work, batch.to_json(), str(home.path)).seconds
    for path in home.incoming.iterdir():
        path.unlink()
    wanted = {job.evaluation_key(test) for job in batch.jobs for test in job.tests}
    for moment in moments(whole, kills, seed=6):
        shutil.rmtree(home.runs)
        for path in home.incoming.iterdir():
            path.unlink()
        run(victims.work, batch.to_json(), str(home.path), kill_after=moment)
        done = landed_evaluations(home.incoming)
        left = tuple(
            job for job in batch.jobs if not {job.evaluation_key(t) for t in job.tests} <= done
        )
        if left:
            run(victims.work, Batch(left).to_json(), str(home.path))
        made = [
            row["evaluation_key"]
            for path in home.incoming.glob("*.parquet")
            for row in pq.read_table(path)["evaluations"].to_pylist()
            if row
        ]
        assert sorted(made) == sorted(wanted)  # each once: what was completed was not done again
    assert load_landing(home).files_rejected == {}
    reopen(home)
    assert count(home, "evaluations") == len(wanted)
