"""What docs/security.md promises, tried."""

import ast
import logging
import pickle
from pathlib import Path
from typing import Any

import pytest

from proxylm.corpora import Labelled, split, write_corpus
from proxylm.errors import InputError
from proxylm.evaluation.contract import Batch, Job, ModelSpec, TextPart
from proxylm.identity import corpus_fingerprint
from proxylm.predictor.store import Predictor
from tasks.evaluate import run_batch
from tasks.load import load
from tasks.maintain import maintain
from tasks.publish import publish
from tests.cli.conftest import Run, plm  # noqa: F401
from warehouse.database import reading, table_counts
from warehouse.home import Home

CHECKOUT = Path(__file__).resolve().parent.parent
OURS = ("proxylm", "warehouse", "tasks", "flows", "cli", "deployments")
SECRETS = {
    "HF_TOKEN": "hf_plantedInTheEnvironment",
    "PREFECT_API_AUTH_STRING": "admin:plantedForPrefect",
    "PLM_FEED_TOKEN": "plantedForTheFeed",
}


def job(home: Home, layers: int) -> Job:
    lines = Labelled(
        tuple(f"{'licht' if n % 2 else 'musik'} {n}" for n in range(40)),
        tuple(("light", "music")[n % 2 == 0] for n in range(40)),
    )
    fingerprint = corpus_fingerprint(list(zip(lines.texts, lines.labels, strict=True)))
    path = home.corpora / "toy.parquet"
    write_corpus(split(lines, fingerprint, 20, 10, 10), path, {"licence": "MIT"})
    part = TextPart("toy", "deu_Latn", "deu_Latn", fingerprint, str(path))
    model = ModelSpec("toy", "1", "byte-transformer", {"layers": layers, "width": 32})
    recipe = {"name": "r", "epochs": 1, "learning_rate": 0.003, "batch_size": 8}
    return Job(model, "from_scratch", recipe, 0, part, 20, (part,))


def test_a_planted_secret_is_written_nowhere(
    home: Home, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An evaluation that works, one that fails, a load, a page, a backup: all with secrets set."""
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    path = str(home.path)
    with caplog.at_level(logging.DEBUG):
        done = run_batch(Batch((job(home, 1), job(home, 0))), path)
        assert len(done.failures) == 1
        assert load(path).evaluations == 1
        published = publish(path)
        maintained = maintain(path)
    said = [caplog.text, str(done), str(published), str(maintained)]
    with reading(home) as connection:
        for table in table_counts(connection):
            said.append(str(connection.execute(f"FROM {table}").fetchall()))
    files = [file for file in home.path.rglob("*") if file.is_file()]
    assert any(file.suffix == ".log" for file in files)
    for value in (secret.rpartition(":")[2] for secret in SECRETS.values()):
        assert not [text for text in said if value in text]
        assert not [file for file in files if value.encode() in file.read_bytes()]


@pytest.mark.parametrize(
    "query",
    [
        "FROM read_csv('/etc/passwd')",
        "FROM read_text('/etc/passwd')",
        "FROM read_blob('/etc/passwd')",
        "FROM '/etc/passwd'",
        "FROM glob('/*')",
        "FROM read_parquet('landing/loaded/*.parquet')",
        "FROM parquet_metadata('x.parquet')",
        "COPY scores TO '/tmp/stolen.csv'",
        "COPY (SELECT 1) TO '/dev/stdout'",
        "EXPORT DATABASE '/tmp/stolen'",
        "ATTACH '/tmp/other.duckdb'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SET lock_configuration = false",
        "SET memory_limit = '1TB'",
        "SET profiling_output = '/tmp/stolen'",
        "PRAGMA profiling_output='/tmp/stolen'",
        "SET log_query_path = '/tmp/stolen'",
        "CREATE SECRET s (TYPE s3)",
        "DELETE FROM scores",
        "DROP VIEW leaderboard",
    ],
)
def test_sql_of_users_reaches_nothing_but_the_copy(
    plm: Run,  # noqa: F811
    home: Home,
    query: str,
) -> None:
    before = home.snapshot.resolve().read_bytes()
    refused = plm("sql", query)
    assert refused.code == 1, refused.out
    assert refused.out == ""
    assert "the query failed" in refused.err
    assert home.snapshot.resolve().read_bytes() == before


def test_sql_sees_no_secret_of_the_environment(
    plm: Run,  # noqa: F811
    home: Home,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HF_TOKEN", SECRETS["HF_TOKEN"])
    for query in ("SELECT getenv('HF_TOKEN')", "FROM duckdb_settings()", "FROM duckdb_secrets()"):
        assert SECRETS["HF_TOKEN"] not in plm("sql", query).out


class Bomb:
    """A pickle that writes a file when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("place", ["predictor.json", "SHA256SUMS"])
def test_a_pickle_in_the_place_of_a_predictor_runs_nothing(tmp_path: Path, place: str) -> None:
    folder, mark = tmp_path / "predictor", tmp_path / "ran"
    folder.mkdir()
    for name in ("predictor.json", "SHA256SUMS"):
        (folder / name).write_text("{}" if name != "SHA256SUMS" else "0  predictor.json\n")
    (folder / place).write_bytes(pickle.dumps(Bomb(mark)))
    with pytest.raises(InputError):
        Predictor.load(folder)
    assert not mark.exists()


def test_nothing_of_ours_loads_pickles_unpacks_archives_or_starts_a_shell() -> None:
    forbidden = {"pickle", "cPickle", "dill", "joblib", "marshal", "shelve", "tarfile", "zipfile"}
    for folder in OURS:
        for path in (CHECKOUT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Import):
                    assert not {a.name.split(".")[0] for a in node.names} & forbidden, path
                elif isinstance(node, ast.ImportFrom):
                    assert (node.module or "").split(".")[0] not in forbidden, path
                elif isinstance(node, ast.Call):
                    named = ast.unparse(node.func)
                    assert named not in {"eval", "exec", "os.system", "yaml.load"}, path
                    assert named not in {"torch.load", "shutil.unpack_archive"}, path
                    for word in node.keywords:
                        if word.arg in {"shell", "trust_remote_code", "allow_pickle"}:
                            assert ast.unparse(word.value) == "False", path


def test_a_new_home_is_closed_to_others(tmp_path: Path) -> None:
    home = Home.create(tmp_path / "new")
    for path in (home.path, *(p for p in home.path.rglob("*") if p.is_dir())):
        assert path.stat().st_mode & 0o077 == 0, path


def test_the_server_that_make_serve_starts_listens_on_this_machine_only() -> None:
    script = (CHECKOUT / "deployments" / "serve.py").read_text()
    assert '"--host", "127.0.0.1"' in script
    assert "0.0.0.0" not in script
