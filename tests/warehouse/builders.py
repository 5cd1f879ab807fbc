"""Small records for tests: one model trained in one language and tested in others."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from proxylm import identity
from proxylm.imports import imported_evaluation, imported_run
from proxylm.records import Bundle, Evaluation, Language, Model, Score, Setting
from warehouse.database import publish_snapshot, table_counts, writing
from warehouse.home import Home

VALUES: dict[str, Any] = {
    "VARCHAR": "a 'text'\nin two lines, ü",
    "BIGINT": 7,
    "DOUBLE": 0.1,
    "BOOLEAN": True,
    "TIMESTAMP": datetime(2026, 1, 2, 3, 4, 5, 678901),
    "VARCHAR[]": ["x", "y'"],
}
"""A value of each type."""
LANGUAGES = ("eng_Latn", "fra_Latn", "swh_Latn")


def evaluated(
    model_id: str = "proxy",
    source: str = "eng_Latn",
    targets: tuple[str, ...] = LANGUAGES,
    value: float = 50.0,
    role: str = "proxy",
    origin: str = "measured",
    corpus: str = "c",
) -> Bundle:
    """A run of `model_id` trained in `source`, with one score a target."""
    run = imported_run(
        model_id=model_id,
        revision="1",
        mode="fine_tuned",
        recipe=origin,
        seed="0",
        train_corpus=corpus,
        train_fingerprint="f",
        train_size=10,
        languages=(source,),
        source="test",
    )
    run = replace(run, origin=origin, wall_seconds=2.0 if origin == "measured" else None)
    settings = [
        Setting(
            identity.setting_key("intent", source, target, corpus, 10, corpus),
            "intent",
            source,
            target,
            corpus,
            10,
            corpus,
            identity.run_group("intent", source, target, corpus, 10),
        )
        for target in targets
    ]
    evaluations = [replace(imported_evaluation(run, s, "f", 100), origin=origin) for s in settings]
    proxy, estimated = (("fine_tuned",), ()) if role == "proxy" else ((), ("fine_tuned",))
    return Bundle(
        languages=[Language(x, x, x[-4:], False, x, "test") for x in {source, *targets}],
        models=[Model(model_id, "1", "kind", None, proxy, estimated, "test")],
        settings=settings,
        runs=[run],
        evaluations=evaluations,
        scores=[_score(e, value, origin) for e in evaluations],
    )


def costing(
    bundle: Bundle,
    train_seconds: float | None,
    test_seconds: float | None,
    device: str = "cpu",
    tokens_in: int | None = None,
) -> Bundle:
    """The same bundle with other costs: of its run, and of each of its evaluations."""
    on_gpu = device != "cpu"
    return replace(
        bundle,
        runs=[
            replace(
                run,
                wall_seconds=train_seconds,
                gpu_seconds=train_seconds if on_gpu else None,
                device=device,
            )
            for run in bundle.runs
        ],
        evaluations=[
            replace(
                evaluation,
                wall_seconds=test_seconds,
                gpu_seconds=test_seconds if on_gpu else None,
                tokens_in=tokens_in,
            )
            for evaluation in bundle.evaluations
        ],
    )


VERSION_1_LACKS = {
    "runs": ("curve", "train_tokens", "peak_gpu_memory_bytes", "energy_joules"),
    "evaluations": ("tokens_in", "tokens_out", "gpu_seconds", "energy_joules"),
}


def make_version_1(path: Path) -> Path:
    """Replace a landing file by one as the first version of this program wrote it."""
    table = pq.read_table(path)
    for index, name in enumerate(table.schema.names):
        fields = table.schema.field(name).type
        kept = [field for field in fields if field.name not in VERSION_1_LACKS.get(name, ())]
        rows = [
            {field.name: row[field.name] for field in kept} if row else None
            for row in table[name].to_pylist()
        ]
        table = table.set_column(index, name, pa.array(rows, pa.struct(kept)))
    path.unlink()
    path = path.with_name(f"first-{path.name}")
    pq.write_table(table.replace_schema_metadata({"plm_landing": "1"}), path)
    return path


def fill_every_table(home: Home) -> None:
    """One row in each table, whatever its columns are."""
    with writing(home, "test") as connection:
        for name in table_counts(connection):
            types = connection.execute(
                "SELECT data_type FROM duckdb_columns() WHERE table_name = ? ORDER BY column_index",
                [name],
            ).fetchall()
            marks = ", ".join("?" for _ in types)
            connection.execute(
                f'INSERT INTO "{name}" VALUES ({marks})', [VALUES[kind] for (kind,) in types]
            )
        publish_snapshot(home, connection)


def _score(evaluation: Evaluation, value: float, origin: str) -> Score:
    return Score(
        identity.score_key(evaluation.evaluation_key, "accuracy", "test"),
        evaluation.evaluation_key,
        "accuracy",
        value,
        1.0,
        "test",
        100,
        "test",
        origin,
        "test",
    )
