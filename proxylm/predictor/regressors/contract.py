"""What a regressor can do: the scikit-learn contract, with what else is known about the rows.

A regressor can give its state as JSON values and take it back, so that a fitted one is stored
without pickle. It does not know what a protocol or a file is. Most use `X` alone; `settings` and
`noise` are for those that model languages and corpora as such or weigh what is known of the noise.
"""

from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]


class Regressor(Protocol):
    """What a registered regressor can do."""

    def fit(
        self,
        X: pd.DataFrame,
        y: pd.Series,
        settings: pd.DataFrame | None = None,
        noise: pd.Series | None = None,
    ) -> Self:
        """Fit on the rows of `X`, NaN where an input is absent, and their scores `y`.

        `settings` has the same rows: languages, corpora, run_group and `language`, the board's.
        `noise` is the known standard error of `y` in its units, NaN where unknown.
        """

    def predict(self, X: pd.DataFrame, settings: pd.DataFrame | None = None) -> Floats:
        """One value a row of `X`, in the units of `y`."""

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """What the constructor was given."""

    def set_params(self, **params: Any) -> Any:
        """Change what the constructor was given."""

    def get_state(self) -> dict[str, Any]:
        """What fitting found, as JSON values."""

    def set_state(self, state: dict[str, Any]) -> Self:
        """As if fitted; the parameters are those of the constructor."""


@runtime_checkable
class WithSpread(Regressor, Protocol):
    """A regressor that also knows how sure it is."""

    def predict_std(self, X: pd.DataFrame, settings: pd.DataFrame | None = None) -> Floats:
        """Standard deviation of each prediction, in the units of `y`."""


@runtime_checkable
class Explaining(Regressor, Protocol):
    """A regressor that can say what each input adds."""

    def contributions(self, X: pd.DataFrame, settings: pd.DataFrame | None = None) -> pd.DataFrame:
        """What each column of `X` adds to each prediction, and `base`, where nothing is known.

        In the units of `y`, with the index of `X`; a row adds up to its prediction. What is not a
        column of `X` has a name of its own.
        """
