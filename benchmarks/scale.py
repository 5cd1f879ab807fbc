"""A warehouse of many years: ten million scores, a million predictions.

They are of 1,000 languages and 500 models. The rows are made in SQL and mean nothing; their keys
are as long as real ones. Asked at full size: the board in 1 s, a load of 100,000 new scores in 2 s,
a plan of a million wanted evaluations in 10 s and 2 GB, a published copy in 30 s. Each step runs in
a process of its own, through the functions that the stages call. docs/scaling.md has the table and
what follows from it.

    python benchmarks/scale.py [--share 1.0] [--home FOLDER] [--steps board,load]

With --home the warehouse is kept there and used again; it takes 10 GB. Where there is none yet,
it is built and published before the other steps.
"""

import argparse
import contextlib
import itertools
import json
import resource
import string
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

import tasks.plan as stage
from proxylm import landing
from proxylm.corpora import Labelled, split, write_corpus
from proxylm.errors import UsageError
from proxylm.identity import corpus_fingerprint
from proxylm.languages import resolve
from proxylm.predictor.inputs import Frames, build_inputs, targets
from proxylm.predictor.train import fit
from proxylm.records import TABLES, Bundle
from warehouse import loader
from warehouse.database import reading, transaction, writing
from warehouse.home import Home
from warehouse.snapshot import publish_snapshot

LANGUAGES, MODELS, TESTS = 1000, 500, 6
METRICS = ("spBLEU", "BLEU", "chrF2++", "TER")
ESTIMATED, ZERO_SHOT = 100, 50
"""The first hundred are estimated, the first fifty of them without training."""


class Asked(NamedTuple):
    """What a step may take at full size."""

    seconds: float | None = None
    gigabytes: float | None = None


ASKED = {
    "publish": Asked(30),
    "board": Asked(1),
    "load": Asked(2),
    "plan": Asked(10, 2),
    "retrain": Asked(),
}

# The rows. `l`, `m` and `t` number languages, models and test corpora.
SQL = """
CREATE TEMP TABLE places AS
SELECT l, t, format('l{{:04}}_Latn', l) AS language, sha256(concat('setting', l, '-', t)) AS key
FROM range({languages}) a(l), range({tests}) b(t);
CREATE TEMP TABLE trained AS
SELECT m, l, format('m{{:03}}', m) AS model_id, format('l{{:04}}_Latn', l) AS language,
       m < {zero_shot} AS untrained, sha256(concat('run', m, '-', l)) AS key
FROM range({models}) a(m), range({languages}) b(l)
WHERE m >= {estimated} OR l % 2 = 0;

INSERT INTO languages SELECT DISTINCT language, language, 'Latn', false, language, 'scale'
FROM places UNION SELECT 'eng_Latn', 'English', 'Latn', false, 'eng_Latn', 'scale';
INSERT INTO models BY NAME
SELECT DISTINCT model_id, '1' AS revision, 'kind' AS architecture, 'scale' AS source,
       CASE WHEN m >= {estimated} THEN ['fine_tuned'] ELSE []::VARCHAR[] END AS proxy_modes,
       CASE WHEN m < {zero_shot} THEN ['zero_shot'] WHEN m < {estimated} THEN ['fine_tuned']
            ELSE []::VARCHAR[] END AS estimated_modes
FROM trained;
INSERT INTO settings
SELECT key, 'mt', 'eng_Latn', language, 'train', 1000, concat('test', t), concat('train:', language)
FROM places;
INSERT INTO runs BY NAME
SELECT key AS run_id, sha256(concat(key, 't')) AS training_key, model_id, '1' AS revision,
       if(untrained, 'zero_shot', 'fine_tuned') AS mode, 'r' AS recipe, '0' AS seed,
       if(untrained, NULL, 'train') AS train_corpus, if(untrained, NULL, 1000) AS train_size,
       ['eng_Latn', language] AS languages, 'measured' AS origin, 'scale' AS source,
       'completed' AS status, 'cpu' AS device, TIMESTAMP '2026-01-01' AS started_at,
       l + 10.0 AS wall_seconds
FROM trained;
CREATE TEMP TABLE tested AS
SELECT r.key AS run_id, m, l, p.t, r.language, sha256(concat(r.key, p.t)) AS key
FROM trained r JOIN places p USING (l);
INSERT INTO evaluations BY NAME
SELECT key AS evaluation_key, sha256(concat(run_id, 't')) AS training_key, run_id, 'mt' AS task,
       'eng_Latn' AS source_lang, language AS target_lang, concat('test', t) AS test_corpus,
       'f' AS test_fingerprint, '1' AS split_version, 'beam5' AS decoding, 'fp32' AS "precision",
       'torch' AS backend, 1000 AS n_segments, 1.5 AS wall_seconds, 'measured' AS origin
FROM tested;
INSERT INTO scores BY NAME
SELECT sha256(concat(key, metric)) AS score_key, key AS evaluation_key, metric,
       20 + 10 * sin(l) + 5 * cos(m) + t + random() AS value, 0.8 AS half_width,
       'bootstrap' AS half_width_method, 1000 AS n_segments, concat(metric, '|v1') AS signature,
       'measured' AS origin, 'scale' AS source, TIMESTAMP '2026-01-02' AS loaded_at
FROM tested, (SELECT unnest({metrics}) AS metric);
INSERT INTO predictors
SELECT sha256(concat(m, metric)), 'mt', metric, format('m{{:03}}', m),
       if(m < {zero_shot}, 'zero_shot', 'fine_tuned'), 'proxies', 'none', 'r', 1, '{{}}', 'x', 1,
       TIMESTAMP '2026-01-03'
FROM range({estimated}) a(m), (SELECT unnest(['spBLEU', 'BLEU']) AS metric);
INSERT INTO predictions
SELECT sha256(concat(predictor_id, p.key)), predictor_id, p.key,
       if(l % 2 = 0, 'out_of_fold', 'forecast'), if(l % 2 = 0, 'lolo', NULL), 25, 20, 30, 0.9,
       'predicted', NULL, TIMESTAMP '2026-01-04'
FROM predictors, places p;
"""
NEW_SCORES = 100_000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--share", type=float, default=1.0, help="of the languages")
    parser.add_argument("--home", type=Path, help="folder to keep the warehouse in")
    parser.add_argument("--steps", default="build," + ",".join(ASKED))
    parser.add_argument("--step", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.step:
        return one_step(arguments.step, arguments.home, arguments.share)
    with tempfile.TemporaryDirectory() as folder:
        home = arguments.home or Path(folder) / "home"
        steps = arguments.steps.split(",")
        if unknown := [step for step in steps if step not in ("build", *ASKED)]:
            parser.error(f"no step {', '.join(unknown)}; there are build, {', '.join(ASKED)}")
        if not (home / "published" / "current.duckdb").exists():
            steps = list(dict.fromkeys(["build", "publish", *steps]))
        missed = False
        print(f"{'step':10}{'seconds':>9}{'asked':>7}{'CPU s':>8}{'peak GB':>9}{'asked':>7}  what")
        for step in steps:
            command = [sys.executable, __file__, "--step", step, "--home", str(home)]
            command += ["--share", str(arguments.share)]
            said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
            seconds, cpu_seconds, gigabytes, what = json.loads(said)
            asked = ASKED.get(step, Asked())
            missed |= seconds > (asked.seconds or seconds)
            missed |= gigabytes > (asked.gigabytes or gigabytes)
            print(
                f"{step:10}{seconds:9.2f}{asked.seconds or '-':>7}{cpu_seconds:8.1f}"
                f"{gigabytes:9.2f}{asked.gigabytes or '-':>7}  {what}",
                flush=True,
            )
    return int(missed and arguments.share == 1)


def one_step(step: str, path: Path, share: float) -> int:
    """Run a step; print its seconds, CPU seconds and peak memory and what it did, as JSON."""
    home = Home.create(path)
    run: Callable[[Home, float], tuple[float, str]] = globals()[step]
    seconds, what = run(home, share)
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps([seconds, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024 / 1e9, what]))
    return 0


def build(home: Home, share: float) -> tuple[float, str]:
    """The warehouse, unless it is there."""
    begun = time.perf_counter()
    with writing(home, "scale") as connection:
        if not count(connection, "scores"):
            sql = SQL.format(
                languages=round(LANGUAGES * share),
                models=MODELS,
                tests=TESTS,
                estimated=ESTIMATED,
                zero_shot=ZERO_SHOT,
                metrics=list(METRICS),
            )
            with transaction(connection):
                connection.execute(sql)
        scores, predictions = count(connection, "scores"), count(connection, "predictions")
    size = home.warehouse.stat().st_size / 1e9
    return (
        time.perf_counter() - begun,
        f"{scores:,} scores, {predictions:,} predictions, {size:.1f} GB",
    )


def count(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    assert row is not None
    return int(row[0])


def publish(home: Home, share: float) -> tuple[float, str]:
    """A published copy."""
    with writing(home, "scale") as connection:
        begun = time.perf_counter()
        path = publish_snapshot(home, connection)
        seconds = time.perf_counter() - begun
    for old in home.published.glob("warehouse-*.duckdb"):
        if old.name != path.name:
            old.unlink()
    return seconds, f"{path.stat().st_size / 1e9:.1f} GB"


BOARDS = {
    "by status": "SELECT status, count(*), avg(error) FROM leaderboard GROUP BY status",
    "one language": "SELECT * FROM leaderboard WHERE board_language = 'l0002_Latn'",
    "one model": "SELECT * FROM leaderboard WHERE model_id = 'm007' AND metric = 'spBLEU'",
    "largest errors": "SELECT * FROM leaderboard ORDER BY abs(error) DESC NULLS LAST LIMIT 50",
}


def board(home: Home, share: float) -> tuple[float, str]:
    """The slowest of the questions that people ask of the board."""
    took = {}
    with reading(home) as connection:
        for name, query in BOARDS.items():
            begun = time.perf_counter()
            connection.execute(query).fetchall()
            took[name] = time.perf_counter() - begun
        rows = count(connection, "leaderboard")
    said = ", ".join(f"{name} {seconds:.2f}" for name, seconds in took.items())
    return max(took.values()), f"{rows:,} rows: {said}"


def load(home: Home, share: float) -> tuple[float, str]:
    """A landing file with new scores of new evaluations, without the published copy after it."""
    new = round(NEW_SCORES * share)
    with writing(home, "scale") as connection:
        for table in TABLES:
            connection.execute(f"CREATE TEMP TABLE new_{table} AS FROM {table} LIMIT 0")
        connection.execute(
            "INSERT INTO new_evaluations SELECT * REPLACE (sha256(concat(uuid(), run_id)) AS "
            "evaluation_key, 'new' AS test_corpus) FROM evaluations LIMIT ?",
            [new // len(METRICS)],
        )
        connection.execute(
            "INSERT INTO new_scores SELECT s.* REPLACE (sha256(concat(e.evaluation_key, m)) AS "
            "score_key, e.evaluation_key AS evaluation_key, m AS metric) "
            "FROM (FROM scores LIMIT 1) s, new_evaluations e, (SELECT unnest(?) AS m)",
            [list(METRICS)],
        )
        write_landing(
            home, {t: connection.execute(f"FROM new_{t}").to_arrow_table() for t in TABLES}
        )
    loader.publish_snapshot = lambda *_: home.snapshot  # a step of its own, above
    begun = time.perf_counter()
    report = loader.load_landing(home)
    seconds = time.perf_counter() - begun
    assert report.inserted["scores"] == new // len(METRICS) * len(METRICS), report
    return seconds, f"{report.inserted['scores']:,} scores of {report.evaluations:,} evaluations"


def write_landing(home: Home, tables: dict[str, pa.Table]) -> None:
    """A landing file with whole tables, as `landing.write_landing` writes records."""
    schema = landing.bundle_table(Bundle()).schema
    parts = []
    for name, table in tables.items():
        fields = schema.field(name).type
        rows = table.select([field.name for field in fields]).cast(pa.schema(list(fields)))
        parts.append(pa.table({name: rows.to_struct_array().combine_chunks()}))
    whole = pa.concat_tables([schema.empty_table(), *parts], promote_options="default")
    pq.write_table(whole, home.incoming / "new.parquet", compression="zstd")


def plan(home: Home, share: float) -> tuple[float, str]:
    """What is missing of a million: models trained in two languages and tested in all."""
    codes = languages()[: round(LANGUAGES * share)]
    with tempfile.TemporaryDirectory() as folder:
        wanting = Home.create(Path(folder) / "home")
        rows = Labelled(tuple(f"line {i}" for i in range(1500)), ("label",) * 1500)
        for code in codes:
            text = split(rows, corpus_fingerprint([(code, "label")]), 1000, 500)
            write_corpus(text, wanting.corpora / "all" / f"{code}.parquet", {})
        corpus = {
            "id": "all", "task": "intent", "reader": "home-assistant-intents", "train_size": 1000,
            "test_size": 500, "parts": codes,
        }  # fmt: skip
        model = {
            "kind": "byte-transformer", "mode": "from_scratch", "role": "proxy",
            "tasks": ["intent"], "train_languages": codes[:2],
        }  # fmt: skip
        models = [{"id": f"m{m}", **model} for m in range(MODELS)]
        catalogue = json.dumps({"corpora": [corpus], "models": models})  # JSON is YAML, and faster
        (wanting.catalogue / "all.yaml").write_text(catalogue)
        # What is present is asked of the large warehouse.
        wanting.published.rmdir()
        wanting.published.symlink_to(home.published)
        begun = time.perf_counter()
        found = stage.plan(str(wanting.path))
        seconds = time.perf_counter() - begun
    said = f"{found.wanted:,} wanted, {found.present:,} present, {len(found.batches):,} batches"
    return seconds, said


def languages() -> list[str]:
    """A thousand language codes."""
    found: dict[str, None] = {}  # some spellings are of one language
    for letters in itertools.product(string.ascii_lowercase, repeat=3):
        with contextlib.suppress(UsageError):
            found[resolve(f"{''.join(letters)}_Latn").code] = None
        if len(found) == LANGUAGES:
            break
    return list(found)


def retrain(home: Home, share: float) -> tuple[float, str]:
    """Inputs and fit of one predictor on a tenth of the languages: what `retrain` does for each."""
    tenth = "setting_key IN (SELECT setting_key FROM settings WHERE target_lang LIKE '%2_Latn')"
    begun = time.perf_counter()
    with reading(home) as connection:
        frames = Frames(
            connection.execute(f"FROM settings WHERE {tenth}").df(),
            connection.execute(f"FROM setting_scores WHERE preferred AND {tenth}").df(),
            connection.execute("FROM features").df(),
            connection.execute("FROM models").df(),
        )
    read = time.perf_counter() - begun
    target = next(t for t in targets(frames) if t.mode == "fine_tuned")
    inputs = build_inputs(frames, target)
    fit(inputs, protocols=("lolo",))
    seconds = time.perf_counter() - begun
    rows, columns = inputs.training().X.shape
    return seconds, f"{rows:,} rows, {columns:,} inputs; reading them took {read:.1f} s"


if __name__ == "__main__":
    sys.exit(main())
