"""Which model is ahead, as far as the intervals let one say so.

Knows the columns of the `leaderboard` view. Models are ranked on the same settings only: one that
lacks some of them is shown beside the others, without a rank.
"""

from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from proxylm.board.tables import LOWER_IS_BETTER, groups

_Pool: TypeAlias = frozenset[tuple[str, str]]  # models with their modes

ALL_LANGUAGES = "*"
COLUMNS = [
    "task", "metric", "language", "pool", "model_id", "mode", "settings", "of", "observed",
    "value", "lower", "upper", "rank", "band",
]  # fmt: skip


def rank(rows: pd.DataFrame) -> pd.DataFrame:
    """One row a task, metric, language (`*`: all together), model and mode.

    `value` is the mean over the model's `settings`, each observed or else predicted; `lower` and
    `upper` are the means of their intervals (an observed score's is its half-width, where it has
    one), which is what is certain even where all errors go the same way. Models that meet in some
    setting are in one `pool`, of whose settings there are `of`. A model with all of them has a
    `rank`: that of the best model whose interval it overlaps, so that all of a `band` share one.
    """
    valued = with_value(rows)
    if valued.empty:
        return pd.DataFrame(columns=COLUMNS)
    places = ["task", "metric", "language"]
    valued["company"], names = _companies(valued)
    valued = pd.concat([valued.assign(language=ALL_LANGUAGES), valued])
    met: Any = valued.drop_duplicates([*places, "setting_key"]).groupby([*places, "company"]).size()
    companies: dict[Any, dict[_Pool, int]] = {}
    for (*where, company), n in met.items():
        companies.setdefault(tuple(where), {})[names[company]] = n
    means = valued.groupby([*places, "model_id", "mode"]).agg(
        settings=("value", "size"),
        observed=("is_observed", "sum"),
        value=("value", "mean"),
        lower=("lower", "mean"),
        upper=("upper", "mean"),
        bounded=("lower", "count"),
    )
    found: list[dict[str, Any]] = []
    for key, some in groups(means.reset_index(), places):
        place = dict(zip(places, key, strict=True))
        lines: list[Any] = some.drop(columns=places).to_dict("records")
        for pool, (models, total) in enumerate(_pools(companies[key])):
            members = [line for line in lines if (line["model_id"], line["mode"]) in models]
            for line in _ranked(members, total, str(place["metric"])):
                found.append({**place, "pool": pool, **line})
    return pd.DataFrame(found, columns=COLUMNS)


def _companies(valued: pd.DataFrame) -> tuple[np.ndarray[Any, Any], list[_Pool]]:
    """For each row the number of its setting's company, and the models of each company.

    A company is the set of models that have a value in one setting; there are few of them.
    """
    setting = valued.groupby(["task", "metric", "setting_key"]).ngroup().to_numpy()
    models = valued.groupby(["model_id", "mode"])
    names = list(models.size().index)
    present = np.zeros((setting.max() + 1, len(names)), dtype=bool)
    present[setting, models.ngroup()] = True
    kinds, kind = np.unique(present, axis=0, return_inverse=True)
    pools = [frozenset(name for name, yes in zip(names, row, strict=True) if yes) for row in kinds]
    return kind.reshape(-1)[setting], pools


def with_value(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows that have a score: `value` with `lower` and `upper`, and whether `is_observed`."""
    observed = rows["observed"].astype(float)
    half_width = rows["observed_half_width"].astype(float).fillna(0.0)
    known = observed.notna()
    value = observed.where(known, rows["predicted"].astype(float))
    made = rows[["setting_key", "task", "metric", "model_id", "mode"]].assign(
        language=rows["board_language"],
        value=value,
        lower=(observed - half_width).where(known, rows["lower"].astype(float)),
        upper=(observed + half_width).where(known, rows["upper"].astype(float)),
        is_observed=known,
    )
    return made[value.notna()].copy()


def _pools(companies: dict[_Pool, int]) -> list[tuple[_Pool, int]]:
    """Models that meet in some setting, and the settings they have together; the largest first.

    `companies` has the models of a setting, and how many settings have just these.
    """
    pools: list[tuple[_Pool, int]] = []
    for models, settings in companies.items():
        for pool in [pool for pool in pools if pool[0] & models]:
            models, settings = models | pool[0], settings + pool[1]
            pools.remove(pool)
        pools.append((models, settings))
    return sorted(pools, key=lambda pool: (-pool[1], sorted(pool[0])))


def _ranked(lines: list[dict[str, Any]], total: int, metric: str) -> list[dict[str, Any]]:
    """The lines of one pool, best first, those that lack a setting last."""
    sign = 1 if metric in LOWER_IS_BETTER else -1
    for line in lines:
        line |= {"of": total, "rank": None, "band": None}
        if line.pop("bounded") < line["settings"]:
            line["lower"] = line["upper"] = None
    lines.sort(key=lambda line: (line["settings"] < total, sign * line["value"]))
    complete = [line for line in lines if line["settings"] == total]
    if len(complete) > 1:
        _bands(complete)
    return lines


def _bands(lines: list[dict[str, Any]]) -> None:
    """Set `rank` and `band` (1 is the first) of lines that are sorted best first."""
    leader, band = lines[0], 0
    for place, line in enumerate(lines, 1):
        if place == 1 or not _overlap(leader, line):
            leader, band, line["rank"] = line, band + 1, place
        else:
            line["rank"] = leader["rank"]
        line["band"] = band


def _overlap(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether the intervals meet; a model without an interval may be anywhere."""
    bounds = [one["lower"], one["upper"], other["lower"], other["upper"]]
    if any(bound is None for bound in bounds):
        return True
    return bool(one["lower"] <= other["upper"] and other["lower"] <= one["upper"])
