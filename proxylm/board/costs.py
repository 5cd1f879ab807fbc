"""What the proxies cost beside what the estimated model costs, in words and figures.

Knows the cost columns that `leaderboard` rows carry: proxy_seconds, estimated_seconds and
estimated_basis (measured, extrapolated or unknown), NULL where unknown.
"""

from typing import NamedTuple

import pandas as pd

NOTHING = "–"


class Costs(NamedTuple):
    """Mean costs of some settings, in seconds; None where unknown for all of them."""

    proxies: float | None
    measured: float | None  # of the estimated model, where it ran
    extrapolated: float | None  # where it did not, from its throughput elsewhere
    speed_up: float | None  # over the settings in which both sides are known


def costs(rows: pd.DataFrame) -> Costs:
    """Means over the settings of `rows`, each counted once however many metrics it has.

    The speed-up is a ratio of sums: what all of these settings take with the estimated model, to
    what they take with the proxies.
    """
    settings = rows.drop_duplicates(["setting_key", "model_id", "mode"])
    proxies = settings["proxy_seconds"].astype(float)
    own = settings["estimated_seconds"].astype(float)
    basis = settings["estimated_basis"]
    both = proxies.notna() & own.notna()
    spent = proxies[both].sum()
    return Costs(
        _mean(proxies),
        _mean(own[basis == "measured"]),
        _mean(own[basis == "extrapolated"]),
        float(own[both].sum() / spent) if spent else None,
    )


def sentence(model_id: str, rows: pd.DataFrame) -> str:
    """`proxies cost 41 s a setting, m 112 s measured / 98 s extrapolated: 2.7x`."""
    found = costs(rows)
    own = " / ".join(
        f"{duration(seconds)} {basis}"
        for basis, seconds in (("measured", found.measured), ("extrapolated", found.extrapolated))
        if seconds is not None
    )
    proxies = "an unknown time" if found.proxies is None else duration(found.proxies)
    ratio = "" if found.speed_up is None else f": {factor(found.speed_up)}"
    return f"proxies cost {proxies} a setting, {model_id} {own or 'an unknown time'}{ratio}"


def duration(seconds: float | None) -> str:
    """Seconds as text, in a unit that leaves two or three digits; a dash for None or NaN."""
    if seconds is None or pd.isna(seconds):
        return NOTHING
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= 3 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.2g} s"


def factor(speed_up: float | None) -> str:
    """A ratio as text, for example 2.7x; a dash for None or NaN."""
    if speed_up is None or pd.isna(speed_up):
        return NOTHING
    return f"{speed_up:.{0 if speed_up >= 100 else 1 if speed_up >= 1 else 2}f}x"


def _mean(values: pd.Series) -> float | None:
    return float(values.mean()) if values.notna().any() else None
