"""How alike a training text and a test text are: the dataset features of the ProxyLM paper.

Names are the paper's and those of the published files; definitions follow NLPerf (Xia et al.
2020). The published values were in effect computed on characters; these are computed on words,
so the two must not be mixed in one fit.

A word is a case-folded run of letters, marks, digits and apostrophes. Scripts written without
spaces (Han, kana, Thai, Lao, Khmer, Burmese) count each character, with its marks, as a word. A
later issue brings proper segmentation. This module knows no languages and no labels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import regex  # type: ignore[import-untyped, unused-ignore]
from scipy.sparse import csr_matrix, vstack
from scipy.spatial.distance import cosine
from scipy.stats import entropy
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer

from proxylm.errors import InputError

_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_WORD = regex.compile(
    rf"[{_UNSPACED}&&[\p{{L}}\p{{N}}]]\p{{M}}*"
    rf"|[[\p{{L}}\p{{N}}]--[{_UNSPACED}]](?:[[\p{{L}}\p{{M}}\p{{N}}'’\u200c\u200d]--[{_UNSPACED}]])*",
    regex.VERSION1,
)


def words(line: str) -> list[str]:
    """The words of a line, case-folded, in their order."""
    return [word.rstrip("'’") for word in _WORD.findall(line.casefold())]


@dataclass(frozen=True)
class Counts:
    """How often each item occurs in each line."""

    items: tuple[str, ...]
    by_line: csr_matrix  # lines x items

    @property
    def totals(self) -> npt.NDArray[np.float64]:
        """Occurrences of each item in the whole text."""
        return np.asarray(self.by_line.sum(axis=0), dtype=np.float64).ravel()


@dataclass(frozen=True)
class TextStatistics:
    """What `pair_features` needs of one text; computed once, used in every pair."""

    n_lines: int
    n_words: int  # running words
    word_counts: Counts
    trigram_counts: Counts  # characters of the case-folded line, spaces included

    @classmethod
    def of(cls, lines: Sequence[str]) -> "TextStatistics":
        """The statistics of a text, one utterance or sentence a line.

        Raises InputError for a text without any word.
        """
        word_counts = _count(lines, CountVectorizer(analyzer=words))
        if word_counts is None:
            raise InputError(f"a text of {len(lines)} lines has no word in it: nothing to compare")
        trigrams = _count(lines, CountVectorizer(analyzer=_trigrams))
        assert trigrams is not None  # a text with a word has at least one
        n_words = int(word_counts.totals.sum())
        return cls(len(lines), n_words, word_counts, trigrams)

    @property
    def vocabulary_size(self) -> int:
        """Distinct words."""
        return len(self.word_counts.items)

    @property
    def type_token_ratio(self) -> float:
        """Distinct words per running word, 0 to 1. Falls as a text grows."""
        return self.vocabulary_size / self.n_words

    @property
    def mean_line_length(self) -> float:
        """Words per line."""
        return self.n_words / self.n_lines


def _trigrams(line: str) -> list[str]:
    """Character trigrams of a line between two spaces, so that a single letter has one."""
    padded = f" {' '.join(line.casefold().split())} "
    return [padded[i : i + 3] for i in range(len(padded) - 2)]


def _count(lines: Sequence[str], vectorizer: CountVectorizer) -> Counts | None:
    try:
        by_line = vectorizer.fit_transform(lines)
    except ValueError:  # scikit-learn's "empty vocabulary"
        return None
    return Counts(tuple(vectorizer.get_feature_names_out()), csr_matrix(by_line))


def pair_features(train: TextStatistics, test: TextStatistics) -> dict[str, float]:
    """The dataset features of a training and a test text, by name.

    - `train_word_vocab_size`, `test_word_vocab_size`: distinct words.
    - `avg_train_sentence_length`, `avg_test_sentence_length`: words per line.
    - `train_test_word_overlap`: |V1 n V2| / (|V1| + |V2|), 0 to 0.5, as NLPerf and the published
      files have it (the denominator is the sum, not the union).
    - `ttr_train`, `ttr_test`: type-token ratios.
    - `train_test_ttr_distance`: (1 - ttr_train / ttr_test)^2.
    - `train_test_jsd`: Jensen-Shannon divergence, base 2, of the word distributions, 0 to 1.
    - `train_test_char_jsd`: the same of character trigrams; it sees spelling, not only words.
    - `train_test_tf_idf`: cosine distance of the mean tf-idf vectors, idf over both texts'
      lines, 0 to 1.
    """
    train_words, test_words = _aligned(train.word_counts, test.word_counts)
    shared = len(set(train.word_counts.items) & set(test.word_counts.items))
    return {
        "train_word_vocab_size": float(train.vocabulary_size),
        "test_word_vocab_size": float(test.vocabulary_size),
        "avg_train_sentence_length": train.mean_line_length,
        "avg_test_sentence_length": test.mean_line_length,
        "train_test_word_overlap": shared / (train.vocabulary_size + test.vocabulary_size),
        "ttr_train": train.type_token_ratio,
        "ttr_test": test.type_token_ratio,
        "train_test_ttr_distance": (1 - train.type_token_ratio / test.type_token_ratio) ** 2,
        "train_test_jsd": _divergence(train_words, test_words),
        "train_test_char_jsd": _divergence(*_aligned(train.trigram_counts, test.trigram_counts)),
        "train_test_tf_idf": _tf_idf_distance(train_words, test_words),
    }


def _aligned(one: Counts, other: Counts) -> tuple[csr_matrix, csr_matrix]:
    """Both counts over the same columns: the items of either."""
    column = {item: i for i, item in enumerate(one.items)}
    moved = np.array([column.setdefault(item, len(column)) for item in other.items])
    first, second = one.by_line, other.by_line
    return (
        csr_matrix((first.data, first.indices, first.indptr), (first.shape[0], len(column))),
        csr_matrix(
            (second.data, moved[second.indices], second.indptr), (second.shape[0], len(column))
        ),
    )


def _divergence(one: csr_matrix, other: csr_matrix) -> float:
    totals = (np.asarray(counts.sum(axis=0)).ravel() for counts in (one, other))
    p, q = (total / total.sum() for total in totals)
    # From entropies, because scipy's jensenshannon is NaN where rounding makes it negative.
    apart = entropy((p + q) / 2, base=2) - (entropy(p, base=2) + entropy(q, base=2)) / 2
    return max(0.0, float(apart))


def _tf_idf_distance(one: csr_matrix, other: csr_matrix) -> float:
    weights = csr_matrix(TfidfTransformer().fit_transform(vstack([one, other], format="csr")))
    n = one.shape[0]
    means = [np.asarray(rows.mean(axis=0)).ravel() for rows in (weights[:n], weights[n:])]
    return max(0.0, float(cosine(*means)))
