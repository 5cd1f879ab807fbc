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


def read_model_languages(home: Home) -> pd.DataFrame:
    """Which languages models know: model_id, language, relation, source, licence.

    A model without any row is unknown, not without languages.
    """
    with reading(home) as connection:
        return connection.execute("SELECT * FROM model_languages ORDER BY ALL").df()


def read_quality(home: Home) -> pd.DataFrame:
    """The view `predictor_quality_latest`."""
    with reading(home) as connection:
        return connection.execute("SELECT * FROM predictor_quality_latest ORDER BY ALL").df()
