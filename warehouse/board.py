"""What the board is made from: one query a table, all on the same published copy.

Knows the views; does not know what is drawn from them.
"""

from typing import NamedTuple

import duckdb
import pandas as pd

from warehouse.database import reading
from warehouse.frames import BOARD
from warehouse.home import Home

QUERIES = {
    "rows": f"""
        SELECT * FROM {BOARD} ORDER BY task, metric, model_id, mode, board_language, source_lang,
            target_lang, train_corpus, train_size, test_corpus
    """,
    "quality": "SELECT * FROM predictor_quality_latest ORDER BY ALL",
    "grades": "SELECT * FROM forecast_grades ORDER BY observed_at, prediction_id",
    "choices": "SELECT * FROM model_choice ORDER BY setting_key, metric, choice",
    "advice": "SELECT * FROM fine_tune_advice ORDER BY setting_key, metric, model_id",
    "recommendations": "SELECT * FROM recommendations ORDER BY rank",
    "drift": "SELECT * FROM drift_checks ORDER BY ALL",
    "languages": """
        SELECT l.language, l.name, l.script, l.script_assumed, family.label AS family,
               level.label AS resource_level, speakers.label AS speakers,
               speakers.imputed AS speakers_imputed
        FROM languages l
        LEFT JOIN language_facts family ON family.language = l.language AND family.fact = 'family'
        LEFT JOIN language_facts level
            ON level.language = l.language AND level.fact = 'resource_level'
        LEFT JOIN language_facts speakers
            ON speakers.language = l.language AND speakers.fact = 'log_speakers'
        ORDER BY l.language
    """,
    "models": "SELECT * FROM models ORDER BY model_id, revision",
    "model_languages": "SELECT * FROM model_languages ORDER BY ALL",
    "predictors": """
        SELECT * EXCLUDE (path) FROM predictors
        WHERE predictor_id IN (SELECT predictor_id FROM predictions) ORDER BY ALL
    """,
    "scores": """
        SELECT s.task, s.source_lang, s.target_lang, s.train_corpus, s.train_size, s.test_corpus,
               x.*, c.half_width_method, e.decoding, e."precision", e.backend, e.test_fingerprint,
               e.split_version, e.hypotheses, e.wall_seconds AS test_seconds, r.recipe, r.seed,
               r.train_fingerprint, r.device, r.started_at, r.wall_seconds AS train_seconds,
               r.code_revision, r.source AS run_source,
               CASE WHEN s.task = 'mt' AND s.target_lang = 'eng_Latn' THEN s.source_lang
                    ELSE s.target_lang END AS board_language
        FROM setting_scores x JOIN settings s USING (setting_key)
        JOIN scores c USING (score_key) JOIN evaluations e ON e.evaluation_key = x.evaluation_key
        JOIN runs r ON r.run_id = x.run_id
        ORDER BY s.task, x.setting_key, x.model_id, x.mode, x.metric, x.score_key
    """,
    "costs": "SELECT * FROM run_costs ORDER BY ALL",
    "corpora": """
        SELECT corpus_id, task, licence, source, count(*) AS parts FROM corpora
        GROUP BY ALL ORDER BY ALL
    """,
    "excluded": "SELECT * FROM excluded ORDER BY ALL",
}


class Copy(NamedTuple):
    """The tables of one published copy."""

    name: str  # file name of the copy
    tables: dict[str, pd.DataFrame]  # by the names of QUERIES
    columns: list[tuple[str, str, str]]  # of `rows`: name, type, meaning


def read_board(home: Home) -> Copy:
    """All that the board is made from, of one moment: the newest copy when the call began."""
    with reading(home) as connection:
        tables = {name: connection.execute(query).df() for name, query in QUERIES.items()}
        name = str(_one(connection, "SELECT current_database()")) + ".duckdb"
        return Copy(name, tables, _columns(connection, list(tables["rows"].columns)))


def _columns(
    connection: duckdb.DuckDBPyConnection, wanted: list[str]
) -> list[tuple[str, str, str]]:
    """Type and comment of the columns, as their views describe them."""
    found = connection.execute(
        "SELECT column_name, data_type, comment FROM duckdb_columns() "
        "WHERE table_name IN ('leaderboard', 'cost_ledger') ORDER BY table_name = 'cost_ledger'"
    ).fetchall()
    described: dict[str, tuple[str, str, str]] = {}
    for name, kind, meaning in found:
        described.setdefault(name, (name, kind, meaning or ""))
    return [described[name] for name in wanted]


def _one(connection: duckdb.DuckDBPyConnection, query: str) -> object:
    row = connection.execute(query).fetchone()
    return row[0] if row else None
