"""Which inputs a regressor uses, for those that do not use all of them."""

from collections.abc import Sequence

import pandas as pd


def paper_columns(X: pd.DataFrame, line_columns: Sequence[str]) -> list[str]:
    """The columns of `X` that the paper's regressors see, those without variation left out.

    Scores in the predicted metric alone, the features of data and languages, and the training
    size; no means of scores, no other metric, no facts.
    """
    seen = {*line_columns, "setting:train_size"}
    names = [name for name in map(str, X) if name in seen or name.startswith("feature:")]
    return [name for name in names if X[name].nunique() > 1]
