"""The SQL contract: what each view shows for a small warehouse."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from proxylm.landing import write_landing
from tests.warehouse.builders import evaluated
from warehouse.database import reading, writing
from warehouse.home import Home
from warehouse.loader import load_landing
from warehouse.snapshot import publish_snapshot

MADE_AT = datetime(2026, 1, 1)


def rows(home: Home, query: str) -> list[tuple[Any, ...]]:
    with reading(home) as connection:
        return connection.execute(query).fetchall()


def load(home: Home, *bundles: Any) -> None:
    for bundle in bundles:
        write_landing(bundle, home.incoming)
    load_landing(home)


def predict(home: Home, setting_key: str, kind: str, value: float, day: int = 0) -> None:
    """Store a prediction of `estimated` as a retrain would."""
    with writing(home, "test") as connection:
        connection.execute(
            "INSERT OR IGNORE INTO predictors VALUES ('p', 'intent', 'accuracy', 'estimated', "
            "'fine_tuned', 'proxies', 'none', 'r', 1, '{}', 'x', 1.0, ?)",
            [MADE_AT],
        )
        connection.execute(
            "INSERT INTO predictions VALUES (?, 'p', ?, ?, NULL, ?, ?, ?, 0.9, 'predicted', "
            "NULL, ?)",
            [
                f"{setting_key}{kind}{day}",
                setting_key,
                kind,
                value,
                value - 5,
                value + 5,
                MADE_AT + timedelta(days=day),
            ],
        )
        publish_snapshot(home, connection)


@pytest.fixture
def small(home: Home) -> Home:
    """A proxy trained in English and French, an estimated model in English only."""
    load(
        home,
        evaluated("proxy", "eng_Latn", value=40),
        evaluated("proxy", "fra_Latn", value=45),
        evaluated("estimated", "eng_Latn", value=60, role="estimated"),
    )
    return home


def key_of(home: Home, source: str, target: str) -> str:
    query = "SELECT setting_key FROM settings WHERE source_lang = '{}' AND target_lang = '{}'"
    return str(rows(home, query.format(source, target))[0][0])


def test_the_board_shows_estimated_models_only_observed_and_predicted(small: Home) -> None:
    known, unknown = (key_of(small, s, "swh_Latn") for s in ("eng_Latn", "fra_Latn"))
    predict(small, known, "out_of_fold", 58)
    predict(small, unknown, "forecast", 50)
    found = rows(
        small,
        "SELECT model_id, source_lang, predicted, observed, error, status, board_language "
        "FROM leaderboard WHERE target_lang = 'swh_Latn' ORDER BY source_lang",
    )
    assert found == [
        ("estimated", "eng_Latn", 58, 60, -2, "observed", "swh_Latn"),
        ("estimated", "fra_Latn", 50, None, None, "predicted", "swh_Latn"),
    ]


def test_the_newest_prediction_is_shown_and_the_older_is_kept(small: Home) -> None:
    key = key_of(small, "fra_Latn", "swh_Latn")
    predict(small, key, "forecast", 50)
    predict(small, key, "forecast", 55, day=1)
    assert rows(small, "SELECT predicted FROM leaderboard WHERE predicted IS NOT NULL") == [(55,)]
    assert rows(small, "SELECT count(*) FROM predictions") == [(2,)]


def test_a_forecast_is_graded_when_the_score_arrives(small: Home) -> None:
    predict(small, key_of(small, "fra_Latn", "swh_Latn"), "forecast", 50)
    assert rows(small, "SELECT * FROM forecast_grades") == []
    load(small, evaluated("estimated", "fra_Latn", value=57, role="estimated"))
    assert rows(small, "SELECT predicted, observed, error, inside FROM forecast_grades") == [
        (50, 57, -7, False)
    ]


def test_measured_scores_are_preferred_and_imported_ones_stay(small: Home) -> None:
    load(small, evaluated("estimated", value=70, role="estimated", origin="imported"))
    observed = "SELECT DISTINCT observed, observed_origin FROM leaderboard"
    assert rows(small, observed) == [(60, "measured")]
    shown = "SELECT value, preferred FROM setting_scores WHERE model_id = 'estimated'"
    assert set(rows(small, shown)) == {(60, True), (70, False)}


def test_gaps_name_what_was_not_evaluated(small: Home) -> None:
    gaps = rows(small, "SELECT source_lang, model_id, role FROM coverage_gaps")
    assert sorted(gaps) == [("fra_Latn", "estimated", "estimated")] * 3


def test_costs_are_summed_and_unknown_ones_stay_unknown(small: Home) -> None:
    load(small, evaluated("estimated", value=70, role="estimated", origin="imported"))
    costs = rows(
        small,
        "SELECT model_id, origin, runs, evaluations, train_seconds FROM run_costs ORDER BY ALL",
    )
    assert costs == [
        ("estimated", "imported", 1, 3, None),
        ("estimated", "measured", 1, 3, 2.0),
        ("proxy", "measured", 2, 6, 4.0),
    ]


@pytest.mark.parametrize(
    ("damage", "rule"),
    [
        ("DELETE FROM evaluations", "score without its evaluation"),
        ("DELETE FROM runs", "evaluation without its run"),
        ("DELETE FROM models", "run of an unknown model"),
        ("DELETE FROM languages", "setting in an unknown language"),
        ("UPDATE scores SET value = 101", "score out of range"),
        ("UPDATE scores SET half_width = -1", "negative half-width"),
        ("INSERT INTO features VALUES ('k', 's', 'n', 1, false)", "feature of an unknown setting"),
    ],
)
def test_data_checks_find_what_is_broken(small: Home, damage: str, rule: str) -> None:
    assert rows(small, "SELECT * FROM data_checks") == []
    with writing(small, "test") as connection:
        connection.execute(damage)
        publish_snapshot(small, connection)
    assert rule in {row[0] for row in rows(small, "SELECT rule FROM data_checks")}
