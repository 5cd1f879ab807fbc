"""How often each item occurs in a text, for texts of any size.

An item is a 64-bit number: a character trigram as it is, a word by its hash (two of ten million
words share one with a chance of 1 in 400,000). Counts of parts of a text add up to those of the
whole, and two texts are compared without going back to their lines. It knows no text.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial.distance import cosine
from scipy.stats import entropy

_PENDING = 2_000_000
"""Items that a `Counter` keeps before it adds them up, 24 bytes each."""

Keys = npt.NDArray[np.uint64]
Numbers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Counts:
    """Distinct items in ascending order, how often each occurs, and in how many lines."""

    keys: Keys
    totals: Numbers
    lines: Numbers

    def __len__(self) -> int:
        return len(self.keys)


class Counter:
    """Adds up the counts of the parts of a text."""

    def __init__(self) -> None:
        self._parts: list[Counts] = []
        self._pending = 0

    def add(self, keys: Keys, totals: Numbers, lines: Numbers) -> None:
        """Count a part, in which an item may stand more than once."""
        self._parts.append(Counts(keys, totals, lines))
        self._pending += len(keys)
        if self._pending > max(_PENDING, len(self._parts[0])):
            self.counts()

    def counts(self) -> Counts:
        """The counts of all parts so far."""
        keys, place = np.unique(
            np.concatenate([part.keys for part in self._parts] or [np.empty(0, np.uint64)]),
            return_inverse=True,
        )
        totals, lines = (
            np.bincount(
                place,
                weights=np.concatenate([getattr(part, name) for part in self._parts] or [[]]),
                minlength=len(keys),
            ).astype(np.int64)
            for name in ("totals", "lines")
        )
        self._parts, self._pending = [Counts(keys, totals, lines)], 0
        return self._parts[0]


@dataclass(frozen=True)
class Aligned:
    """The counts of two texts over the items of either."""

    totals: tuple[Floats, Floats]
    lines: tuple[Floats, Floats]
    shared: int  # items that both have

    @classmethod
    def of(cls, one: Counts, other: Counts) -> "Aligned":
        """The counts of two texts, neither of them empty."""
        keys = np.union1d(one.keys, other.keys)
        totals: list[Floats] = []
        lines: list[Floats] = []
        for counts in (one, other):
            place = np.searchsorted(keys, counts.keys)
            for found, values in ((totals, counts.totals), (lines, counts.lines)):
                spread = np.zeros(len(keys))
                spread[place] = values
                found.append(spread)
        shared = len(one) + len(other) - len(keys)
        return cls((totals[0], totals[1]), (lines[0], lines[1]), shared)

    def divergence(self) -> float:
        """Jensen-Shannon divergence of the two distributions, base 2: 0 (equal) to 1."""
        p, q = (total / total.sum() for total in self.totals)
        # From entropies: scipy's jensenshannon is NaN where rounding makes it negative.
        apart = entropy((p + q) / 2, base=2) - (entropy(p, base=2) + entropy(q, base=2)) / 2
        return min(1.0, max(0.0, float(apart)))

    def tf_idf_distance(self, n_lines: int) -> float:
        """Cosine distance of the texts' tf-idf vectors, 0 to 1.

        The weight of an item is its count times 1 + ln((1 + n) / (1 + m)), where m of the `n_lines`
        lines of both texts have it: scikit-learn's smooth idf. A text is the sum of its lines.
        """
        weight = 1 + np.log((1 + n_lines) / (1 + self.lines[0] + self.lines[1]))
        return min(1.0, max(0.0, float(cosine(*(total * weight for total in self.totals)))))
