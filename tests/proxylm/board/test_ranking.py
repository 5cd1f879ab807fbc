"""Ranks: shared where intervals overlap, and never given on other settings than the others'."""

from typing import Any

import pandas as pd
import pytest

from proxylm.board.ranking import COLUMNS, rank


def rows(*scores: tuple[str, str, float | None, float], metric: str = "spBLEU") -> pd.DataFrame:
    """(model, setting, observed, half-width); with observed None the last is the prediction."""
    made = []
    for model, setting, observed, other in scores:
        known = observed is not None
        made.append(
            {
                "setting_key": setting,
                "task": "mt",
                "metric": metric,
                "model_id": model,
                "mode": "fine_tuned",
                "board_language": f"{setting[0]}_Latn",
                "observed": observed,
                "observed_half_width": other if known else None,
                "predicted": None if known else other,
                "lower": None if known else other - 2,
                "upper": None if known else other + 2,
            }
        )
    return pd.DataFrame(made)


def ranks(frame: pd.DataFrame, language: str = "*") -> dict[str, Any]:
    made = rank(frame)
    some = made[made["language"] == language]
    return {
        line["model_id"]: None if pd.isna(line["rank"]) else int(line["rank"])
        for line in some.to_dict("records")
    }


def test_overlapping_intervals_share_a_rank() -> None:
    frame = rows(("a", "x", 40, 1), ("b", "x", 39, 1), ("c", "x", 30, 1), ("d", "x", 30, 0))
    assert ranks(frame) == {"a": 1, "b": 1, "c": 3, "d": 3}


def test_a_band_is_what_overlaps_its_best_model() -> None:
    frame = rows(("a", "x", 40, 1), ("b", "x", 38.5, 1), ("c", "x", 37, 1))
    assert ranks(frame) == {"a": 1, "b": 1, "c": 3}


def test_lower_is_better_for_ter() -> None:
    frame = rows(("a", "x", 40, 1), ("b", "x", 60, 1), metric="TER")
    assert ranks(frame) == {"a": 1, "b": 2}


def test_a_prediction_stands_in_for_a_score() -> None:
    frame = rows(("a", "x", 40, 0), ("b", "x", None, 41), ("a", "y", 40, 0), ("b", "y", 50, 0))
    made = rank(frame).query("language == '*'").set_index("model_id")
    assert made.loc["b", "value"] == pytest.approx(45.5)
    assert made.loc["b", "observed"] == 1
    assert made.loc["b", "lower"] == pytest.approx((39 + 50) / 2)


def test_a_model_that_lacks_a_setting_is_not_ranked_beside_the_others() -> None:
    everywhere = [("a", "x", 40, 0), ("b", "x", 30, 0), ("a", "y", 10, 0), ("b", "y", 9, 0)]
    frame = rows(*everywhere, ("c", "x", 90, 0))
    assert ranks(frame) == {"a": 1, "b": 2, "c": None}
    assert ranks(frame, "x_Latn") == {"c": 1, "a": 2, "b": 3}  # here it has all


def test_models_without_a_common_setting_are_in_pools_of_their_own() -> None:
    frame = rows(("a", "x", 40, 0), ("b", "x", 30, 0), ("c", "y", 90, 0), ("d", "y", 80, 0))
    made = rank(frame).query("language == '*'").set_index("model_id")
    assert made["pool"].nunique() == 2
    assert made["rank"].to_dict() == {"a": 1, "b": 2, "c": 1, "d": 2}
    assert set(made["of"]) == {1}


def test_a_model_alone_has_no_rank() -> None:
    assert ranks(rows(("a", "x", 40, 1))) == {"a": None}


def test_nothing_gives_nothing() -> None:
    made = rank(rows(("a", "x", 1, 1)).iloc[:0])
    assert list(made) == COLUMNS
    assert made.empty
