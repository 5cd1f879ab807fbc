"""Whether forecasts still hold what their intervals promise: a sequential test without a horizon.

The claim tested is that, whatever happened before, a forecast's interval holds the score with at
least its level. A bettor who doubts it stakes a share of his capital on misses, at odds that are
fair if the claim holds; so his capital is an e-process, and by Ville's inequality it ever reaches
1 / ALPHA with a probability of at most ALPHA (Ramdas and others 2023, arXiv 2210.01948). It may be
looked at every night. Forecasts of one language that come true together miss together, so a day's
forecasts are one bet, on the share of misses. It knows forecasts and scores, no predictor.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd

ALPHA = 0.01
"""Probability that the alarm is ever raised where all is well, for each test."""

STAKES = np.linspace(0.05, 0.95, 19)
"""Shares of the capital that are staked; the capital is the mean over bettors with one each."""

COLUMNS = [
    "task", "metric", "model_id", "mode", "language", "n_forecasts", "coverage", "evidence",
    "threshold", "alarm", "since",
]  # fmt: skip

_KEY = ["task", "metric", "model_id", "mode"]


def check_drift(grades: pd.DataFrame) -> pd.DataFrame:
    """The test for each task, metric, model, mode and language, and for all languages as `*`.

    `grades` has rows of the view `forecast_grades`: _KEY, setting_key, language, level, inside,
    made_at and observed_at. Of several forecasts of a setting the last one counts; those without
    an interval do not.
    """
    graded = grades.dropna(subset=["level", "inside"]).sort_values("made_at", kind="stable")
    graded = graded.drop_duplicates([*_KEY, "setting_key"], keep="last")
    both = pd.concat([graded, graded.assign(language="*")], ignore_index=True)
    rows = []
    for key, part in both.groupby([*_KEY, "language"], sort=True):
        capital, when = capital_of(part)
        crossed = np.flatnonzero(capital >= 1 / ALPHA)
        rows.append(
            (
                *key,
                len(part),
                float(part["inside"].astype(bool).mean()),
                float(capital.max()),
                1 / ALPHA,
                bool(len(crossed)),
                when[crossed[0]] if len(crossed) else pd.NaT,
            )
        )
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table.astype({"since": "datetime64[us]"})


def capital_of(grades: pd.DataFrame) -> tuple[npt.NDArray[np.float64], list[pd.Timestamp]]:
    """The capital after each day on which scores came in, 1 before, and the time of each.

    A stake c on a day with the share m of misses, of which a are allowed, gives back
    1 + c (m - a) / a: nothing is lost below 1 - c, and misses of all pay 1 + c (1 - a) / a.
    """
    day = pd.to_datetime(grades["observed_at"]).dt.floor("D").to_numpy()
    numbers = grades.assign(missed=1.0 - grades["inside"].astype(float))
    days = numbers.groupby(day, sort=True)[["missed", "level"]].mean()
    allowed = 1 - days["level"]
    gains = 1 + STAKES * ((days["missed"] - allowed) / allowed).to_numpy()[:, None]
    when = grades.groupby(day, sort=True)["observed_at"].max().tolist()
    return np.cumprod(gains, axis=0).mean(axis=1), when
