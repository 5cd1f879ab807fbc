"""Predictors on the published records, as a user gets them from `plm-admin retrain`."""

import shutil

import pytest

from tasks.predict import predict
from tasks.retrain import retrain
from warehouse.database import reading
from warehouse.home import Home

pytestmark = pytest.mark.slow  # half a minute; the default run has the same on small data


@pytest.fixture(scope="module")
def retrained(published_home: Home, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The intent predictors, fitted and assessed."""
    copy = tmp_path_factory.mktemp("retrained") / "plm"
    shutil.copytree(published_home.path, copy, symlinks=True)
    home = Home.find(copy)
    retrain(str(copy), task_name="intent", regressor="lightgbm")  # the default takes minutes
    predict(str(copy))
    return home


def test_the_board_shows_the_models_of_the_paper_out_of_fold(retrained: Home) -> None:
    with reading(retrained) as connection:
        rows = connection.execute(
            "SELECT model_id, count(observed), count(predicted), min(prediction_kind), "
            "min(protocol) FROM leaderboard WHERE task = 'intent' GROUP BY ALL ORDER BY ALL"
        ).fetchall()
    expected = [(m, 2601, 2601, "out_of_fold", "lolo") for m in ("aya-23-8b", "llama-3-8b")]
    assert rows == expected


def test_quality_is_stored_beside_the_naive_baselines(retrained: Home) -> None:
    with reading(retrained) as connection:
        rows = connection.execute(
            "SELECT protocol, regressor, value FROM predictor_quality_latest "
            "WHERE model_id = 'aya-23-8b' AND statistic = 'rmse'"
        ).fetchall()
    errors = {(protocol, regressor): value for protocol, regressor, value in rows}
    for protocol in ("random", "by_run", "lolo"):
        ours = errors[protocol, "lightgbm"]
        assert ours < errors[protocol, "best one-proxy line"] < errors[protocol, "train-mean"]
    assert errors["random", "lightgbm"] < errors["by_run", "lightgbm"]  # the leak shows


def test_intent_aya_is_as_good_as_asked(retrained: Home) -> None:
    with reading(retrained) as connection:
        row = connection.execute(
            "SELECT value FROM predictor_quality_latest WHERE model_id = 'aya-23-8b' "
            "AND protocol = 'lolo' AND regressor = 'lightgbm' AND statistic = 'rmse'"
        ).fetchone()
    assert row is not None
    assert row[0] <= 11.3


def test_a_predictor_folder_holds_no_pickle(retrained: Home) -> None:
    names = {path.name for path in retrained.predictors.glob("*/*")}
    assert names == {"predictor.json", "SHA256SUMS"}
