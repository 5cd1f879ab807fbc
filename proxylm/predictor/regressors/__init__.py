"""The regressors by name, one file each; `contract` says what they have in common."""

from collections.abc import Callable, Sequence
from typing import Any

from proxylm.errors import UsageError
from proxylm.predictor.regressors.contract import Floats, Regressor, WithSpread
from proxylm.predictor.regressors.one_proxy_line import OneProxyLine
from proxylm.predictor.regressors.ridge_and_trees import RidgeAndTrees
from proxylm.predictor.regressors.train_mean import TrainMean

__all__ = ["REGRESSORS", "Floats", "Regressor", "WithSpread", "make"]

REGRESSORS: dict[str, Callable[[Sequence[str]], Regressor]] = {
    "lightgbm": RidgeAndTrees,
    "one-proxy-line": OneProxyLine,
    "train-mean": lambda line_columns: TrainMean(),
}
"""Name to what makes the regressor from the score columns in the predicted metric."""


def make(name: str, line_columns: Sequence[str], **parameters: Any) -> Regressor:
    """A new, unfitted regressor, with `parameters` instead of its defaults.

    Raises UsageError for an unknown name.
    """
    if name not in REGRESSORS:
        raise UsageError(f"No regressor is called {name!r}. There are: {', '.join(REGRESSORS)}.")
    regressor = REGRESSORS[name](line_columns)
    regressor.set_params(**parameters)
    return regressor
