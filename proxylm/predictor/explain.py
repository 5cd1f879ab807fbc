"""Why a prediction is what it is: what each input adds, and the nearest settings that are known.

Contributions are the regressor's own (`contributions`, see `regressors.contract`) and add up to
its prediction. What the observed scores of the language change, and what is cut at the ends of the
metric, stand beside them, so that the whole adds up to the number on the board. This module knows
no regressor.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from proxylm.errors import InputError
from proxylm.predictor.inputs import Inputs
from proxylm.predictor.regressors import Explaining
from proxylm.predictor.store import Predictor
from proxylm.predictor.train import predict_rows

KINDS = {
    "proxy": "score of a proxy",
    "own": "the model's own zero-shot score",
    "mean": "mean of a proxy over settings on the same side",
    "difference": "difference of two scores",
    "feature": "feature of text or languages",
    "fact": "fact about languages or models",
    "setting": "the setting itself",
    "near": "likeness of the setting to known ones",
    "effect": "what settings that share this have in common",
}


class Explanation(NamedTuple):
    """One prediction taken apart, in the metric's units."""

    contributions: pd.DataFrame  # input, kind, value, contribution; the largest first
    base: float  # what is predicted when nothing is known
    sharpened: float  # what the observed scores of the language and fine-tuning add
    cut: float  # what the ends of the metric take away
    prediction: pd.Series  # as of `Predictor.predict`; base and all the rest add up to `value`
    missing: tuple[str, ...]  # inputs that are absent
    nearest: pd.DataFrame  # known settings: setting_key, languages, corpora, distance, observed


def explain(predictor: Predictor, inputs: Inputs, setting_key: str, n: int = 5) -> Explanation:
    """The prediction of one setting of `inputs` taken apart, with its `n` nearest known settings.

    Raises InputError where the predictor abstains, with its reason, or where its regressor cannot
    say what an input adds.
    """
    row = inputs.take(inputs.X.index == setting_key)
    said = predict_rows(predictor, row).iloc[0]
    if said["status"] == "abstained":
        raise InputError(f"There is no prediction to explain: {said['reason']}.")
    if not isinstance(predictor.regressor, Explaining):
        name = predictor.signature["regressor"]
        raise InputError(f"The regressor {name} cannot say what an input adds.")
    X = row.X.reindex(columns=predictor.columns).astype(float)
    parts = predictor.regressor.contributions(X, row.settings).iloc[0]
    base = float(parts.pop("base"))
    values = X.iloc[0].reindex(parts.index)
    kinds = [KINDS.get(name.partition(":")[0], "the setting itself") for name in parts.index]
    table = pd.DataFrame(
        {
            "input": parts.index.str.partition(":").get_level_values(2),
            "kind": kinds,
            "value": values.to_numpy(),
            "contribution": parts.to_numpy(),
        }
    )
    order = table["contribution"].abs().sort_values(ascending=False, kind="stable").index
    told = base + float(parts.sum())
    shift = 0.0
    if predictor.known is not None:
        shift = float(predictor.known.about(row.settings).mean[0])
    return Explanation(
        table.loc[order].reset_index(drop=True),
        base,
        shift,
        float(said["value"]) - told - shift,
        said,
        tuple(X.columns[X.iloc[0].isna()]),
        nearest(inputs, setting_key, predictor.columns, n),
    )


def nearest(inputs: Inputs, setting_key: str, columns: list[str], n: int = 5) -> pd.DataFrame:
    """The observed settings whose inputs are nearest, the setting itself left out.

    The distance is the root mean square, over the inputs that both have, of the differences in
    standard deviations of the training rows.
    """
    training = inputs.training()
    others = training.X.index != setting_key
    known = training.X.reindex(columns=columns).astype(float)
    own = inputs.X.loc[setting_key].reindex(columns).to_numpy(float)
    spread = known.std(ddof=0).replace(0.0, np.nan).to_numpy()
    apart = ((known.to_numpy() - own) / spread) ** 2
    shared = np.isfinite(apart)
    total = np.where(shared, apart, 0.0).sum(axis=1)
    distance = np.sqrt(total / np.maximum(shared.sum(axis=1), 1))
    distance[~shared.any(axis=1)] = np.inf
    sides = ["source_lang", "target_lang", "train_corpus", "train_size", "test_corpus"]
    table = training.settings[sides].assign(distance=distance, observed=training.y)
    table = table[others].sort_values("distance", kind="stable").head(n)
    return table.rename_axis("setting_key").reset_index()
