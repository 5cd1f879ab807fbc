"""How large, how varied and how alike texts are: the dataset features of the ProxyLM paper.

Names and definitions are the paper's (which follow NLPerf, Xia et al. 2020), on words. What is a
distance is called one. `paper.py` has the columns of the published files, which are something
else under the same names; docs/features.md sets them side by side. This module knows no
languages, no labels and no files.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from proxylm.features.counts import Aligned, Counter, Counts
from proxylm.features.words import LINE_END, VERSION, folded, is_word, segments

DEFINITION = f"words:{VERSION}|trigrams:1|tf-idf:smooth"
"""What could change these numbers."""

PARTS = ("train", "dev", "test")

_CHUNK = 1 << 20
"""Characters that are counted at a time. It bounds the memory, not the size of a text."""


@dataclass(frozen=True)
class TextStatistics:
    """What `text_features` needs of one text; computed once, used in every pair."""

    n_lines: int
    words: Counts
    trigrams: Counts  # characters of the folded line between two spaces

    @classmethod
    def of(cls, lines: Iterable[str]) -> "TextStatistics":
        """The statistics of a text, one utterance or sentence a line.

        The lines are read once and counted by chunks: memory grows with the vocabulary, 24 bytes a
        distinct word, and not with the lines.
        """
        n_lines, words, trigrams = 0, Counter(), Counter()
        for chunk in _chunks(lines):
            n_lines += len(chunk)
            text = folded(chunk)
            words.add(*_words(text))
            trigrams.add(*_trigrams(text))
        return cls(n_lines, words.counts(), trigrams.counts())

    @property
    def n_words(self) -> int:
        """Running words."""
        return int(self.words.totals.sum())

    @property
    def vocabulary_size(self) -> int:
        """Distinct words."""
        return len(self.words)

    @property
    def type_token_ratio(self) -> float:
        """Distinct words per running word, 0 to 1. Falls as a text grows."""
        return self.vocabulary_size / self.n_words

    @property
    def mean_line_length(self) -> float:
        """Words per line."""
        return self.n_words / self.n_lines


def text_features(texts: Mapping[str, TextStatistics]) -> dict[str, float]:
    """The dataset features of a setting's texts, by name. `texts` has some of `PARTS`.

    Of each part (here train):

    - `train_word_vocab_size`: distinct words; `avg_train_sentence_length`: words per line;
      `ttr_train`: type-token ratio; `dev_size`, `test_size`: lines.

    Of each pair of parts (here train and test):

    - `train_test_word_overlap`: |V1 n V2| / (|V1| + |V2|), 0 to 0.5: the denominator is the sum.
    - `train_test_ttr_distance`: (1 - ttr_train / ttr_test)^2.
    - `train_test_jsd`: Jensen-Shannon divergence, base 2, of the word distributions, 0 to 1.
    - `train_test_char_jsd`: the same of character trigrams; it sees spelling, not only words.
    - `train_test_tf_idf_distance`: cosine distance of the tf-idf vectors, idf over the lines of
      both texts, 0 to 1; see `counts.Aligned.tf_idf_distance`.

    A text without any word has a size and nothing else.
    """
    found = {f"{part}_size": float(texts[part].n_lines) for part in PARTS[1:] if part in texts}
    known = {part: texts[part] for part in PARTS if part in texts and texts[part].n_words}
    for part, text in known.items():
        found[f"{part}_word_vocab_size"] = float(text.vocabulary_size)
        found[f"avg_{part}_sentence_length"] = text.mean_line_length
        found[f"ttr_{part}"] = text.type_token_ratio
    for (name, one), (other_name, other) in combinations(known.items(), 2):
        pair = f"{name}_{other_name}"
        words = Aligned.of(one.words, other.words)
        ratio = one.type_token_ratio / other.type_token_ratio
        found[f"{pair}_word_overlap"] = words.shared / (len(one.words) + len(other.words))
        found[f"{pair}_ttr_distance"] = (1 - ratio) ** 2
        found[f"{pair}_jsd"] = words.divergence()
        found[f"{pair}_char_jsd"] = Aligned.of(one.trigrams, other.trigrams).divergence()
        found[f"{pair}_tf_idf_distance"] = words.tf_idf_distance(one.n_lines + other.n_lines)
    return found


def _chunks(lines: Iterable[str]) -> Iterator[list[str]]:
    chunk: list[str] = []
    size = 0
    for line in lines:
        chunk.append(line)
        size += len(line)
        if size >= _CHUNK:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


_Columns = tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64], npt.NDArray[np.int64]]


def _words(text: str) -> _Columns:
    """Hash of each distinct word, how often it occurs and in how many lines."""
    coded = pa.array(segments(text), pa.string()).dictionary_encode()
    items: list[str] = coded.dictionary.to_pylist()
    codes = coded.indices.to_numpy()
    line = np.cumsum(codes == items.index(LINE_END))
    wanted = np.array([is_word(item) for item in items])
    kept = wanted[codes]
    codes, line = codes[kept].astype(np.int64), line[kept]
    totals = np.bincount(codes, minlength=len(items))
    pairs = pa.array(line * len(items) + codes).unique().to_numpy()
    lines = np.bincount(pairs % len(items), minlength=len(items))
    # pandas hashes strings alike in every process, Python does not.
    hashes = pd.util.hash_array(np.array(items, dtype=object), categorize=False)
    return hashes[wanted], totals[wanted], lines[wanted]


def _trigrams(text: str) -> _Columns:
    """Each distinct trigram: its three code points, 21 bits each; lines are not counted."""
    padded = "".join(f" {' '.join(line.split())} \n" for line in text.split(LINE_END)[:-1])
    points = np.frombuffer(padded.encode("utf-32-le"), dtype=np.uint32).astype(np.uint64)
    crosses = points == ord(LINE_END)
    crosses = crosses[:-2] | crosses[1:-1] | crosses[2:]
    grams = (points[:-2] << 42) | (points[1:-1] << 21) | points[2:]
    counted = pa.array(grams[~crosses]).value_counts()
    totals = counted.field("counts").to_numpy()
    return counted.field("values").to_numpy(), totals, np.zeros_like(totals)
