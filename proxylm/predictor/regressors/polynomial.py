"""The paper's polynomial regressor: an elastic net over the powers of its inputs, no products.

As published (davidanugraha/proxylm, `poly_regressor.py`): each column and its powers up to
`degree`, standardised, elastic net with alpha 0.1 and l1_ratio 0.9. The strong penalty on a 0-1
scale makes it useless for COMET, there as here. It has no limit: far from training it explodes.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.linear_model import ElasticNet

from proxylm.predictor.regressors.columns import paper_columns
from proxylm.predictor.regressors.contract import Floats
from proxylm.predictor.regressors.linear import Linear


class Polynomial(Linear):
    """An elastic net over the powers of the paper's inputs."""

    def __init__(
        self,
        line_columns: Sequence[str],
        degree: int = 2,
        alpha: float = 0.1,
        l1_ratio: float = 0.9,
    ) -> None:
        super().__init__(line_columns)
        self.degree = degree
        self.alpha = alpha
        self.l1_ratio = l1_ratio

    def choose(self, X: pd.DataFrame) -> list[str]:
        return paper_columns(X, self.line_columns)

    def expand(self, values: Floats) -> Floats:
        return np.hstack([values**power for power in range(1, self.degree + 1)])

    def estimator(self) -> Any:
        return ElasticNet(alpha=self.alpha, l1_ratio=self.l1_ratio, max_iter=2000)
