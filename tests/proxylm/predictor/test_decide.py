"""The tables of decisions: who competes, what is missing, and which way is better."""

import numpy as np
import pandas as pd
import pytest

from proxylm.predictor.decide import choices, gains


def board(
    n_languages: int = 12, each: int = 6, seed: int = 0, metric: str = "spBLEU"
) -> pd.DataFrame:
    """Rows as of `leaderboard` for models `a` and `b`; `b` is better by 5 and observed in part."""
    random = np.random.default_rng(seed)
    rows = []
    for language in range(n_languages):
        for number in range(each):
            base = 40 + random.normal(0, 8)
            for model, mean in (("a", base), ("b", base + 5)):
                predicted = mean + random.normal(0, 2)
                seen = model == "a" or language >= 3
                rows.append(
                    {
                        "setting_key": f"{language:02d}-{number}",
                        "task": "mt",
                        "metric": metric,
                        "model_id": model,
                        "mode": "fine_tuned",
                        "train_corpus": "c" if number else "d",
                        "board_language": f"l{language}",
                        "predicted": predicted,
                        "lower": predicted - 4,
                        "upper": predicted + 4,
                        "level": 0.9,
                        "observed": mean if seen else np.nan,
                        "observed_half_width": 1.0 if seen else np.nan,
                    }
                )
    return pd.DataFrame(rows)


def test_each_setting_names_the_better_model_and_the_missing_one() -> None:
    rows = board()
    gone = (rows["model_id"] == "b") & rows["setting_key"].str.startswith("01-")
    table = choices(rows[~gone])
    first = table.sort_values("expected_regret").drop_duplicates("setting_key")
    both = first[first["n_models"] == 2]
    assert (both["model_id"] == "b").mean() > 0.95
    alone = first[first["n_models"] == 1]
    assert alone["missing_models"].map(list).tolist() == [["b (fine_tuned)"]] * 6
    assert set(table.loc[table["setting_key"] == "00-1", "basis"]) == {"observed", "predicted"}
    assert table.groupby("setting_key")["probability_best"].sum().round(9).eq(1).all()


def test_a_model_of_another_experiment_is_not_missing() -> None:
    rows = board()
    other = (rows["model_id"] == "b") & (rows["train_corpus"] == "d")
    table = choices(rows[~other])
    assert table.loc[table["setting_key"].str.endswith("-0"), "missing_models"].map(len).eq(0).all()


def test_where_lower_is_better_the_lower_model_is_chosen() -> None:
    table = choices(board(metric="TER"))
    first = table.sort_values("expected_regret").drop_duplicates("setting_key")
    assert (first["model_id"] == "a").mean() > 0.95
    assert (table["value"] > 0).all()


def test_gains_set_the_fine_tuned_beside_the_zero_shot_score() -> None:
    rows = board()
    b = rows[rows["model_id"] == "b"]
    zero_shot = pd.DataFrame(
        {
            "setting_key": b["setting_key"],
            "model_id": "b",
            "metric": "spBLEU",
            "value": b["predicted"] - np.where(b["setting_key"] < "06", 12.0, -12.0),
            "half_width": np.nan,
        }
    )
    table = gains(rows, zero_shot).set_index("setting_key")
    assert set(table["model_id"]) == {"b"}
    unseen = table.loc["00-1"]
    assert unseen["basis"] == "predicted"
    assert unseen["probability_gain"] > 0.9
    assert (unseen["lower"], unseen["upper"]) == pytest.approx((8, 16))
    assert unseen["level"] == 0.9
    seen = table.loc["11-1"]
    assert seen["basis"] == "observed"
    assert seen["probability_gain"] < 0.01
    assert np.isnan(seen["level"])  # the noise of the zero-shot score is unknown


def test_nothing_to_compare_gives_empty_tables() -> None:
    rows = board().iloc[:0]
    zero_shot = pd.DataFrame(columns=["setting_key", "model_id", "metric", "value", "half_width"])
    assert len(choices(rows)) == len(gains(rows, zero_shot)) == 0
    assert len(gains(board(), zero_shot)) == 0
