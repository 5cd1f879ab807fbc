"""Scores with their uncertainty and the signature of what could change them.

Accuracy only, for now: the metric of intent classification. It knows no models and no files.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

Z_95 = 1.959963984540054
"""Standard normal quantile of a two-sided 95 % interval."""


class Measurement(NamedTuple):
    """One metric of one list of hypotheses."""

    metric: str
    value: float  # 0-100
    half_width: float  # 95 %, in the metric's units
    half_width_method: str
    n_segments: int
    signature: str


def accuracy(hypotheses: Sequence[str], references: Sequence[str]) -> Measurement:
    """Share of equal labels, 0-100, with the half-width of Wilson's 95 % interval.

    Raises ValueError for lists that are empty or of different length.
    """
    if len(hypotheses) != len(references) or not references:
        raise ValueError(
            f"{len(hypotheses)} hypotheses for {len(references)} references: nothing to score"
        )
    n = len(references)
    correct = sum(h == r for h, r in zip(hypotheses, references, strict=True))
    return Measurement(
        metric="accuracy",
        value=100 * correct / n,
        half_width=100 * wilson_half_width(correct, n),
        half_width_method="wilson",
        n_segments=n,
        signature=f"accuracy|n:{n}|v:1",
    )


def wilson_half_width(correct: int, n: int) -> float:
    """Half the width of Wilson's 95 % interval of a proportion, 0-1 (Wilson 1927).

    The interval's centre is pulled towards 1/2 and is not the score itself; unlike the normal
    approximation the width does not vanish at 0 or `n` correct answers.
    """
    p = correct / n
    spread = math.sqrt(p * (1 - p) / n + Z_95**2 / (4 * n**2))
    return Z_95 / (1 + Z_95**2 / n) * spread
