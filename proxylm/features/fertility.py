"""How a model's tokeniser takes a text: tokens per word, and how many of them are unknown.

A tokeniser that cuts a language into many pieces, or does not know its characters, tells of a
model that hardly saw it (Rust et al. 2021). Tokenisers of models are in
`proxylm/evaluation/sentence_encoder.py`. This module knows no model.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from proxylm.features.dataset import TextStatistics

SAMPLE_LINES = 1000
"""Of a text, as many of its first lines are looked at."""


Tokens = tuple[int, int | None]
"""How many tokens some lines have, and how many of them are unknown; None if nothing can be, or
the tokeniser does not tell."""


class Tokenizer(Protocol):
    """A model's tokeniser."""

    @property
    def name(self) -> str:
        """As in the features' names: `test_fertility:<name>`."""

    @property
    def signature(self) -> str:
        """Model and revision."""

    def count(self, lines: Sequence[str]) -> Tokens | None:
        """The tokens of some lines, without those that mark their ends; None if it is unusable."""


class Bytes:
    """The bytes of UTF-8, of which nothing is unknown: byte-level models read these."""

    name = "bytes"
    signature = "bytes"

    def count(self, lines: Sequence[str]) -> Tokens:
        """The bytes of some lines."""
        return sum(len(line.encode()) for line in lines), None


class Fertility(NamedTuple):
    """What one tokeniser makes of one text."""

    tokens_per_word: float
    unknown_rate: float | None  # unknown tokens per token, 0 to 1; None as in `Tokens`


def fertility(tokenizer: Tokenizer, lines: Sequence[str]) -> Fertility | None:
    """Of the first `SAMPLE_LINES` lines; None where they have no word or no token."""
    sample = lines[:SAMPLE_LINES]
    n_words = TextStatistics.of(sample).n_words
    tokens = tokenizer.count(sample)
    if tokens is None or not (n_words and tokens[0]):
        return None
    total, unknown = tokens
    return Fertility(total / n_words, None if unknown is None else unknown / total)
