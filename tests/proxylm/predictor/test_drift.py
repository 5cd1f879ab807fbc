"""The drift alarm: silent while intervals hold, loud soon after they do not."""

import numpy as np
import pandas as pd
import pytest

from proxylm.predictor.drift import ALPHA, capital_of, check_drift


def grades(
    inside: np.ndarray, per_day: int = 1, language: str = "l", level: float = 0.9
) -> pd.DataFrame:
    """Graded forecasts of one model, `per_day` a day."""
    n = len(inside)
    day = pd.Timestamp("2026-01-01") + pd.to_timedelta(np.arange(n) // per_day, unit="D")
    return pd.DataFrame(
        {
            "task": "mt",
            "metric": "spBLEU",
            "model_id": "m",
            "mode": "fine_tuned",
            "setting_key": [f"{language}-{i}" for i in range(n)],
            "language": language,
            "level": level,
            "inside": inside,
            "made_at": pd.Timestamp("2025-12-01"),
            "observed_at": day,
        }
    )


def alarm(table: pd.DataFrame, language: str = "l") -> bool:
    return bool(check_drift(table).set_index("language").loc[language, "alarm"])


def test_false_alarms_are_as_rare_as_promised_also_where_a_day_errs_together() -> None:
    alarms = []
    for seed in range(100):
        days = np.random.default_rng(seed).random(60) < 0.9  # forecasts of a day miss together
        capital, _ = capital_of(grades(np.repeat(days, 3), per_day=3))
        alarms.append(capital.max() >= 1 / ALPHA)
    assert np.mean(alarms) <= 2 * ALPHA


def test_broken_intervals_raise_the_alarm_and_say_since_when() -> None:
    random = np.random.default_rng(1)
    inside = np.concatenate([random.random(20) < 0.95, random.random(30) < 0.4])
    table = check_drift(grades(inside)).set_index("language")
    row = table.loc["l"]
    assert row["alarm"]
    assert row["evidence"] >= row["threshold"] == pytest.approx(1 / ALPHA)
    assert pd.Timestamp("2026-01-21") < row["since"] < pd.Timestamp("2026-02-15")
    assert row["n_forecasts"] == 50
    assert row["coverage"] == pytest.approx(inside.mean())


def test_one_bad_day_is_no_alarm_three_are() -> None:
    assert not alarm(grades(np.zeros(40, bool), per_day=40))
    assert alarm(grades(np.zeros(120, bool), per_day=40))


def test_a_language_is_told_from_the_whole() -> None:
    good = grades(np.ones(60, bool), language="good")
    bad = grades(np.zeros(6, bool), language="bad")
    both = pd.concat([good, bad])
    assert alarm(both, "bad")
    assert not alarm(both, "good")
    assert check_drift(both)["language"].tolist() == ["*", "bad", "good"]


def test_only_the_last_forecast_of_a_setting_counts_and_it_needs_an_interval() -> None:
    old, new = grades(np.zeros(5, bool)), grades(np.ones(5, bool))
    new["made_at"] += pd.Timedelta(days=1)
    row = check_drift(pd.concat([new, old])).iloc[0]
    assert (row["n_forecasts"], row["coverage"]) == (5, 1.0)
    none = grades(np.ones(5, bool), level=np.nan)
    assert check_drift(none).empty
