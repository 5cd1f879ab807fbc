"""How large an error to expect of a prediction, from what is known when it is made.

Boosted trees on the absolute errors of held-out languages: errors differ by a factor of ten between
a sure setting and an unsure one, and intervals that follow them are narrower at equal coverage. The
trees see the regressor's inputs, its value, how far the value is from each score, mean and
difference in the predicted metric, what fine-tuning did to each proxy, and which side the new
language is on. A row weighs the less the more its language has. This module
knows neither levels nor intervals; what it says need not be right on the whole, only in proportion.
"""

from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from proxylm.identity import digest
from proxylm.predictor.trees import lightgbm

Floats = npt.NDArray[np.float64]

N_FOLDS = 10
"""Parts into which languages are cut: 56 small fits for intervals of all levels."""

N_TREES = 100

MINIMUM_ROWS = 20
"""Errors below which all are expected to be alike."""

LEAST_SHARE = 0.5
"""Of the median error, added to every expected error: nothing is certain."""

PARAMETERS = {
    "objective": "regression",
    "learning_rate": 0.07,
    "num_leaves": 15,
    "extra_trees": True,  # smoother: which language decides the multiplier depends less on luck
    "feature_fraction": 0.5,
    "lambda_l2": 5.0,
    "max_bin": 63,
    "seed": 42,
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
    "verbose": -1,
}


def describe(
    X: pd.DataFrame,
    values: Floats,
    metric: str,
    new_is_target: npt.NDArray[np.bool_] | None = None,
) -> pd.DataFrame:
    """What the size of an error is expected from, a row a prediction.

    `values` are predictions for the rows of `X`, `new_is_target` says where the language that was
    not trained on is the target; by default where the board's language is.
    """
    if new_is_target is None:
        new_is_target = ~X.get("setting:into_english", pd.Series(0.0, X.index)).eq(1).to_numpy()
    scores = [name for name in map(str, X) if ":" in name and name.endswith(f"/{metric}")]
    gaps = {f"gap:{name}": values - X[name].to_numpy() for name in scores}
    for name in scores:
        untuned = name.replace("/fine_tuned/", "/zero_shot/")
        if name.startswith("proxy:") and untuned != name and untuned in X:
            gaps[f"gain:{name}"] = (X[name] - X[untuned]).to_numpy()
    of_models = [name for name in scores if name.startswith(("proxy:", "own:"))]
    said = {
        "value": values,
        "new_is_target": new_is_target.astype(float),
        "spread": X[of_models].std(axis=1).to_numpy(),
    }
    return pd.concat([X, pd.DataFrame(said | gaps, index=X.index)], axis=1).astype(float)


class ErrorScale:
    """Expected absolute error; `fit` before `predict`."""

    booster_: lightgbm.Booster | None
    least_: float

    def fit(self, described: pd.DataFrame, errors: pd.Series) -> Self:
        """Fit on `describe`d rows and their absolute errors, indexed by language.

        The order of the rows makes no difference.
        """
        size, numbers = errors.to_numpy(float), described.to_numpy()
        order = np.lexsort((*numbers.T, size, errors.index.to_numpy(str)))
        size, numbers, language = size[order], numbers[order], errors.index[order]
        self.booster_ = None
        self.least_ = LEAST_SHARE * float(np.median(size)) if len(size) else 0.0
        self.least_ = self.least_ or 1.0  # all errors 0: any scale will do
        if len(size) < MINIMUM_ROWS:
            return self
        weight = language.value_counts()[language].to_numpy(float) ** -0.5
        parameters = PARAMETERS | {"min_child_samples": min(30, max(3, len(size) // 10))}
        data = lightgbm.Dataset(numbers, size, weight=weight / weight.mean(), params=parameters)
        self.booster_ = lightgbm.train(parameters, data, N_TREES)
        return self

    def predict(self, described: pd.DataFrame) -> Floats:
        """Expected absolute error of each row, in the metric's units, above 0."""
        if self.booster_ is None or not len(described):
            return np.full(len(described), self.least_)
        expected = self.booster_.predict(described.to_numpy(), num_threads=1)
        return np.maximum(np.asarray(expected, dtype=np.float64), 0) + self.least_

    def get_state(self) -> dict[str, Any]:
        """What fitting found, as JSON values."""
        booster = self.booster_.model_to_string() if self.booster_ else None
        return {"booster": booster, "least": self.least_}

    def set_state(self, state: dict[str, Any]) -> Self:
        """As if fitted."""
        booster = state["booster"]
        self.booster_ = lightgbm.Booster(model_str=booster) if booster else None
        self.least_ = float(state["least"])
        return self


def fold_of_languages(languages: pd.Index, n_folds: int = N_FOLDS) -> pd.Series:
    """The fold, 0 to `n_folds` - 1, of each distinct language: the same for the same languages."""
    names = sorted(languages.unique(), key=digest)
    return pd.Series(np.arange(len(names)) % min(n_folds, len(names)), names)


class CrossFitted(NamedTuple):
    """Expected errors of rows by models that saw neither the row's language nor a second one."""

    fold: npt.NDArray[np.intp]  # of each row's language
    own: Floats  # each row by the model without its own fold
    without: list[Floats]  # by fold: each row by the model without its own fold and without that


def cross_fit(described: pd.DataFrame, errors: pd.Series) -> CrossFitted:
    """Expected errors such that a language has no part in its own interval.

    For a language of fold k, `own` is the scale of its rows, and `without[k]` that of the rows of
    all others, from models that never saw a language of fold k. At least three languages.
    """
    fold = fold_of_languages(errors.index)[errors.index].to_numpy(np.intp)
    n_folds = int(fold.max()) + 1
    without = [np.empty(len(fold)) for _ in range(n_folds)]
    for first in range(n_folds):
        for second in range(first, n_folds):
            train = (fold != first) & (fold != second)
            scale = ErrorScale().fit(described[train], errors[train])
            for outer, inner in {(first, second), (second, first)}:
                rows = fold == inner
                without[outer][rows] = scale.predict(described[rows])
    own = np.stack(without)[fold, np.arange(len(fold))]
    return CrossFitted(fold, own, without)
