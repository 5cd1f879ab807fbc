"""The view `excluded`: whatever is in the warehouse is on the board or there, never in both."""

from dataclasses import replace

from proxylm.landing import write_landing
from tests.boards import fill
from tests.warehouse.builders import evaluated
from warehouse.database import reading, transaction, writing
from warehouse.home import Home
from warehouse.loader import load_landing
from warehouse.snapshot import publish_snapshot


def test_every_score_prediction_and_setting_is_on_the_board_or_excluded(home: Home) -> None:
    fill(home, languages=4)
    limited = evaluated("alpha", role="estimated", corpus="other")
    write_landing(
        replace(limited, evaluations=[replace(e, segment_limit=20) for e in limited.evaluations]),
        home.incoming,
    )
    write_landing(evaluated("tiny", corpus="lonely"), home.incoming)
    load_landing(home)
    with writing(home, "test") as connection:
        with transaction(connection):
            connection.execute(
                "INSERT INTO predictions SELECT * REPLACE ('old ' || prediction_id AS "
                "prediction_id, made_at - INTERVAL 1 DAY AS made_at) FROM predictions LIMIT 3"
            )
        publish_snapshot(home, connection)
    with reading(home) as connection:

        def keys(query: str) -> list[str]:
            return sorted(row[0] for row in connection.execute(query).fetchall())

        def excluded(kind: str) -> list[str]:
            return keys(f"SELECT key FROM excluded WHERE kind = '{kind}'")

        shown = "SELECT DISTINCT score_key FROM setting_scores WHERE preferred"
        assert sorted(keys(shown) + excluded("score")) == keys("SELECT score_key FROM scores")
        assert len(excluded("score")) == len(limited.scores)
        board = "SELECT DISTINCT setting_key FROM leaderboard"
        assert sorted(keys(board) + excluded("setting")) == keys("SELECT setting_key FROM settings")
        assert len(excluded("prediction")) == 3
        assert all(key.startswith("old ") for key in excluded("prediction"))
        assert excluded("language") == ["isl_Latn"]
        said = connection.execute("SELECT kind, any_value(reason) FROM excluded GROUP BY ALL")
        reasons = dict(said.fetchall())
    assert reasons["score"] == "made on the first 20 test lines only"
    assert "no estimated model" in reasons["setting"]
