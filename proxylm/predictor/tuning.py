"""A search for a regressor's parameters inside the rows it is fitted on.

The search holds out languages, since that is what a predictor is used for: rows of one language
err together, and folds over rows would choose what remembers them. It sees nothing but the
training rows it is given. The defaults need no search; this is for those who want to try. Needs
the extra `tune`.
"""

from typing import Any

import numpy as np
from sklearn.model_selection import GroupKFold

from proxylm.errors import InputError, UsageError
from proxylm.predictor.inputs import Inputs
from proxylm.predictor.regressors import make

Range = tuple[float, float, bool]

SPACES: dict[str, dict[str, Range]] = {
    "lightgbm": {
        "alpha": (1.0, 100.0, True),
        "n_trees": (50, 600, True),
        "learning_rate": (0.02, 0.2, True),
        "num_leaves": (4, 48, True),
        "feature_fraction": (0.2, 1.0, False),
    },
    "lightgbm-paper-fixed": {"learning_rate": (0.03, 0.3, True), "num_leaves": (8, 64, True)},
    "xgboost": {"n_trees": (250, 2500, True), "learning_rate": (0.01, 0.1, True)},
    "ridge": {"alpha": (1.0, 10_000.0, True)},
    "poly2": {"alpha": (0.001, 1.0, True), "l1_ratio": (0.1, 1.0, False)},
    "poly3": {"alpha": (0.001, 1.0, True), "l1_ratio": (0.1, 1.0, False)},
    "mf": {
        "rank": (1, 8, False),
        "alpha_side": (1.0, 100.0, True),
        "alpha_factors": (1.0, 100.0, True),
    },
    "cpp": {"n_factors": (1, 8, False), "alpha": (0.001, 1.0, True), "n_epochs": (20, 120, False)},
}
"""Regressor to parameter: least, largest, whether on a logarithmic scale. Whole if both ends are
`int`."""

N_FOLDS = 4


def tuned(name: str, rows: Inputs, n_trials: int, seed: int = 42) -> dict[str, Any]:
    """The parameters with the least error over languages held out of `rows`, of `n_trials` tried.

    The defaults are the first trial, so that a search is never worse than none on its own folds.
    Empty for a regressor that has nothing to choose. Raises UsageError without optuna, InputError
    where `rows` have too few languages to hold any out.
    """
    if name not in SPACES:
        return {}
    try:
        import optuna
    except ImportError:
        raise UsageError(
            "--tune needs the package optuna: pip install 'proxylm-ops[tune]'."
        ) from None
    languages = rows.settings["language"].to_numpy()
    n_languages = len(set(languages))
    if n_languages < 2:
        raise InputError("--tune holds out languages and the training rows have one. Leave it out.")
    folds = list(GroupKFold(min(N_FOLDS, n_languages)).split(languages, groups=languages))
    defaults = make(name, rows.line_columns).get_params()
    space = SPACES[name]

    def error(trial: Any) -> float:
        chosen = {
            key: trial.suggest_int(key, int(low), int(high), log=log)
            if isinstance(low, int)
            else trial.suggest_float(key, low, high, log=log)
            for key, (low, high, log) in space.items()
        }
        squared = np.zeros(len(languages))
        for train, test in folds:
            part = rows.take(np.isin(np.arange(len(languages)), train))
            model = make(name, rows.line_columns, **chosen)
            model.fit(part.X, part.y, part.settings, part.half_width / 1.96)
            said = model.predict(rows.X.iloc[test], rows.settings.iloc[test])
            squared[test] = (said - rows.y.iloc[test].to_numpy()) ** 2
        by_language = [squared[languages == language].mean() for language in sorted(set(languages))]
        return float(np.mean(np.sqrt(by_language)))

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    study.enqueue_trial({key: defaults[key] for key in space})
    study.optimize(error, n_trials=n_trials)
    return dict(study.best_params)
