"""Texts that are nearly the same: MinHash proposes them, their true similarity decides.

Similarity is Jaccard's over the sets of character 5-grams of the two texts, case and spacing
aside; it works in every script and needs no words. Lee et al. (2022, arXiv 2107.06499) find and
judge near duplicates in the same two steps.
"""

import unicodedata
import zlib
from collections.abc import Sequence
from typing import NamedTuple

from datasketch import MinHash, MinHashLSH

THRESHOLD = 0.7
"""Similarity from which on two texts are nearly the same."""

LARGEST = 100_000
"""Texts of one list that are looked at. Lists are in the order of their hashes: a random sample."""

_GRAM = 5
_LONGEST = 2_000  # letters of a text that count
_BANDS, _ROWS = 32, 4  # propose a pair of similarity 0.7 with probability 0.9998


class Match(NamedTuple):
    """A text and the first text of the index that it nearly repeats."""

    text: int  # index of the text that was looked up
    known: int  # index of the text in the index
    similarity: float


class Index:
    """Texts to look others up in."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._grams = [_grams(text) for text in texts[:LARGEST]]
        self._lsh = MinHashLSH(num_perm=_BANDS * _ROWS, params=(_BANDS, _ROWS))
        for number, sketch in enumerate(_sketches(self._grams)):
            self._lsh.insert(number, sketch)

    def matches(self, texts: Sequence[str]) -> list[Match]:
        """The texts that nearly repeat one of the index, each with the nearest one."""
        grams = [_grams(text) for text in texts[:LARGEST]]
        found = []
        for index, sketch in enumerate(_sketches(grams)):
            proposed = [
                (_jaccard(grams[index], self._grams[known]), -known)
                for known in self._lsh.query(sketch)
            ]
            similarity, known = max(proposed, default=(0.0, 0))
            if similarity >= THRESHOLD:
                found.append(Match(index, -known, similarity))
        return found


def _grams(text: str) -> frozenset[str]:
    plain = " ".join(unicodedata.normalize("NFKC", text[:_LONGEST]).casefold().split())
    return frozenset(plain[i : i + _GRAM] for i in range(max(1, len(plain) - _GRAM + 1)))


def _jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared)


def _sketches(grams: Sequence[frozenset[str]]) -> list[MinHash]:
    # CRC-32 instead of SHA-1: twice as fast, and a collision only proposes a pair too many.
    return list(
        MinHash.bulk(
            ([gram.encode("utf-8", "surrogatepass") for gram in each] for each in grams),
            num_perm=_BANDS * _ROWS,
            hashfunc=zlib.crc32,
        )
    )
