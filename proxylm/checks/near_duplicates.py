"""Texts that are nearly the same: MinHash proposes them, their true similarity decides.

Similarity is Jaccard's over the sets of character 5-grams of the two texts, case and spacing
aside; it works in every script and needs no words. Lee et al. (2022, arXiv 2107.06499) find and
judge near duplicates in the same two steps.
"""

import unicodedata
import zlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from datasketch import MinHash, MinHashLSH

THRESHOLD = 0.7
"""Similarity from which on two texts are nearly the same."""

LARGEST = 100_000
"""Texts of one list that are looked at. Lists are in the order of their hashes: a random sample."""

_GRAM = 5
_LONGEST = 2_000  # letters of a text that count
_AT_A_TIME = 1_000
_BANDS, _ROWS = 32, 4  # propose a pair of similarity 0.7 with probability 0.9998


class Match(NamedTuple):
    """A text and the first text of the index that it nearly repeats."""

    text: int  # index of the text that was looked up
    known: int  # index of the text in the index
    similarity: float


class Index:
    """A few texts to look many others up in."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = texts[:LARGEST]
        self._lsh = MinHashLSH(num_perm=_BANDS * _ROWS, params=(_BANDS, _ROWS))
        for known, (_, sketch) in enumerate(_sketched(self._texts)):
            self._lsh.insert(known, sketch)

    def matches(self, texts: Sequence[str]) -> list[Match]:
        """Every pair of one of `texts` and one of the index that are nearly the same."""
        found = []
        for number, (grams, sketch) in enumerate(_sketched(texts[:LARGEST])):
            for known in sorted(self._lsh.query(sketch)):
                similarity = _jaccard(grams, _grams(self._texts[known]))
                if similarity >= THRESHOLD:
                    found.append(Match(number, known, similarity))
        return found


def _grams(text: str) -> frozenset[str]:
    plain = " ".join(unicodedata.normalize("NFKC", text[:_LONGEST]).casefold().split())
    return frozenset(plain[i : i + _GRAM] for i in range(max(1, len(plain) - _GRAM + 1)))


def _jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared)


def _sketched(texts: Sequence[str]) -> Iterator[tuple[frozenset[str], MinHash]]:
    """5-grams and sketch of each text, some texts at a time to bound the memory."""
    for start in range(0, len(texts), _AT_A_TIME):
        grams = [_grams(text) for text in texts[start : start + _AT_A_TIME]]
        encoded = [[gram.encode("utf-8", "surrogatepass") for gram in each] for each in grams]
        # CRC-32 instead of SHA-1: twice as fast, and a collision only proposes a pair too many.
        sketches = MinHash.bulk(encoded, num_perm=_BANDS * _ROWS, hashfunc=zlib.crc32)
        yield from zip(grams, sketches, strict=True)
