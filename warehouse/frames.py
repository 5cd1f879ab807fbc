"""What the other stages read of the published copy, as data frames or records."""

from typing import NamedTuple

import pandas as pd

from proxylm.records import Model
from warehouse.database import reading
from warehouse.home import Home

BOARD = """
leaderboard LEFT JOIN (
    SELECT setting_key, model_id, mode, proxy_seconds, estimated_seconds, estimated_basis, speed_up
    FROM cost_ledger
) USING (setting_key, model_id, mode)
"""
"""SQL: the rows of the board with what they cost."""


class WarehouseFrames(NamedTuple):
    """The tables that predictions are made from."""

    settings: pd.DataFrame
    setting_scores: pd.DataFrame  # the preferred score of each setting, model, mode and metric
    features: pd.DataFrame
    models: pd.DataFrame
    model_languages: pd.DataFrame  # a row a model and a language that it knows


def read_frames(home: Home) -> WarehouseFrames:
    """Settings, preferred scores, features, models and the languages that they know."""
    with reading(home) as connection:
        return WarehouseFrames(
            connection.execute("SELECT * FROM settings ORDER BY setting_key").df(),
            connection.execute(
                "SELECT setting_key, model_id, revision, mode, metric, value, half_width, origin, "
                "n_segments FROM setting_scores WHERE preferred"
            ).df(),
            connection.execute("SELECT * FROM features").df(),
            connection.execute("SELECT * FROM models").df(),
            connection.execute("SELECT model_id, language FROM model_languages").df(),
        )


def read_models(home: Home) -> list[Model]:
    """All models."""
    with reading(home) as connection:
        rows = connection.execute(
            "SELECT model_id, revision, architecture, n_parameters, proxy_modes, estimated_modes, "
            "source FROM models"
        ).fetchall()
    return [
        Model(row[0], row[1], row[2], row[3], tuple(row[4]), tuple(row[5]), row[6]) for row in rows
    ]


def read_board(home: Home, metrics: list[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The view `leaderboard` in these metrics, and the zero-shot scores in them.

    The second has a row a setting, model and metric: setting_key, model_id, metric, value,
    half_width.
    """
    wanted = "metric IN (SELECT unnest(?::VARCHAR[]))"
    with reading(home) as connection:
        board = connection.execute(
            f"SELECT * FROM leaderboard WHERE {wanted} ORDER BY ALL", [metrics]
        ).df()
        zero_shot = connection.execute(
            "SELECT setting_key, model_id, metric, value, half_width FROM setting_scores "
            f"WHERE preferred AND mode = 'zero_shot' AND {wanted} ORDER BY ALL",
            [metrics],
        ).df()
    return board, zero_shot


def read_grades(home: Home) -> pd.DataFrame:
    """The view `forecast_grades` with the board's `language`, in the order forecasts were made."""
    with reading(home) as connection:
        return connection.execute(
            "SELECT *, CASE WHEN task = 'mt' AND target_lang = 'eng_Latn' THEN source_lang "
            "ELSE target_lang END AS language FROM forecast_grades ORDER BY made_at, prediction_id"
        ).df()


def read_prices(home: Home) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """What evaluations cost here: throughput, parameters of the models, lines of the test texts.

    The first has a row a model, mode and task: that of the device it made most evaluations on.
    """
    with reading(home) as connection:
        return (
            connection.execute(
                "SELECT * FROM throughput QUALIFY row_number() OVER ("
                "PARTITION BY model_id, mode, task ORDER BY evaluations DESC, device) = 1 "
                "ORDER BY ALL"
            ).df(),
            connection.execute(
                "SELECT model_id, max(n_parameters)::DOUBLE AS n_parameters FROM models "
                "WHERE n_parameters IS NOT NULL GROUP BY model_id ORDER BY model_id"
            ).df(),
            connection.execute(
                "SELECT task, source_lang, target_lang, test_corpus, lines::DOUBLE AS lines "
                "FROM test_texts WHERE lines IS NOT NULL ORDER BY ALL"
            ).df(),
        )


def read_quality(home: Home) -> pd.DataFrame:
    """The view `predictor_quality_latest`."""
    with reading(home) as connection:
        return connection.execute("SELECT * FROM predictor_quality_latest ORDER BY ALL").df()
