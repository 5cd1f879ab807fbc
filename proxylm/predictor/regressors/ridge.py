"""Ridge regression over all inputs. It knows no interaction and no curve."""

from collections.abc import Sequence
from typing import Any

from sklearn.linear_model import Ridge

from proxylm.predictor.regressors.linear import Linear


class RidgeOverAll(Linear):
    """Ridge over the standardised inputs."""

    def __init__(self, line_columns: Sequence[str], alpha: float = 100.0) -> None:
        super().__init__(line_columns)
        self.alpha = alpha

    def estimator(self) -> Any:
        return Ridge(self.alpha)
