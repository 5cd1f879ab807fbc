"""A regressor that trusts itself less where it was not trained, and the plain proxy more.

Where it has seen the training or the test corpus of a setting it is its base. Where it has seen
neither, what the base learnt about the own zero-shot score and the corpora may not transfer: its
value is averaged with a plain one from the proxies alone, with the less weight the farther the
setting is from the training settings. The plain value is the best proxy's score as it stands; a
line through it where that errs by much less on training corpora held out, as in classification,
where a small proxy's accuracy is no estimate of a large model's. Which corpora are known is asked
of `settings`; without them, or with one training corpus, nothing can be held out and the base
stands alone. Weight and margin were chosen on mt560 split into two datasets in four ways.
"""

from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.model_selection import GroupKFold

from proxylm.errors import UsageError
from proxylm.predictor.regressors.contract import Explaining, Floats, Regressor
from proxylm.predictor.regressors.copy_best_proxy import CopyBestProxy
from proxylm.predictor.regressors.one_proxy_line import OneProxyLine
from proxylm.predictor.shift import Shift

PLAIN: dict[str, Callable[[Sequence[str]], Regressor]] = {
    "copy": CopyBestProxy,
    "line": OneProxyLine,
}
FOLDS = 5
"""Of training corpora, to choose the plain one by."""
MARGIN = 2 / 3
"""Of the copy's error, below which a line is trusted: a line may not transfer, a copy does."""


SIDES = ("train_corpus", "test_corpus")


def _corpora(settings: pd.DataFrame | None) -> list[str]:
    """The corpora seen on either side; none where no training corpus can be held out."""
    if settings is None or settings["train_corpus"].nunique() < 2:
        return []
    return sorted({corpus for side in SIDES for corpus in settings[side]})


class ShiftAware(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """`base`, a regressor's name, blended with a plain proxy's value for unseen corpora."""

    def __init__(
        self, line_columns: Sequence[str], base: str = "gp-and-trees", trust: float = 0.6
    ) -> None:
        self.line_columns = line_columns
        self.base = base
        self.trust = trust  # weight of the base on a new corpus whose settings look familiar

    def _make_base(self) -> Regressor:
        from proxylm.predictor.regressors import make  # the registry names this class

        return make(self.base, self.line_columns)

    def fit(
        self,
        X: pd.DataFrame,
        y: pd.Series,
        settings: pd.DataFrame | None = None,
        noise: pd.Series | None = None,
    ) -> Self:
        self.base_ = self._make_base().fit(X, y, settings, noise)
        self.corpora_ = _corpora(settings)
        self.plain_name_ = self._choose_plain(X, y, settings)
        self.plain_ = self._plain(self.plain_name_).fit(X, y)
        languages = pd.Index(settings["language"]) if settings is not None else X.index.astype(str)
        self.shift_ = Shift().fit(X, languages)
        self.familiar_ = float(np.quantile(self.shift_.distance(X), 0.9)) or 1.0
        return self

    def _plain(self, name: str) -> Regressor:
        return PLAIN[name](self.line_columns)

    def _choose_plain(self, X: pd.DataFrame, y: pd.Series, settings: pd.DataFrame | None) -> str:
        """The plain regressor with the least squared error over held-out training corpora."""
        if settings is None or not self.corpora_:
            return next(iter(PLAIN))
        errors = dict.fromkeys(PLAIN, 0.0)
        folds = GroupKFold(min(FOLDS, settings["train_corpus"].nunique()))
        for train, test in folds.split(X, groups=settings["train_corpus"]):
            for name in PLAIN:
                plain = self._plain(name).fit(X.iloc[train], y.iloc[train])
                errors[name] += float(((plain.predict(X.iloc[test]) - y.iloc[test]) ** 2).sum())
        return "line" if errors["line"] < MARGIN**2 * errors["copy"] else "copy"

    def weight(self, X: pd.DataFrame, settings: pd.DataFrame | None = None) -> Floats:
        """The weight, 0-1, of the base in each row's value."""
        if settings is None or not self.corpora_:
            return np.ones(len(X))
        known = settings[list(SIDES)].isin(self.corpora_).any(axis=1).to_numpy()
        near = self.familiar_ / np.maximum(self.shift_.distance(X), self.familiar_)
        return np.where(known, 1.0, self.trust * near)

    def predict(self, X: pd.DataFrame, settings: pd.DataFrame | None = None) -> Floats:
        weight = self.weight(X, settings)
        value = self.base_.predict(X, settings)
        return np.asarray(weight * value + (1 - weight) * self.plain_.predict(X), dtype=np.float64)

    def contributions(self, X: pd.DataFrame, settings: pd.DataFrame | None = None) -> pd.DataFrame:
        """Those of both, by their weights. UsageError where the base has none."""
        if not isinstance(self.base_, Explaining) or not isinstance(self.plain_, Explaining):
            raise UsageError(f"The regressor {self.base} cannot say what an input adds.")
        weight = self.weight(X, settings)
        trusted = self.base_.contributions(X, settings).mul(weight, axis=0)
        return trusted.add(self.plain_.contributions(X).mul(1 - weight, axis=0), fill_value=0.0)

    def get_state(self) -> dict[str, Any]:
        return {
            "base": self.base_.get_state(),
            "plain_name": self.plain_name_,
            "plain": self.plain_.get_state(),
            "shift": self.shift_.get_state(),
            "familiar": self.familiar_,
            "corpora": self.corpora_,
        }

    def set_state(self, state: dict[str, Any]) -> Self:
        self.base_ = self._make_base().set_state(state["base"])
        self.plain_name_ = state["plain_name"]
        self.plain_ = self._plain(self.plain_name_).set_state(state["plain"])
        self.shift_ = Shift().set_state(state["shift"])
        self.familiar_, self.corpora_ = float(state["familiar"]), state["corpora"]
        return self
