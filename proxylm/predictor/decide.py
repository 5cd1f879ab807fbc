"""Which model to take in a setting, and whether to fine-tune it, as tables of the warehouse.

The probabilities are those of `compare`; this module gives it the rows of the board that belong
together and turns its arrays into tables. It knows no regressor and no database.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special

from proxylm.predictor.compare import NOISE_Z, Field, Floats, compare
from proxylm.records import LOWER_IS_BETTER

CHOICES = [
    "setting_key", "metric", "model_id", "mode", "value", "basis", "probability_best",
    "expected_regret", "n_models", "missing_models",
]  # fmt: skip
GAINS = [
    "setting_key", "metric", "model_id", "zero_shot", "fine_tuned", "basis", "gain", "lower",
    "upper", "level", "probability_gain",
]  # fmt: skip


def choices(board: pd.DataFrame) -> pd.DataFrame:
    """How likely each estimated model is the best: columns CHOICES, a row a setting and model.

    `board` has rows of the view `leaderboard`; those of one task and metric compete. A model is
    missing in a setting where it has no score and is in use for the setting's training corpus.
    """
    who = board["model_id"] + " (" + board["mode"] + ")"
    board = board.assign(who=who)
    parts = board.groupby(["task", "metric"], sort=True)
    tables = [_choices(part, str(metric)) for (_, metric), part in parts]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=CHOICES)


def _choices(board: pd.DataFrame, metric: str) -> pd.DataFrame:
    sign = -1 if metric in LOWER_IS_BETTER else 1
    field, keys, who = _field(board, sign)
    outlook, known = compare(field), field.known
    corpora = board.drop_duplicates("setting_key").set_index("setting_key")["train_corpus"]
    in_use = pd.DataFrame(known, keys).groupby(corpora.reindex(keys)).transform("any").to_numpy()
    missing = [who[absent].tolist() for absent in in_use & ~known]
    row, column = np.nonzero(known & np.isfinite(outlook.expected_regret))
    names = board.drop_duplicates("who").set_index("who").loc[who.tolist()]
    return pd.DataFrame(
        {
            "setting_key": keys[row],
            "metric": metric,
            "model_id": names["model_id"].to_numpy()[column],
            "mode": names["mode"].to_numpy()[column],
            "value": sign * outlook.value[row, column],
            "basis": np.where(np.isnan(field.observed[row, column]), "predicted", "observed"),
            "probability_best": outlook.probability_best[row, column],
            "expected_regret": outlook.expected_regret[row, column],
            "n_models": known.sum(axis=1)[row],
            "missing_models": [missing[r] for r in row],
        }
    )


def gains(board: pd.DataFrame, zero_shot: pd.DataFrame) -> pd.DataFrame:
    """What fine-tuning gains: columns GAINS, a row a setting, metric and model that has both.

    `zero_shot` has the observed zero-shot scores: setting_key, model_id, metric, value,
    half_width. Where a model's zero-shot scores are predicted too, `board` has them.
    """
    tuned = board[board["mode"].isin(["fine_tuned", "zero_shot"])]
    observed = zero_shot.rename(columns={"value": "observed", "half_width": "observed_half_width"})
    sides = ["setting_key", "model_id", "metric"]
    rows = tuned[[*sides, "task", "board_language"]].drop_duplicates()
    seen = observed.merge(rows, on=sides).assign(mode="zero_shot")
    both = pd.concat([tuned, seen], ignore_index=True)
    both = both.drop_duplicates([*sides, "mode"]).assign(who=lambda table: table["mode"])
    parts = both.groupby(["task", "metric", "model_id"], sort=True)
    tables = [_gains(part, str(metric), str(model_id)) for (_, metric, model_id), part in parts]
    tables = [table for table in tables if len(table)]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=GAINS)


def _gains(board: pd.DataFrame, metric: str, model_id: str) -> pd.DataFrame:
    if board["mode"].nunique() < 2:
        return pd.DataFrame(columns=GAINS)
    sign = -1 if metric in LOWER_IS_BETTER else 1
    field, keys, _ = _field(board, sign)  # competitors in order: fine_tuned, zero_shot
    outlook = compare(field)
    kept = np.flatnonzero(np.isfinite(outlook.expected_regret).all(axis=1))
    tuned, untuned = outlook.value[kept].T
    gain = tuned - untuned
    seen = np.isfinite(field.observed[kept])
    down, up, level = _ends(board, keys[kept], seen, sign)
    lower, upper = gain - np.hypot(down[:, 0], up[:, 1]), gain + np.hypot(up[:, 0], down[:, 1])
    return pd.DataFrame(
        {
            "setting_key": keys[kept],
            "metric": metric,
            "model_id": model_id,
            "zero_shot": sign * untuned,
            "fine_tuned": sign * tuned,
            "basis": np.where(seen.all(axis=1), "observed", "predicted"),
            "gain": gain,
            "lower": lower,
            "upper": upper,
            "level": np.where(np.isfinite(lower + upper), level, np.nan),
            "probability_gain": outlook.probability_best[kept, 0],
        }
    )


def _field(board: pd.DataFrame, sign: int) -> tuple[Field, pd.Index, npt.NDArray[np.object_]]:
    """The rows as a field, its settings in order, its competitors (column `who`) in order.

    Where an interval of a competitor is absent, all its predictions count as equally sure.
    """
    predicted = sign * _wide(board, "predicted")
    lower, upper = _wide(board, "lower"), _wide(board, "upper")
    sides = (sign * predicted - lower).to_numpy(), (upper - sign * predicted).to_numpy()
    spread = np.maximum(*sides)  # the shorter side may be cut at 0 or 100
    spread[:, (predicted.notna().to_numpy() & ~(spread > 0)).any(axis=0)] = 1.0
    noise = (_wide(board, "observed_half_width") / NOISE_Z).fillna(0.0)
    languages = board.drop_duplicates("setting_key").set_index("setting_key")["board_language"]
    field = Field(
        predicted.to_numpy(),
        spread,
        (sign * _wide(board, "observed")).to_numpy(),
        noise.to_numpy(),
        languages.reindex(predicted.index).to_numpy(object),
    )
    return field, predicted.index, predicted.columns.to_numpy(object)


def _wide(board: pd.DataFrame, column: str) -> pd.DataFrame:
    """One column of the board: a row a setting, a column a competitor, both in order."""
    numbers = board.assign(value=board[column].astype(float))
    return numbers.pivot(index="setting_key", columns="who", values="value")


def _ends(
    board: pd.DataFrame, keys: pd.Index, seen: npt.NDArray[np.bool_], sign: int
) -> tuple[Floats, Floats, Floats]:
    """How far each score may lie below and above its value, and the level of that, 0-1.

    An observed score lies within its noise. Beside a prediction, noise that is unknown is left
    out; between two observed scores it makes the interval unknown.
    """
    predicted, half = _wide(board, "predicted"), _wide(board, "observed_half_width")
    level = _wide(board, "level").loc[keys].max(axis=1).to_numpy()
    both = np.asarray(seen.all(axis=1))
    level = np.where(both, 0.95, level)
    scale = special.ndtri((1 + level) / 2) / NOISE_Z
    noise = half.loc[keys].to_numpy() * scale[:, None]
    noise = np.where(~both[:, None] & np.isnan(noise), 0.0, noise)
    below = (predicted - _wide(board, "lower")).loc[keys].to_numpy()
    above = (_wide(board, "upper") - predicted).loc[keys].to_numpy()
    if sign < 0:
        below, above = above, below
    return np.where(seen, noise, below), np.where(seen, noise, above), level
