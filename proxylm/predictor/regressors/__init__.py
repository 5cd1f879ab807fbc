"""The regressors by name, one file each; `contract` says what they have in common."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from proxylm.errors import UsageError
from proxylm.predictor.regressors.bayes import BayesianLinear
from proxylm.predictor.regressors.collaborative import CollaborativePrediction
from proxylm.predictor.regressors.contract import Explaining, Floats, Regressor, WithSpread
from proxylm.predictor.regressors.copy_best_proxy import CopyBestProxy
from proxylm.predictor.regressors.gp import GaussianProcess
from proxylm.predictor.regressors.gp_and_trees import GaussianProcessAndTrees
from proxylm.predictor.regressors.language_effects import LanguageEffects
from proxylm.predictor.regressors.matrix_factorisation import MatrixFactorisation
from proxylm.predictor.regressors.one_proxy_line import OneProxyLine
from proxylm.predictor.regressors.paper_lightgbm import PaperLightGBM
from proxylm.predictor.regressors.paper_xgboost import PaperXGBoost
from proxylm.predictor.regressors.polynomial import Polynomial
from proxylm.predictor.regressors.ridge import RidgeOverAll
from proxylm.predictor.regressors.ridge_and_trees import RidgeAndTrees
from proxylm.predictor.regressors.shift_aware import ShiftAware
from proxylm.predictor.regressors.train_mean import TrainMean

__all__ = ["REGRESSORS", "Explaining", "Floats", "Regressor", "WithSpread", "check_name", "make"]

REGRESSORS: dict[str, Callable[[Sequence[str]], Regressor]] = {
    "proxylm-ops": partial(ShiftAware, base="gp-and-trees"),
    "gp-and-trees": GaussianProcessAndTrees,
    "gp": GaussianProcess,
    "lightgbm": RidgeAndTrees,
    "lightgbm-shift-aware": partial(ShiftAware, base="lightgbm"),
    "lightgbm-paper": PaperLightGBM,
    "lightgbm-paper-fixed": partial(PaperLightGBM, search=False),
    "xgboost": PaperXGBoost,
    "poly2": Polynomial,
    "poly3": partial(Polynomial, degree=3),
    "ridge": RidgeOverAll,
    "bayes": BayesianLinear,
    "mf": MatrixFactorisation,
    "cpp": CollaborativePrediction,
    "copy-best-proxy": CopyBestProxy,
    "one-proxy-line": OneProxyLine,
    "language-effects": lambda line_columns: LanguageEffects(),
    "train-mean": lambda line_columns: TrainMean(),
}
"""Name to what makes the regressor from the score columns in the predicted metric."""


def make(name: str, line_columns: Sequence[str], **parameters: Any) -> Regressor:
    """A new, unfitted regressor, with `parameters` instead of its defaults.

    Raises UsageError for an unknown name.
    """
    check_name(name)
    regressor = REGRESSORS[name](line_columns)
    regressor.set_params(**parameters)
    return regressor


def check_name(name: str) -> None:
    """Raises UsageError, naming those there are, where no regressor is called so."""
    if name not in REGRESSORS:
        raise UsageError(f"No regressor is called {name!r}. There are: {', '.join(REGRESSORS)}.")
